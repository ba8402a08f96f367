"""Requests carry tags into whatever answers them, and no further: real servers, frameworks and clients."""

from __future__ import annotations

import contextlib
import logging
import threading
import urllib.request
import wsgiref.simple_server
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import flask
import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

import outlay
from outlay import context
from outlay.middleware import ASGI, WSGI
from tests.context.kept import Kept, call

USERS = ("ada", "bob", "cy")


def of_scope(scope: Any) -> dict[str, object]:
    """Return the user whom an ASGI request names."""
    headers = dict(scope["headers"])
    return {"user": headers[b"x-user"].decode(), "path": scope["path"]}


async def plain(request: Request) -> Response:
    """Answer at once."""
    call()
    return PlainTextResponse("ok")


def in_thread(request: Request) -> Response:
    """Answer from a worker thread, and go on after the answer."""
    call()
    return PlainTextResponse("ok", background=BackgroundTask(call))


async def streamed(request: Request) -> Response:
    """Answer by a tracked generator that is iterated after this function has returned."""

    @outlay.track(feature="stream")
    async def pieces() -> AsyncIterator[str]:
        for piece in "ok":
            call()
            yield piece

    with outlay.tags(step="stream"):
        return StreamingResponse(pieces())


def streamed_in_thread(request: Request) -> Response:
    """Answer by a generator that each of many threads takes a step of."""

    @outlay.tags(step="thread")
    def pieces() -> Iterator[str]:
        for piece in "ok":
            call()
            yield piece

    return StreamingResponse(pieces())


async def talk(socket: WebSocket) -> None:
    """Answer each message."""
    await socket.accept()
    for _ in range(2):
        await socket.receive_text()
        call()
        await socket.send_text("ok")
    await socket.close()


def starlette(tags: Callable[[Any], Any] = of_scope) -> Starlette:
    """Return an application with every kind of answer."""
    views = (plain, in_thread, streamed, streamed_in_thread)
    routes = [*(Route(f"/{view.__name__}", view) for view in views), WebSocketRoute("/talk", talk)]
    return Starlette(routes=routes, middleware=[Middleware(ASGI, tags=tags)])


@contextlib.contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an ASGI application by uvicorn, in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="on", ws="none"))
    ready = threading.Event()
    server.started_hook = ready  # type: ignore[attr-defined]  # kept alive with the server
    startup = server.startup

    async def started(sockets: Any = None) -> None:
        await startup(sockets)
        ready.set()

    server.startup = started  # type: ignore[method-assign]  # to know when it listens
    thread = threading.Thread(target=server.run)
    thread.start()
    assert ready.wait(10)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.mark.parametrize("view", ["plain", "in_thread", "streamed", "streamed_in_thread"])
def test_an_asgi_request_tags_the_calls_that_answer_it(view: str, kept: Kept) -> None:
    """Streamed, in threads, after the answer; over one kept-alive connection no request sees another's tags."""
    with served(starlette()) as url, httpx.Client() as client:
        for user in USERS:
            assert client.get(f"{url}/{view}", headers={"x-user": user}).text == "ok"
    each = 1 if view == "plain" else 2
    assert sorted(tags["user"] for tags in kept.tags) == sorted(USERS * each)
    assert {tags["path"] for tags in kept.tags} == {f"/{view}"}
    if view.startswith("streamed"):
        assert {tags["step"] for tags in kept.tags} == {"thread" if view.endswith("thread") else "stream"}


def test_a_websocket_tags_the_calls_of_its_life(kept: Kept) -> None:
    """Its scope has the headers of the request that opened it."""
    with TestClient(starlette()) as client, client.websocket_connect("/talk", headers={"x-user": "ada"}) as socket:
        for _ in range(2):
            socket.send_text("?")
            assert socket.receive_text() == "ok"
    assert kept.tags == [{"user": "ada", "path": "/talk"}] * 2


def test_tags_that_can_not_be_read_cost_no_request(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The function of the user's fails, or returns nonsense: the answer is the same."""
    monkeypatch.delenv("OUTLAY_STRICT")
    nonsense: list[Callable[[Any], Any]] = [of_scope, lambda _: None, lambda _: {1: 2}, lambda _: "text"]
    with caplog.at_level(logging.CRITICAL, "outlay"):
        for tags in nonsense:
            assert TestClient(starlette(tags)).get("/plain").text == "ok"
            assert b"".join(WSGI(generated, tags=tags)({}, lambda *_: None)) == b"ok"
    assert kept.tags == [{}] * 12


def generated(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Answer by a generator that makes its calls as it is iterated and closed."""
    start_response("200 OK", [])

    def pieces() -> Iterator[bytes]:
        try:
            call()
            yield b"ok"
        finally:
            call()

    return pieces()


def of_environ(environ: Any) -> dict[str, object]:
    """Return the user whom a WSGI request names."""
    return {"user": environ["HTTP_X_USER"]}


@contextlib.contextmanager
def served_wsgi(app: Any) -> Iterator[str]:
    """Serve a WSGI application by the standard library's server, in a thread."""

    class Quiet(wsgiref.simple_server.WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it overrides
            pass

    with wsgiref.simple_server.make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_a_wsgi_request_tags_the_calls_that_answer_it_while_it_is_sent_and_closed(kept: Kept) -> None:
    """The server iterates and closes the answer long after the application has returned."""
    left = []

    def outermost(environ: Any, start_response: Any) -> Iterator[bytes]:
        answer = WSGI(generated, tags=of_environ)(environ, start_response)
        for piece in answer:
            left.append(context.scope().tags)
            yield piece
        answer.close()  # type: ignore[attr-defined]  # what a server does
        left.append(context.scope().tags)

    with served_wsgi(outermost) as url:
        for user in USERS:
            request = urllib.request.Request(url, headers={"x-user": user})
            assert urllib.request.urlopen(request).read() == b"ok"
    assert [tags["user"] for tags in kept.tags] == ["ada", "ada", "bob", "bob", "cy", "cy"]
    assert left == [{}] * 6


def test_a_streaming_view_of_flask_keeps_its_tags(kept: Kept) -> None:
    """Those of the request, and those that the view set around its tracked generator."""
    app = flask.Flask(__name__)

    @app.get("/")
    def view() -> Any:
        @outlay.track(feature="stream")
        def pieces() -> Iterator[str]:
            for piece in "ok":
                call()
                yield piece

        with outlay.tags(step="stream"):
            return pieces()

    app.wsgi_app = WSGI(app.wsgi_app, tags=of_environ)  # type: ignore[method-assign]  # as Flask's manual says
    with served_wsgi(app) as url:
        request = urllib.request.Request(url, headers={"x-user": "ada"})
        assert urllib.request.urlopen(request).read() == b"ok"
    assert kept.tags == [{"user": "ada", "step": "stream"}] * 2


def test_answers_that_run_nothing_are_handed_on_as_they_are(kept: Kept, tmp_path: Path) -> None:
    """A server looks at their type: the length of a list, a file for sendfile."""
    (tmp_path / "file").write_bytes(b"ok")
    with (tmp_path / "file").open("rb") as file:
        environ = {"HTTP_X_USER": "ada", "wsgi.file_wrapper": wsgiref.util.FileWrapper}
        for answer in ([b"ok"], (b"ok",), wsgiref.util.FileWrapper(file)):
            assert WSGI(lambda *_, answer=answer: answer, tags=of_environ)(environ, None) is answer


def test_an_application_that_raises_leaves_no_tags(kept: Kept) -> None:
    """The error is the server's to handle."""

    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        WSGI(broken, tags=of_environ)({"HTTP_X_USER": "ada"}, None)
    assert context.scope() is context.OUTSIDE
