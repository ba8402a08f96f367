"""What aiohttp's answers are read by, watched."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter_ns
from typing import Any

import wrapt

from outlay.integration import Exchange, guarded

Reading = Callable[[], Awaitable[bytes]]

MANY = 8192
"""Pieces of a stream that are kept apart; more are joined."""


@guarded("noting what was read")
def _note(exchange: Exchange, chunk: bytes, ended: bool) -> None:  # noqa: FBT001 - see guarded
    """Note a piece as it came; ``ended``: nothing is left to be read."""
    if chunk:
        exchange.first = exchange.first or perf_counter_ns()
        exchange.chunks.append(bytes(chunk))
        if len(exchange.chunks) > MANY:
            exchange.compact()
    if ended:
        exchange.finish("ok")


class Watched(wrapt.ObjectProxy):  # type: ignore[type-arg] # older versions know no arguments
    """A response's content, noted as it is read. aiohttp's StreamReader has slots: only a proxy can watch it.

    Its iterators are made anew on the proxy, else they would read past it.
    """

    def __init__(self, module: Any, exchange: Exchange, content: Any) -> None:
        super().__init__(content)
        self._self_streams: Any = module.streams
        self._self_exchange = exchange
        self._self_left = b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._self_streams.AsyncStreamIterator(self.readline)  # type: ignore[no-any-return] # as the module

    def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        """Iterate over pieces of up to ``n`` bytes."""
        return self._self_streams.AsyncStreamIterator(lambda: self.read(n))  # type: ignore[no-any-return] # as the module

    def iter_any(self) -> AsyncIterator[bytes]:
        """Iterate over pieces as they come."""
        return self._self_streams.AsyncStreamIterator(self.readany)  # type: ignore[no-any-return] # as the module

    def iter_chunks(self) -> AsyncIterator[tuple[bytes, bool]]:
        """Iterate over pieces, each with whether an HTTP chunk ends with it."""
        return self._self_streams.ChunkTupleAsyncStreamIterator(self)  # type: ignore[no-any-return] # as the module

    async def read(self, n: int = -1) -> bytes:
        """Read up to ``n`` bytes, or all."""
        if n == 0:
            return b""
        return await self._self_read(functools.partial(self.__wrapped__.read, n), n, everything=n < 0)

    async def readany(self) -> bytes:
        """Read what is there."""
        return await self._self_read(self.__wrapped__.readany, -1)

    async def readexactly(self, n: int) -> bytes:
        """Read ``n`` bytes, no fewer."""
        return await self._self_read(functools.partial(self.__wrapped__.readexactly, n), n)

    async def readline(self, **limits: Any) -> bytes:
        """Read a line."""
        return await self._self_until(b"\n", functools.partial(self.__wrapped__.readline, **limits))

    async def readuntil(self, separator: bytes = b"\n", **limits: Any) -> bytes:
        """Read to a separator."""
        return await self._self_until(separator, functools.partial(self.__wrapped__.readuntil, separator, **limits))

    async def readchunk(self) -> tuple[bytes, bool]:
        """Read what is there, and whether an HTTP chunk ends with it."""
        ends = [False]

        async def read() -> bytes:
            chunk, ends[0] = await self.__wrapped__.readchunk()
            return bytes(chunk)

        return await self._self_read(read, -1, empty=ends), ends[0]

    def read_nowait(self, n: int = -1) -> bytes:
        """Read what is there, without waiting."""
        chunk = bytes(self.__wrapped__.read_nowait(n))
        _note(self._self_exchange, chunk, self.__wrapped__.at_eof())
        strip = self._self_exchange.filter
        return chunk if strip is None else strip.feed(chunk)

    async def _self_read(
        self, read: Reading, n: int, *, everything: bool = False, empty: list[bool] | None = None
    ) -> bytes:
        strip = self._self_exchange.filter
        while everything or not self._self_left:
            chunk = await self._self_next(read)
            ended = not chunk and not (empty and empty[0])
            if strip is None:
                return chunk
            self._self_left += strip.flush() if ended else strip.feed(chunk)
            if ended or everything:
                self._self_left += strip.flush() if everything else b""
                break
        given = self._self_left if n < 0 else self._self_left[:n]
        self._self_left = self._self_left[len(given) :]
        return given

    async def _self_until(self, separator: bytes, read: Reading) -> bytes:
        strip = self._self_exchange.filter
        if strip is None:
            return await self._self_next(read)
        while separator not in self._self_left and (chunk := await self._self_next(self.__wrapped__.readany)):
            self._self_left += strip.feed(chunk)
        if separator not in self._self_left:
            self._self_left += strip.flush()
        line, found, self._self_left = self._self_left.partition(separator)
        return line + found

    async def _self_next(self, read: Reading) -> bytes:
        try:
            chunk = await read()
        except BaseException as error:
            self._self_exchange.failed(error)
            raise
        _note(self._self_exchange, chunk, self.__wrapped__.at_eof())
        return chunk
