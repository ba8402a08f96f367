"""Dropping what was said in calls, where it was captured; the calls stay."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from outlay.content.store import Store
from outlay.ledger.ledger import Ledger

EVERY = 2**31
"""More calls than there can be."""


def drop_content_of(ledger: Ledger, folder: Path, filters: Mapping[str, str]) -> None:
    """Drop what was said in the calls that ``filters`` find, before these can't be found any more."""
    with contextlib.closing(Store(folder)) as content:
        if content.there:
            content.drop(call.id for call in ledger.calls(limit=EVERY, filters=filters))


def drop_content(folder: Path, before: int | None) -> int:
    """Drop what was said in all calls, or in those that began before a time; return of how many."""
    with contextlib.closing(Store(folder)) as content:
        return content.drop(before=before)
