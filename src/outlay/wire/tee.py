"""Watching a stream go by: every chunk is noted and handed on as it is, unbuffered unless a filter must look at it.

Generators, because they cost 0.03 µs a chunk where an object with ``__next__`` costs 0.12.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable

from outlay.wire.exchange import MANY, Exchange


def watch(exchange: Exchange, stream: Iterable[bytes]) -> Generator[bytes, None, None]:
    """Yield the chunks of ``stream``; settle ``exchange`` at its end or its failure."""
    chunks, strip = exchange.chunks, exchange.filter
    append, feed = chunks.append, None if strip is None else strip.feed
    try:
        for chunk in stream:
            append(chunk)
            if not exchange.first:
                exchange.first = time.perf_counter_ns()
            elif len(chunks) > MANY:
                exchange.compact()
            if feed is None:
                yield chunk
            elif left := feed(chunk):
                yield left
        if strip is not None and (left := strip.flush()):
            yield left
    except GeneratorExit:
        # Closed by its consumer, or collected: nobody can tell which, so nothing may be done here.
        exchange.drop()
        raise
    except BaseException as error:
        exchange.failed(error)
        raise
    exchange.finish("ok")


async def watch_async(exchange: Exchange, stream: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """Do what ``watch`` does, for an asynchronous stream."""
    chunks, strip = exchange.chunks, exchange.filter
    append, feed = chunks.append, None if strip is None else strip.feed
    inner = stream.__aiter__()
    try:
        async for chunk in inner:
            append(chunk)
            if not exchange.first:
                exchange.first = time.perf_counter_ns()
            elif len(chunks) > MANY:
                exchange.compact()
            if feed is None:
                yield chunk
            elif left := feed(chunk):
                yield left
        if strip is not None and (left := strip.flush()):
            yield left
    except GeneratorExit:
        exchange.drop()
        raise
    except BaseException as error:
        exchange.failed(error)
        raise
    finally:
        if isinstance(inner, AsyncGenerator):
            await inner.aclose()
    exchange.finish("ok")
