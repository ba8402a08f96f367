"""The server under load, and after it."""

from __future__ import annotations

import gc
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from outlay.loopback import ModelHost
from tests.loopback.bodies import CHAT, chat


def test_sixty_four_connections_are_served_at_once() -> None:
    """All of them hang together before any is answered."""
    with ModelHost(default="hang") as host:
        limits = httpx.Limits(max_connections=64)
        with (
            httpx.Client(base_url=host.url, verify=False, timeout=30.0, limits=limits) as client,
            ThreadPoolExecutor(64) as pool,
        ):
            answers = [pool.submit(client.post, "/v1/chat/completions", json=CHAT) for _ in range(64)]
            while len(host.billed) < 64:
                threading.Event().wait(0.01)
            host.release()
            assert [answer.result().status_code for answer in answers] == [200] * 64
        assert sorted(request.number for request in host.requests) == list(range(1, 65))


def test_a_connection_is_kept_alive(client: httpx.Client) -> None:
    """Two requests travel over one socket."""
    sockets = {chat(client).extensions["network_stream"].get_extra_info("client_addr") for _ in range(3)}
    assert len(sockets) == 1


def test_a_closed_host_leaves_nothing_behind() -> None:
    """No thread and no port, also with a client still connected and a request still hanging."""
    before = set(threading.enumerate())
    with ModelHost() as host:
        idle = socket.create_connection(("127.0.0.1", host.port))
        hanging = socket.create_connection(("127.0.0.1", host.port))
        hanging.sendall(b"GET /v1/models HTTP/1.1\r\nx-loopback: hang\r\n\r\n")
        while not host.requests:
            threading.Event().wait(0.01)
    host.close()
    assert set(threading.enumerate()) == before
    assert idle.recv(1) == hanging.recv(1) == b""
    idle.close()
    hanging.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", host.port))
    gc.collect()  # an unclosed socket would warn, and a warning fails


def test_a_chunked_request_is_read_whole(client: httpx.Client, host: ModelHost) -> None:
    """Clients that stream their body send no length."""
    parts = [b'{"model": "gpt-4o-mini", ', b'"messages": []}']
    assert client.post("/v1/chat/completions", content=iter(parts)).status_code == 200
    assert host.requests[0].body == b"".join(parts)


def test_a_host_may_forget() -> None:
    """With ``keep=False`` millions of calls leave no trace in memory."""
    with ModelHost(keep=False) as host, httpx.Client(base_url=host.url, verify=False) as client:
        assert chat(client).status_code == 200
        assert (host.requests, host.billed) == ([], [])
