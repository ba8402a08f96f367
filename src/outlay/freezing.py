"""Functions after which the process freezes or vanishes: a Lambda's handler, a Cloud Run's, a job's."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from outlay.guard import logger
from outlay.public import flush

F = TypeVar("F", bound=Callable[..., Any])


@overload
def flush_before_return(function: F, /) -> F: ...
@overload
def flush_before_return(*, timeout: float = 2.0) -> Callable[[F], F]: ...
def flush_before_return(function: Any = None, /, *, timeout: float = 2.0) -> Any:
    """Deliver what a function's calls left behind before it returns, since nothing runs after that.

    ``@flush_before_return`` or ``@flush_before_return(timeout=1.0)``, outermost, around a Lambda's handler or whatever
    a platform freezes after: the ledger and the exporters get everything, for ``timeout`` seconds at most; what is left
    then is logged. Of an async function the event loop goes on meanwhile. What the function returns or raises is its
    own.
    """
    if function is None:
        return functools.partial(_wrapped, timeout=timeout)
    return _wrapped(function, timeout=timeout)


def _wrapped(function: Any, *, timeout: float) -> Any:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            "flush_before_return() is for functions that return: decorate the one that hands out the stream"
        )
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wait(*args: Any, **kwargs: Any) -> Any:
            import asyncio

            try:
                return await function(*args, **kwargs)
            finally:
                await asyncio.to_thread(_flush, timeout)

        return wait

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        finally:
            _flush(timeout)

    return call


def _flush(timeout: float) -> None:
    left = flush(timeout)
    if left:
        logger.warning(
            "outlay could not deliver everything in %g s: %d left when the function returned.", timeout, left
        )
