"""The setting ``exporters``: a list of names, or a table of each one's options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from outlay.errors import ConfigError

Exporters = dict[str, dict[str, Any]]
"""Name → options."""


def read(where: str, value: Any) -> Exporters | tuple[str, ...]:
    """Return a list as a tuple of names, a table as one of tables, or raise ``ConfigError``.

    Functions stand in a list for themselves, or in a table for exporters of the kind ``callable``.
    """
    if isinstance(value, Mapping):
        return {_name(where, name): _options(where, name, options) for name, options in value.items()}
    if not isinstance(value, (list, tuple)):
        raise _complaint(where, value)
    if not any(callable(item) for item in value):
        return tuple(_name(where, item) for item in value)
    return {_name(where, _called(item)): {} if isinstance(item, str) else _function(item) for item in value}


def merged(before: Mapping[str, Any], found: Exporters | tuple[str, ...]) -> Exporters:
    """Lay what a stronger source says over a weaker one's: its list decides which, its tables add options."""
    if isinstance(found, tuple):
        return {name: before.get(name, {}) for name in found}
    return {**before, **{name: {**before.get(name, {}), **options} for name, options in found.items()}}


def _name(where: str, name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise _complaint(where, name)
    return name


def _called(item: Any) -> Any:
    return getattr(item, "__name__", None) if callable(item) else item


def _function(function: Callable[..., Any]) -> dict[str, Any]:
    return {"kind": "callable", "function": function}


def _options(where: str, name: str, options: Any) -> dict[str, Any]:
    if callable(options):
        return _function(options)
    if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
        raise ConfigError(f"{where}: exporters.{name} must be a table of options, not {type(options).__qualname__}.")
    return dict(options)


def _complaint(where: str, value: Any) -> ConfigError:
    kind = type(value).__qualname__
    return ConfigError(f'{where}: exporters must be a list of names, like ["otlp"], or a table of each, not a {kind}.')
