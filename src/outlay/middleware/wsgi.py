"""Tags from requests, for Flask, Django, Bottle, Pyramid and whatever else speaks WSGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from outlay.generators import Stepped
from outlay.middleware.requests import request_tags

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


class WSGI:
    """Tag the model calls of each request, those made while its answer is streamed or closed included.

    ``tags`` gets the request's WSGI environment and returns the tags; an error in it costs the tags, never the request.
    """

    def __init__(self, app: Application, *, tags: Callable[[Environ], Mapping[str, object]]) -> None:
        self.app = app
        self._tags = tags

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        steps = Stepped()
        with steps:
            request_tags(self._tags, environ).__enter__()  # never left: each step restores what was around it
            answer = self.app(environ, start_response)
        if isinstance(answer, (list, tuple)) or _is_file(answer, environ):
            return answer  # nothing runs while the server sends it, and the server looks at its type
        return Streamed(answer, steps)


class Streamed:
    """An answer that runs as it is sent: each piece is made inside the request's tags, on whatever thread."""

    def __init__(self, answer: Iterable[bytes], steps: Stepped) -> None:
        self._answer = answer
        self._steps = steps
        with steps:
            self._pieces = iter(answer)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._steps:
            return next(self._pieces)

    def close(self) -> None:
        """Close the answer, as the server must, whether it has sent all of it or not."""
        close = getattr(self._answer, "close", None)
        if close is not None:
            with self._steps:
                close()


def _is_file(answer: object, environ: Environ) -> bool:
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(answer, wrapper)
