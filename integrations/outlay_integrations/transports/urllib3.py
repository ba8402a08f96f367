"""The tee on urllib3's responses, which requests and botocore hand to their callers: one place for both.

The class of the response is swapped for a subclass that notes what is read. It stays the same object: a proxy would
change its type, and methods set on the instance would make a cycle, so that its socket is no longer freed at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from time import perf_counter_ns
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from outlay.integration import guarded, meter

if TYPE_CHECKING:
    from outlay.integration import Exchange

NONE: MappingProxyType[str, Any] = MappingProxyType({})

MANY = 8192
"""Pieces that are kept apart; more are joined."""


def begin(transport: str, request: Any, *, streams: bool) -> Exchange | None:
    """Open an exchange for a request of requests or botocore; None where it is no model call."""
    return recognised(transport, request.method, request.url, request.body, streams=streams)


def recognised(transport: str, method: str, url: str, given: Any, *, streams: bool) -> Exchange | None:
    """Open an exchange for a request by its parts."""
    if method not in ("POST", "GET"):
        return None
    host, path = split(url)
    match = meter.find(method, host, path)
    if match is None:
        return None
    body = given.encode() if isinstance(given, str) else given
    # Only a body that is in memory already: reading a generator or an upload would use it up.
    known = bytes(body) if isinstance(body, bytes | bytearray) else None
    return meter.begin(transport, match, host, path, known, streams=streams)


def tee(exchange: Exchange, raw: Any) -> None:
    """Watch the rest of a response as its reader reads it."""
    raw._outlay = Watch(exchange, raw.headers.get("content-encoding") or "")  # noqa: SLF001 - an attribute of ours
    raw.__class__ = _teed(raw.__class__)


def teeable(raw: Any) -> bool:
    """Return whether a response is urllib3's own, so that its class can be swapped."""
    return hasattr(raw, "__dict__") and callable(getattr(raw, "read_chunked", None)) and hasattr(raw, "decode_content")


def connected(raw: Any) -> bool:
    """Return whether a real connection answered; a mock's or a cassette's response has none behind it."""
    return any(kind.__module__ == "http.client" for kind in type(getattr(raw, "_original_response", None)).__mro__)


def split(url: str) -> tuple[str, str]:
    """Return (host, path) of a URL: the host with its port where that is not the scheme's own, the path encoded."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("#")[0].partition("?")[0]
    host, _, path = place.partition("/")
    host = host.rpartition("@")[2]
    if (scheme.lower(), host.rpartition(":")[2]) in (("https", "443"), ("http", "80")):
        host = host.rpartition(":")[0]
    return host, f"/{path}"


def moved(url: str, path: str | None) -> str:
    """Return a URL with another path; itself where there is none."""
    if path is None:
        return url
    scheme, _, rest = url.partition("://")
    end = min(at for sign in "?#" if (at := rest.find(sign)) >= 0) if "?" in rest or "#" in rest else len(rest)
    return f"{scheme}://{rest[:end].partition('/')[0]}{path}{rest[end:]}"


def header_of(headers: Any) -> Callable[[str], str | None]:
    """Return what looks up a header of an answer whose body comes decoded: as if it had never been encoded."""

    def header(name: str) -> str | None:
        value = None if name == "content-encoding" else headers.get(name)
        return value if value is None or isinstance(value, str) else str(value)

    return header


class Watch:
    """What was read of one response."""

    def __init__(self, exchange: Exchange, encoding: str) -> None:
        self.exchange = exchange
        self.encoding = encoding
        self.depth = 0
        """How many of the response's reading methods are under way: one calls another."""
        self.left = b""
        """What may go on and was not asked for yet: a filter hands on whole events."""

    @guarded("noting what was read")
    def note(self, chunk: bytes, decoded: bool) -> None:  # noqa: FBT001 - see guarded
        """Note a piece as it came."""
        exchange = self.exchange
        if not chunk:
            return
        if not exchange.first:
            exchange.first = perf_counter_ns()
            if not decoded and self.encoding:
                exchange.encoding, exchange.filter = self.encoding, None  # its reader decodes, and no filter can look
        exchange.chunks.append(bytes(chunk))
        if len(exchange.chunks) > MANY:
            exchange.compact()

    @guarded("noting a failure")
    def fail(self, error: BaseException) -> None:
        """Note that reading raised."""
        if isinstance(error, GeneratorExit):
            self.exchange.drop()  # closed by its reader, or collected: nobody can tell which
        else:
            self.exchange.failed(error)

    def pieces(self, source: Iterator[bytes], decoded: bool) -> Iterator[bytes]:  # noqa: FBT001 - as note
        """Yield the pieces of a reading generator."""
        try:
            while (chunk := self._next(source)) is not None:
                self.note(chunk, decoded)
                strip = self.exchange.filter
                if left := chunk if strip is None else strip.feed(chunk):
                    yield left
            if (strip := self.exchange.filter) is not None and (left := strip.flush()):
                yield left
        except BaseException as error:
            self.fail(error)
            raise
        self.exchange.finish("ok")

    def _next(self, source: Iterator[bytes]) -> bytes | None:
        self.depth += 1
        try:
            return next(source, None)
        finally:
            self.depth -= 1

    def read(self, read: Callable[[int | None], bytes], amount: int | None, decoded: bool) -> bytes:  # noqa: FBT001 - as note
        """Return up to ``amount`` bytes by a reading method, filtered where they must be."""
        strip = self.exchange.filter
        while True:
            if self.left and (amount is None or len(self.left) >= amount):
                break
            chunk = self._read(read, amount, decoded)
            if strip is None:
                return chunk
            self.left += strip.feed(chunk) if chunk else strip.flush()
            if not chunk or (amount is not None and self.left):
                break
        given = self.left if amount is None else self.left[:amount]
        self.left = self.left[len(given) :]
        return given

    def _read(self, read: Callable[[int | None], bytes], amount: int | None, decoded: bool) -> bytes:  # noqa: FBT001 - as note
        self.depth += 1
        try:
            chunk = read(amount)
        except BaseException as error:
            self.fail(error)
            raise
        finally:
            self.depth -= 1
        if amount != 0:
            if chunk:
                self.note(chunk, decoded)
            if not chunk or amount is None or amount < 0:
                self.exchange.finish("ok")
        return chunk


class Reading:
    """The reading methods of a watched response; it stands before urllib3's own class in the order of look-up."""

    _outlay: Watch
    decode_content: Any

    def read(self, amt: int | None = None, decode_content: bool | None = None, *more: Any, **named: Any) -> bytes:  # noqa: FBT001 - as urllib3 has it
        """Read up to ``amt`` bytes, or all."""
        return self._read("read", amt, decode_content, more, named)

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:  # noqa: FBT001 - as urllib3 has it
        """Read what one system call gives."""
        return self._read("read1", amt, decode_content)

    def read_chunked(self, amt: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: FBT001 - as urllib3 has it
        """Iterate over the HTTP chunks."""
        return self._pieces("read_chunked", amt, decode_content)

    def stream(self, amt: int | None = 2**16, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: FBT001 - as urllib3 has it
        """Iterate over pieces of up to ``amt`` bytes."""
        return self._pieces("stream", amt, decode_content)

    def close(self) -> None:
        """Close the connection."""
        try:
            super().close()  # type: ignore[misc] # as the docstring says
        finally:
            if not self._outlay.depth:  # urllib3 closes at the last byte too
                self._outlay.exchange.finish("abandoned")

    def __del__(self) -> None:
        self._outlay.exchange.drop()
        super().__del__()  # type: ignore[misc] # as the docstring says

    def _read(self, name: str, amt: int | None, said: bool | None, more: Any = (), named: Any = NONE) -> bytes:  # noqa: FBT001 - as above
        inner, watch = getattr(super(), name), self._outlay
        if watch.depth:
            return bytes(inner(amt, said, *more, **named))
        return watch.read(lambda amount: bytes(inner(amount, said, *more, **named)), amt, self._decodes(said))

    def _pieces(self, name: str, amt: int | None, said: bool | None) -> Iterator[bytes]:  # noqa: FBT001 - as above
        source: Iterator[bytes] = getattr(super(), name)(amt, said)
        return source if self._outlay.depth else self._outlay.pieces(source, self._decodes(said))

    def _decodes(self, said: bool | None) -> bool:  # noqa: FBT001 - as above
        return bool(self.decode_content if said is None else said)


@functools.cache
def _teed(kind: Any) -> Any:
    """Make the watched subclass of a response's class, which calls itself by the same name."""
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    return type(kind.__name__, (Reading, kind), names)
