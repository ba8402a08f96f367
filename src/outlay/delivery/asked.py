"""Which exporters the settings ask for, and with which options; what is wrong with them is said when outlay starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from outlay.errors import ConfigError, MissingExtra
from outlay.export import Backend
from outlay.readable import readable
from outlay.records import Call, Span


class Common(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set for every exporter."""

    kind: str = ""
    """The backend, where the exporter has a name of its own: two collectors are two exporters of kind ``otlp``."""
    tags: tuple[str, ...] | None = None
    """Tags that the backend may see; all of them where not set."""
    content: bool = True
    """Whether the backend may see content, where it is captured at all."""
    batch: int | None = None
    """Records that are handed over at once at most; the backend's own number where not set."""


R = TypeVar("R", bound=Call | Span)


class Asked(msgspec.Struct, frozen=True):
    """An exporter that was asked for."""

    name: str
    backend: Backend
    options: Any
    common: Common = Common()

    @property
    def batch(self) -> int:
        """Records that are handed over at once at most."""
        return self.common.batch or self.backend.batch

    def shown(self, record: R) -> R:
        """Return a record as the backend may see it."""
        allowed = self.common.tags
        if allowed is None or not record.tags:
            return record
        allowed += self.backend.needs
        return replace(record, tags={name: value for name, value in record.tags.items() if name in allowed})


_NAME = re.compile(r"[\w.-]{1,64}")
_COMMON = frozenset(Common.__struct_fields__)


def asked(
    exporters: Mapping[str, Mapping[str, Any]], known: Sequence[str], load: Callable[[str], Backend], where: str = ""
) -> tuple[Asked, ...]:
    """Return the exporters of the setting ``exporters``: name → options.

    ``known`` are the backends that there are, of which ``load`` returns one. Raises ConfigError for one that there is
    not, for an option that can't be used, MissingExtra where a backend's package is not installed.
    """
    return tuple(_asked(name, options, known, load, where) for name, options in exporters.items())


def _asked(
    name: str, options: Mapping[str, Any], known: Sequence[str], load: Callable[[str], Backend], where: str
) -> Asked:
    place = f"{where}: exporters.{name}" if where else f"exporters.{name}"
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{place} is no name: write letters, digits, '.', '-' and '_', 64 at most.")
    kind = options.get("kind") or name
    if kind not in known:
        near = get_close_matches(str(kind), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}."
        raise ConfigError(f"{place}: there is no exporter {kind!r}; {hint}")
    backend = load(kind)
    names = (*backend.options.__struct_fields__, *Common.__struct_fields__)

    def converted(into: type[msgspec.Struct], given: Mapping[str, Any]) -> Any:
        try:
            return msgspec.convert(dict(given), readable(into), strict=False)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{place}: {error}; its options are {', '.join(names)}.") from None

    common = converted(Common, {key: value for key, value in options.items() if key in _COMMON})
    if common.batch is not None and common.batch < 1:
        raise ConfigError(f"{place}: batch = {common.batch} is no number of records: write 1 or more.")
    check_installed(backend)
    own = converted(backend.options, {key: value for key, value in options.items() if key not in _COMMON})
    return Asked(name, backend, own, common)


def delivered(wanted: Sequence[Asked]) -> tuple[Asked, ...]:
    """Return those that are delivered to; the others follow calls where they are made."""
    return tuple(one for one in wanted if one.backend.delivers)


def check_installed(backend: Backend) -> None:
    """Raise MissingExtra where a module that ``backend`` needs can't be found; none of them is imported."""
    missing = [module for module in backend.modules if not _is_there(module)]
    if missing:
        line = f'pip install "{backend.install}"' if backend.install else f"install the package of {missing[0]}"
        raise MissingExtra(f"the exporter {backend.name!r} needs {missing[0]}, which is not installed: {line}")


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # the package that it is in is not there, or is half made
        return False
