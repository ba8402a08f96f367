"""Notes on batches that were submitted, a small file each beside the ledger, for whatever process fetches the output.

A note says who submitted (project, feature, tags) and when; it holds no content. Providers keep a batch's output for
a month or two: notes older than that are deleted.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

KEPT = 60 * 86_400
"""Seconds that a note is kept."""


class Submissions:
    """The notes in a folder, each by its key; the first note of a key stays."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tidied = False

    def get(self, key: str) -> bytes | None:
        """Return the note of a key, or None."""
        try:
            return (self._folder / key).read_bytes()
        except OSError:
            return None

    def setdefault(self, key: str, note: bytes) -> None:
        """Keep a note unless the key has one; without a disk for it, the output goes to who fetches it."""
        file, draft = self._folder / key, self._folder / f"{key}.{os.getpid()}"
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._tidy()
            if not file.exists():
                with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as writing:
                    writing.write(note)
                draft.replace(file)

    def forget(self, tags: Mapping[str, str]) -> None:
        """Delete the notes of submissions that had all of these tags: what they submitted goes to who fetches it."""
        for file in self._folder.iterdir() if self._folder.is_dir() else ():
            if any(tags.items() <= told.items() for told in _objects(file.read_bytes())):
                file.unlink(missing_ok=True)

    def _tidy(self) -> None:
        if self._tidied:
            return
        self._tidied, now = True, time.time()
        for file in self._folder.iterdir():
            if file.stat().st_mtime < now - KEPT:
                file.unlink(missing_ok=True)


def _objects(note: bytes) -> Iterator[dict[str, str]]:
    """Yield the objects in a note, whatever its form: tags are the only one."""
    try:
        waiting: list[Any] = [msgspec.json.decode(note)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
        elif isinstance(value, list):
            waiting.extend(value)
