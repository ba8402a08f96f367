"""What takes the place of the default instance while tests run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

Instance_co = TypeVar("Instance_co", covariant=True)


class StandIn(Protocol[Instance_co]):
    """Stands in for the default instance (``outlay.testing``), so that this stays untouched."""

    def current(self) -> Instance_co | None:
        """Return the ``Outlay`` that is the default one here, or None."""

    def restart(self, arguments: Mapping[str, Any]) -> Instance_co | None:
        """Do what ``init()`` does."""

    def shut(self) -> None:
        """Do what ``uninstrument()`` does."""
