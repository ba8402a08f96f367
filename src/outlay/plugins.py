"""What is installed: transports, wire formats and providers, ours and anyone's, by the same entry points."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from importlib.metadata import EntryPoint, distributions
from typing import Any

from outlay.guard import guard
from outlay.integration import API, Provider, Transport


@functools.cache
def transports() -> tuple[Transport, ...]:
    """Return every transport that an installed package registers."""
    return tuple(_load("outlay.transports", Transport))


@functools.cache
def apis() -> tuple[API, ...]:
    """Return every wire format that an installed package registers."""
    return tuple(_load("outlay.apis", API))


@functools.cache
def providers() -> tuple[Provider, ...]:
    """Return every provider that an installed package registers."""
    return tuple(_load("outlay.providers", Provider))


@functools.cache
def _entries() -> tuple[EntryPoint, ...]:
    """Return outlay's entry points of every installed package: a third of what ``entry_points()`` takes, and once."""
    found: dict[EntryPoint, None] = {}
    for distribution in distributions():
        if "[outlay." in (distribution.read_text("entry_points.txt") or ""):
            found.update((entry, None) for entry in distribution.entry_points if entry.group.startswith("outlay."))
    return tuple(found)


def _load(group: str, kind: type[Any]) -> Iterable[Any]:
    for entry in (entry for entry in _entries() if entry.group == group):
        # A broken plugin costs its own part and nothing else.
        with guard(f"loading the plugin {entry.name} of {group}"):
            yield from _values(entry, kind)


def _values(entry: EntryPoint, kind: type[Any]) -> list[Any]:
    loaded = entry.load()
    values = list(loaded) if isinstance(loaded, (list, tuple)) else [loaded]
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"{entry.value} holds a {type(value).__qualname__}, not a {kind.__qualname__}")
    return values
