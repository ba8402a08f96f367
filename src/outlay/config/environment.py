"""Settings in the environment: ``OUTLAY_<NAME>``, with tables as ``a=1,b=2`` and lists as ``a,b``."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from outlay.config import channels
from outlay.config.settings import NAMES, TYPES, nearest
from outlay.errors import ConfigError

logger = logging.getLogger("outlay")

FILE = "OUTLAY_CONFIG"
"""Names the file of settings; not a setting itself."""

VARIABLES = {f"OUTLAY_{name.upper()}": name for name in NAMES}

_OTHERS = frozenset((FILE, "OUTLAY_STRICT"))
_BOOLEANS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_warned: set[str] = set()


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what the variables set; an empty one sets nothing.

    A variable that is no setting is warned of, once, and not refused as an unknown key of a file is: an environment is
    shared by programs of several ages, and one may be meant for a newer outlay.
    """
    given = {}
    for variable, text in environ.items():
        if not variable.startswith("OUTLAY_") or variable in _OTHERS or variable.startswith("OUTLAY_TEST_"):
            continue
        name = VARIABLES.get(variable)
        if name is None:
            _warn(variable)
        elif text.strip():
            given[name] = _parsed(variable, TYPES[name], text.strip())
    return given


def disabled(arguments: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether an argument or, without one, the environment turns outlay off."""
    if "disabled" in arguments:
        return arguments["disabled"] is True
    text = environ.get("OUTLAY_DISABLED", "").strip()
    return bool(text and _parsed("OUTLAY_DISABLED", bool, text))


def _warn(variable: str) -> None:
    if variable not in _warned:
        _warned.add(variable)
        near = nearest(variable, VARIABLES)
        hint = f"did you mean {near}?" if near else "docs/configuration.md lists those that there are."
        logger.warning("outlay knows no variable %s, and goes on without it; %s", variable, hint)


def _parsed(variable: str, wanted: Any, text: str) -> Any:
    if wanted in (dict[str, str], dict[str, Any]):
        return _pairs(variable, text)
    if wanted == tuple[channels.Address, ...]:
        return channels.split(text)
    if wanted in (tuple[str, ...], dict[str, dict[str, Any]]):  # exporters: by their names
        return [part.strip() for part in text.split(",") if part.strip()]
    if wanted == tuple[Any, ...]:
        return _tables(variable, text)
    if wanted is bool:
        if text.lower() not in _BOOLEANS:
            raise ConfigError(
                f"the environment: {variable}={text!r} must be 1 or 0 (or true, false, yes, no, on, off)."
            )
        return _BOOLEANS[text.lower()]
    if wanted is int:
        try:
            return int(text)
        except ValueError:
            raise ConfigError(f"the environment: {variable}={text!r} must be a whole number.") from None
    return text


def _tables(variable: str, text: str) -> list[Any]:
    try:
        return msgspec.json.decode(text, type=list[Any])
    except msgspec.MsgspecError:
        raise ConfigError(f'the environment: {variable} must be a JSON list of tables, like [{{"name": …}}].') from None


def _pairs(variable: str, text: str) -> dict[str, str]:
    pairs = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, value = part.partition("=")
        if not sign or not name.strip():
            raise ConfigError(f"the environment: {variable} must be written as name=value,name=value.")
        pairs[name.strip()] = value.strip()
    return pairs
