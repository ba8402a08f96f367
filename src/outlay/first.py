"""What meters until the first request comes: most of what a call needs is loaded and made with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outlay.meter import Meter
    from outlay.wire.exchange import Exchange
    from outlay.wire.recognise import Match


class FirstRequest:
    """The meter until the first request comes, which has the real one made and put in its place."""

    def __init__(self, make: Callable[[], Meter]) -> None:
        self._make = make

    @property
    def budgets(self) -> bool:
        """Whether there are budgets."""
        return self._make().budgets

    def find(self, method: str, host: str, path: str, /) -> Match | None:
        """Return the match of a request."""
        return self._make().find(method, host, path)

    def sockets(self, host: str, path: str, /) -> tuple[Match, ...]:
        """Return the matches of a websocket."""
        return self._make().sockets(host, path)

    def begin(
        self, transport: str, match: Match, host: str, path: str, body: bytes | None, *, streams: bool
    ) -> Exchange | None:
        """Open an exchange."""
        return self._make().begin(transport, match, host, path, body, streams=streams)
