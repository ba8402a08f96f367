"""A function of the application's own: ``outlay.init(exporters=[send])``, or ``function = "package.module:send"``.

It is called with a ``Batch`` on a thread of outlay's, and may return what an exporter returns; nothing means delivered.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

import msgspec

from outlay.integration import Backend, Batch, Delivered, Place, Result

_PLACE = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set for an exporter of the kind ``callable``."""

    function: Any
    """A function, or where it is imported from: ``package.module:name``."""

    def __post_init__(self) -> None:
        given = self.function
        if not (_PLACE.fullmatch(given) if isinstance(given, str) else callable(given)):
            raise ValueError(f"function = {given!r} is none: give a function, or 'package.module:name'")


class Caller:
    """A function that is given batches."""

    def __init__(self, function: Callable[[Batch], Result | None]) -> None:
        self._function = function

    def send(self, batch: Batch) -> Result:
        """Call the function."""
        return self._function(batch) or Delivered()

    def close(self) -> None:
        """Nothing is open."""


def _open(options: Options, _: Place) -> Caller:
    function = options.function
    if isinstance(function, str):
        module, _colon, name = function.partition(":")
        function = getattr(importlib.import_module(module), name)
    return Caller(function)


CALLABLE = Backend(name="callable", open=_open, options=Options)
