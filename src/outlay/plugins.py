"""What is installed: transports, wire formats, providers and exporters, ours and anyone's, by the same entry points."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, EntryPoint, PathDistribution, distributions
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlay.guard import guard
from outlay.integration import Transport

if TYPE_CHECKING:
    from outlay.integration import API, Backend, Provider


@functools.cache
def transports() -> tuple[Transport, ...]:
    """Return every transport that an installed package registers."""
    return tuple(_load("outlay.transports", Transport))


@functools.cache
def apis() -> tuple[API, ...]:
    """Return every wire format that an installed package registers."""
    from outlay.integration import API  # with the first request, as all that reads one

    return tuple(_load("outlay.apis", API))


@functools.cache
def providers() -> tuple[Provider, ...]:
    """Return every provider that an installed package registers."""
    from outlay.integration import Provider  # as above

    return tuple(_load("outlay.providers", Provider))


@functools.cache
def exporter_names() -> tuple[str, ...]:
    """Return the name of every exporter that an installed package registers; none of them is loaded."""
    return tuple(sorted({entry.name for entry in _entries() if entry.group == "outlay.exporters"}))


def exporter(name: str) -> Backend:
    """Return the exporter ``name``, which was asked for: what it can't be loaded for is raised, not swallowed."""
    from outlay.integration import Backend  # by those who export

    entry = next(entry for entry in _entries() if entry.group == "outlay.exporters" and entry.name == name)
    (backend,) = _values(entry, Backend)
    return backend  # type: ignore[no-any-return]  # it was checked just now


@functools.cache
def _entries() -> tuple[EntryPoint, ...]:
    """Return outlay's entry points of every installed package."""
    entries = (entry for package in _registering() for entry in package.entry_points)
    return tuple(dict.fromkeys(entry for entry in entries if entry.group.startswith("outlay.")))


def _registering() -> Iterator[Distribution]:
    """Yield the installed packages that register something of ours, as ``distributions()`` would find them.

    That makes objects of every package to look at one file of each; here the file is looked at first, which takes a
    fifth of the time. Whatever else packages can be imported from is left to the standard library.
    """
    if any(map(_is_foreign, sys.meta_path)):
        yield from distributions()
        return
    for place in sys.path:
        try:
            names = os.listdir(place or ".")  # noqa: PTH208 - hundreds of names, and an object of each for nothing
        except NotADirectoryError:  # a zip file
            yield from distributions(path=[place])
        except OSError:  # it is not there, or not ours to read
            continue
        else:
            for name in names:
                if name.lower().endswith(_ENDINGS) and _registers(f"{place or '.'}/{name}/entry_points.txt"):
                    yield PathDistribution(Path(place, name))


_ENDINGS = (".dist-info", ".egg-info", "egg-info")
"""Names of the folders that describe an installed package; the last one stands inside an ``.egg``."""


def _registers(path: str) -> bool:
    if not os.access(path, os.R_OK):  # most have no entry points, and an exception takes five times as long
        return False
    with FileIO(path) as file:
        return b"[outlay." in file.read()


def _is_foreign(finder: object) -> bool:
    """Return whether a finder knows of packages that stand on no path: frozen applications have such."""
    name = getattr(finder, "__name__", type(finder).__name__)
    return hasattr(finder, "find_distributions") and name not in ("PathFinder", "MetadataPathFinder")


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
