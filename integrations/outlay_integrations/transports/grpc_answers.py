"""The objects by which gRPC's answers come, watched.

The class of the object is swapped for a subclass that notes what is read off it. It stays the same object, with the
type that it had: SDKs iterate over it, await it, cancel it and ask it for its status.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from outlay.integration import guarded
from outlay_integrations.transports.grpc import answered, fail

if TYPE_CHECKING:
    from outlay.integration import Exchange

MANY = 8192
"""Messages of a stream that are kept; past it, those of its start and its end."""

_LINES = {"content-type": "application/jsonl"}


def watch(module: Any, exchange: Exchange, coming: Any, kind: str) -> None:
    """Watch what gRPC has given for an RPC: a future, a call that is awaited, or a stream of messages."""
    if kind == "AsyncAnswer":
        settle = functools.partial(_settle, module, exchange, coming._cython_call)  # noqa: SLF001 - its status
        coming._call_response.add_done_callback(settle)  # noqa: SLF001 - the task that whoever awaits the call waits for
        return
    coming._outlay = exchange  # noqa: SLF001 - an attribute of ours
    coming.__class__ = _teed(kind, coming.__class__)


@guarded("following an answer")
def _settle(module: Any, exchange: Exchange, call: Any, task: Any) -> None:
    """Settle an RPC of grpc.aio's when the task that fetches its answer is done."""
    if task.cancelled() or call.is_locally_cancelled():
        exchange.finish("cancelled")
    elif (error := task.exception()) is not None:
        fail(exchange, error)
    elif call.is_ok():
        answered(exchange, task.result())
    else:
        fail(exchange, module._create_rpc_error(call._initial_metadata, call._status))  # noqa: SLF001 - as the call does


@guarded("noting what was read")
def _note(exchange: Exchange, message: Any) -> None:
    chunks = exchange.chunks
    if not exchange.first:
        exchange.first = perf_counter_ns()
        exchange.answered(200, _LINES.get)
    elif len(chunks) >= MANY:
        del chunks[MANY // 2 : -MANY // 4]
        if "stream_shortened" not in exchange.marks:
            exchange.marks += ("stream_shortened",)
    chunks.append(message)


@guarded("noting an end")
def _end(exchange: Exchange) -> None:
    source: Any = exchange.source
    source.ended = True
    if exchange.status is None:
        exchange.answered(200, _LINES.get)
    exchange.finish("ok")


def _left(kind: Any) -> Any:
    """Make what all have in common that come later: they are cancelled, or forgotten."""

    class Left(kind):  # type: ignore[misc] # the class is known at run time only
        def cancel(self) -> Any:
            cancelled = super().cancel()
            self._outlay.finish("cancelled" if self._outlay.status is None else "abandoned")
            return cancelled

        def __del__(self) -> None:
            self._outlay.drop()
            super().__del__()

    return Left


def _answer(kind: Any) -> Any:
    """Make the class of a future of one answer."""

    class Answer(_left(kind)):  # type: ignore[misc] # as above
        def result(self, timeout: float | None = None) -> Any:
            try:
                answer = super().result(timeout)
            except BaseException as error:
                if error is self:
                    fail(self._outlay, error)
                raise
            if self._outlay.status is None:
                answered(self._outlay, answer)
            return answer

        def exception(self, timeout: float | None = None) -> Any:
            error = super().exception(timeout)
            if error is None:
                self.result(timeout)
            else:
                fail(self._outlay, error)
            return error

    return Answer


def _answers(kind: Any) -> Any:
    """Make the class of a stream of messages."""

    class Answers(_left(kind)):  # type: ignore[misc] # as above
        def _next(self) -> Any:
            try:
                message = super()._next()
            except StopIteration:
                _end(self._outlay)
                raise
            except BaseException as error:
                fail(self._outlay, error)
                raise
            _note(self._outlay, message)
            return message

    return Answers


def _async_answers(kind: Any) -> Any:
    """Make the class of a stream of grpc.aio's: it ends with a message that is false, then its status is asked for."""

    class AsyncAnswers(_left(kind)):  # type: ignore[misc] # as above
        async def _read(self) -> Any:
            try:
                message = await super()._read()
            except BaseException as error:
                fail(self._outlay, error)
                raise
            if message:
                _note(self._outlay, message)
            return message

        async def _raise_for_status(self) -> None:
            try:
                await super()._raise_for_status()
            except BaseException as error:
                fail(self._outlay, error)
                raise
            _end(self._outlay)

    return AsyncAnswers


_KINDS: dict[str, Callable[[Any], Any]] = {"Answer": _answer, "Answers": _answers, "AsyncAnswers": _async_answers}


@functools.cache
def _teed(watching: str, kind: Any) -> Any:
    """Make the watched subclass of a class of gRPC's, which calls itself by the same name.

    It has one base: with another before it, its objects would be laid out in another way, and none could become one.
    """
    made = _KINDS[watching](kind)
    made.__name__, made.__qualname__, made.__module__ = kind.__name__, kind.__qualname__, kind.__module__
    made.__doc__ = kind.__doc__
    return made
