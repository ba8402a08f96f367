"""Settings: arguments over ``OUTLAY_*`` variables over ``outlay.toml`` over ``[tool.outlay]`` of pyproject.toml."""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from outlay.errors import ConfigError


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set. Each field is an argument of ``init()``, ``OUTLAY_<NAME>`` and a key of outlay.toml."""

    project: str = ""
    """Whose calls these are; the name of the working directory where empty."""
    release: str | None = None
    """Version of the application, kept with each call."""
    disabled: bool = False
    """Make everything a no-op."""
    data: str | None = None
    """Folder of ledger and spool; the user's data folder where not set."""
    tags: dict[str, str] = {}
    """Tags of every call."""
    hosts: dict[str, str] = {}
    """Host → provider, for gateways and self-hosted models: ``"llm.corp.example" = "openai"``."""
    declared_tags: tuple[str, ...] = ("user", "tenant", "session")
    """Tags that reports can break down by in a moment, over millions of calls; any other is read call by call."""
    timezone: str = "UTC"
    """IANA zone of days and months in reports; invoices are in UTC."""
    price_book: str | None = None
    """TOML file of your own prices, laid over the table."""
    ask_usage: bool = True
    """Ask chat streams for their usage where the caller did not, and take it out of the stream again."""
    instrument: bool = True
    """Patch the HTTP clients; without it only ``instrument(client)`` and ``record()`` meter."""
    retention_days: int = 400
    """Days that calls are kept; 0 for ever."""
    retention_megabytes: int = 0
    """Size that the ledger is pruned to, oldest calls first; 0 for any size."""


_NAMES = Settings.__struct_fields__
_VARIABLES = {f"OUTLAY_{name.upper()}": name for name in _NAMES}
# Variables that are no settings: where the file is, and how outlay behaves in its own tests.
_OTHER_VARIABLES = frozenset(("OUTLAY_CONFIG", "OUTLAY_STRICT"))
_DURATIONS = re.compile(r"\d+")


def load(arguments: Mapping[str, Any], environ: Mapping[str, str] = os.environ, start: Path | None = None) -> Settings:
    """Return the settings in force. Raises ``ConfigError`` with one sentence that says where and what to do.

    ``start``: where the search for outlay.toml begins, upwards; the working directory where not given.
    """
    values: dict[str, Any] = {}
    for source, given in (
        _from_file(environ, start),
        _from_environment(environ),
        ("the arguments of init()", arguments),
    ):
        _check_names(source, given)
        for name, value in given.items():
            if isinstance(value, dict) and isinstance(values.get(name), dict):
                values[name] = {**values[name], **value}
            elif value is not None:
                values[name] = value
    return _checked(values)


def data_folder(settings: Settings, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of ledger and spool, as set or by the system's custom."""
    if settings.data:
        return Path(settings.data).expanduser()
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "outlay"
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/outlay"
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "outlay"


def _checked(values: dict[str, Any]) -> Settings:
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"a setting has the wrong type: {error}; see docs/configuration.md.") from None
    try:
        ZoneInfo(settings.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"timezone = {settings.timezone!r} is not an IANA zone: write one like 'Europe/Berlin' or 'UTC'."
        ) from None
    for name in ("retention_days", "retention_megabytes"):
        if getattr(settings, name) < 0:
            raise ConfigError(f"{name} = {getattr(settings, name)} is negative: write 0 for no limit.")
    if settings.price_book and not Path(settings.price_book).expanduser().is_file():
        raise ConfigError(f"price_book = {settings.price_book!r} is not there: give the path of a TOML file of prices.")
    return settings


def _check_names(source: str, given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in _NAMES:
            near = difflib.get_close_matches(name, _NAMES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_NAMES)}."
            raise ConfigError(f"{source}: there is no setting {name!r}; {hint}")


def _from_environment(environ: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    given: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith("OUTLAY_") or variable in _OTHER_VARIABLES or variable.startswith("OUTLAY_TEST_"):
            continue
        name = _VARIABLES.get(variable)
        if name is None:
            near = difflib.get_close_matches(variable, _VARIABLES, n=1)
            hint = f"did you mean {near[0]}?" if near else "see docs/configuration.md."
            raise ConfigError(f"the environment: there is no variable {variable}; {hint}")
        given[name] = _parsed(variable, name, text)
    return "the environment", given


def _parsed(variable: str, name: str, text: str) -> Any:
    """Return an environment variable's text as its setting's type: ``a=1,b=2`` for tables, ``a,b`` for lists."""
    default = getattr(Settings(), name)
    if isinstance(default, dict):
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        if any(not sign for _, sign, _ in pairs):
            raise ConfigError(f"{variable}={text!r} must be written as name=value,name=value.")
        return {key.strip(): value.strip() for key, _, value in pairs}
    if isinstance(default, tuple):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(default, bool):
        lowered = text.strip().lower()
        if lowered not in _BOOLEANS:
            raise ConfigError(f"{variable}={text!r} must be 1 or 0 (or true, false, yes, no, on, off).")
        return _BOOLEANS[lowered]
    if isinstance(default, int) and not _DURATIONS.fullmatch(text.strip()):
        raise ConfigError(f"{variable}={text!r} must be a whole number.")
    return text


_BOOLEANS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
    "": False,
}


def _from_file(environ: Mapping[str, str], start: Path | None) -> tuple[str, dict[str, Any]]:
    named = environ.get("OUTLAY_CONFIG")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigError(f"OUTLAY_CONFIG={named!r} is not there: give the path of a TOML file, or unset it.")
        return str(path), _table(path)
    try:
        first = (start or Path.cwd()).resolve()
    except OSError:  # the working directory was deleted
        return "", {}
    for folder in (first, *first.parents):
        if (folder / "outlay.toml").is_file():
            return str(folder / "outlay.toml"), _table(folder / "outlay.toml")
        project = folder / "pyproject.toml"
        if project.is_file():
            given = _table(project).get("tool", {}).get("outlay")
            if given is not None:
                return f"{project} [tool.outlay]", given
    return "", {}


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}.") from None
