"""Conditions as people write them: ``user=u-42``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from outlay.providers import canonical

WORDS = {"user": "tag:user", "tenant": "tag:tenant", "session": "tag:session"}
"""Short names of common tags."""


def field_named(word: str) -> str:
    """Return the ledger's name of what people call ``word``."""
    return WORDS.get(word.strip(), word.strip())


def read_filters(conditions: Sequence[str]) -> dict[str, str | None]:
    """Return conditions as the ledger takes them; ``NAME=`` finds calls without one. Raises ``click.BadParameter``."""
    filters: dict[str, str | None] = {}
    for condition in conditions:
        name, sign, value = condition.partition("=")
        if not sign:
            raise click.BadParameter(f"{condition!r} must be written as NAME=VALUE; NAME= finds calls without one.")
        filters[field_named(name)] = (canonical(value) if name.strip() == "provider" else value) or None
    return filters
