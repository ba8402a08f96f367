"""Find the settings: arguments, over ``OUTLAY_*``, over outlay.toml, over ``[tool.outlay]`` of pyproject.toml."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from outlay.config import exporters
from outlay.config.environment import FILE, disabled, from_environment
from outlay.config.settings import NAMES, Settings, checked, checked_name, checked_type
from outlay.errors import ConfigError

PATHS = ("data", "price_book")
"""Settings that are paths: relative ones in a file are relative to the file, others to the working directory."""


class Source(msgspec.Struct, frozen=True):
    """Settings that stand in one place."""

    where: str
    """What a complaint calls it."""
    folder: Path | None
    """What relative paths are relative to; the working directory where None."""
    given: Mapping[str, Any]


def load(
    arguments: Mapping[str, Any] = {}, environ: Mapping[str, str] = os.environ, start: Path | None = None
) -> Settings:
    """Return the settings in force. Raises ``ConfigError`` with one sentence that says where and what to do.

    ``start``: where the search for files begins, upwards; the working directory where not given. Tables (``tags``,
    ``hosts``, ``spike_limits``) are merged name by name. Where outlay is disabled, nothing else is read, so nothing
    else can be wrong.
    """
    return traced(arguments, environ, start)[0]


def traced(
    arguments: Mapping[str, Any] = {}, environ: Mapping[str, str] = os.environ, start: Path | None = None
) -> tuple[Settings, dict[str, str]]:
    """Return the settings in force as ``load`` does, and by name where each was found last."""
    if disabled(arguments, environ):
        return Settings(disabled=True), {}
    values: dict[str, Any] = {}
    where: dict[str, str] = dict.fromkeys(NAMES, DEFAULTS)
    for source in _sources(arguments, environ, start):
        for name, value in source.given.items():
            checked_name(source.where, name)
            found = checked_type(source.where, name, value)
            if name in PATHS and found is not None:
                found = _absolute(source, name, found)
            values[name] = _merged(name, values.get(name, {}), found)
            where[name] = source.where
    return checked(Settings(**values), where), where


def _merged(name: str, before: Any, found: Any) -> Any:
    if name == "exporters":
        return exporters.merged(before, found)
    return {**before, **found} if isinstance(found, dict) else found


def _sources(arguments: Mapping[str, Any], environ: Mapping[str, str], start: Path | None) -> Iterator[Source]:
    """Yield the sources, the weakest first."""
    folders = _upwards(start)
    yield _project(folders)
    yield _named(environ[FILE]) if environ.get(FILE) else _nearest(folders)
    yield Source("the environment", None, from_environment(environ))
    yield Source("the arguments of init()", None, arguments)


DEFAULTS = "the defaults"
"""Where a setting was found that nobody gave."""

NOTHING = Source("", None, {})

_ADDRESSED = rb"""(?m)tool["'\s]*\.["'\s]*outlay|^\s*(?:\[\s*["']?tool["']?\s*\]|["']?tool["']?\s*=)"""
"""Every way to begin a table ``tool.outlay`` in TOML; compiled for those who have a pyproject.toml."""


def _upwards(start: Path | None) -> tuple[Path, ...]:
    try:
        first = (start or Path.cwd()).resolve()
    except OSError:  # the working directory was deleted
        return ()
    return (first, *first.parents)


def _named(name: str) -> Source:
    path = _expanded(FILE, name)
    table = _table(path, _read(path))
    if path.name == "pyproject.toml":
        return Source(f"{path} [tool.outlay]", path.parent, _section(path, table) or {})
    return Source(str(path), path.parent, table)


def _nearest(folders: tuple[Path, ...]) -> Source:
    for folder in folders:
        path = folder / "outlay.toml"
        if path.is_file():
            return Source(str(path), folder, _table(path, _read(path)))
    return NOTHING


def _project(folders: tuple[Path, ...]) -> Source:
    for folder in folders:
        path = folder / "pyproject.toml"
        try:
            text = path.read_bytes()
        except OSError:  # most folders have none, and one that can't be read is not addressed to us
            continue
        if not re.search(_ADDRESSED, text):  # to parse it would cost more than all the rest of init()
            continue
        section = _section(path, _table(path, text))
        if section is not None:
            return Source(f"{path} [tool.outlay]", folder, section)
    return NOTHING


def _section(path: Path, table: dict[str, Any]) -> dict[str, Any] | None:
    tool = table.get("tool")
    section = tool.get("outlay") if isinstance(tool, dict) else None
    if section is not None and not isinstance(section, dict):
        raise ConfigError(f"{path}: tool.outlay must be a table: write [tool.outlay] and the settings below it.")
    return section


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError(f"{path} can't be read ({reason}): mend it, or name another file by {FILE}.") from None


@lru_cache(maxsize=8)  # tests start outlay often, and most of that time would go here
def _table(path: Path, text: bytes) -> dict[str, Any]:
    import tomllib  # takes as long as the rest of the settings, and most have no file

    try:
        return tomllib.loads(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8, as TOML must be: save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None


def _absolute(source: Source, name: str, path: str) -> str:
    expanded = _expanded(f"{source.where}: {name}", path)
    try:
        return str((source.folder or Path.cwd()) / expanded)
    except OSError:  # the working directory was deleted
        raise ConfigError(
            f"{source.where}: {name} = {path!r} is relative to a folder that is gone: write it in full."
        ) from None


def _expanded(where: str, path: str) -> Path:
    if not path or "\0" in path:
        raise ConfigError(f"{where} = {path!r} is not a path: give one, or leave it out.")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"{where} = {path!r} names a home that there is not: write the path in full.") from None
