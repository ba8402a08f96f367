"""However a call ends, and however many ends it has: exactly one record."""

from __future__ import annotations

import asyncio
import gc
import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from outlay.loopback import ModelHost
from outlay.wire import exchange
from outlay.wire.exchange import settle_open, settle_waiting
from outlay.wire.tee import watch
from tests.wire.clients import CHAT
from tests.wire.conftest import Metered

STREAM = {**CHAT, "stream": True}


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """Give a sync client."""
    with httpx.Client(verify=False, timeout=60) as made:
        yield made


def send(client: Any, host: ModelHost, steps: str = "ok") -> Any:
    """Send a streaming request, and read nothing of the answer; for an async client, return what to await."""
    url = f"{host.openai_url}/chat/completions"
    return client.send(client.build_request("POST", url, json=STREAM, headers={"x-loopback": steps}), stream=True)


def test_a_stream_left_and_closed_is_abandoned(host: ModelHost, metered: Metered, client: httpx.Client) -> None:
    """The record is there when ``close`` has returned."""
    response = send(client, host)
    next(response.iter_lines())
    response.close()
    assert len(metered.kept) == 1
    call = metered.only()
    assert (call.outcome, call.usage and call.usage.estimated) == ("abandoned", True)


def test_a_stream_read_to_its_last_event_and_closed_is_whole(
    host: ModelHost, metered: Metered, client: httpx.Client
) -> None:
    """The openai SDK stops at ``[DONE]``: the bytes decide, not the end."""
    with closing(send(client, host)) as response:
        for line in response.iter_lines():
            if "[DONE]" in line:
                break
    call = metered.only()
    assert (call.outcome, call.usage and call.usage.estimated) == ("ok", False)


def test_a_stream_never_read_is_settled_by_the_garbage_collector(
    host: ModelHost, metered: Metered, client: httpx.Client
) -> None:
    """And no finaliser does more than put it on the queue."""
    response = send(client, host)
    del response
    gc.collect()
    assert metered.kept == []
    assert metered.only().outcome == "abandoned"


def test_the_time_of_a_dropped_stream_is_when_it_was_dropped(
    host: ModelHost, metered: Metered, client: httpx.Client
) -> None:
    """Not when the worker came to it."""
    response = send(client, host)
    next(response.iter_lines())
    (left,) = metered.open()
    del response
    gc.collect()
    ended = left.ended
    assert ended
    assert metered.only().duration == ended - left.began


def test_all_ends_of_a_stream_at_once_are_one(host: ModelHost, metered: Metered, client: httpx.Client) -> None:
    """Its end, close, a finaliser, the exit and other threads, in any order."""
    response = send(client, host)
    for _ in response.iter_raw():
        pass
    response.close()
    response.stream.__del__()
    settle_open(metered.meter.settle)
    settle_waiting()
    assert metered.only().outcome == "ok"


def test_of_many_threads_one_settles(host: ModelHost, metered: Metered, client: httpx.Client) -> None:
    """Taking an exchange out of the open ones is atomic."""
    for _ in range(20):
        response = send(client, host)
        (left,) = metered.open()
        gate = threading.Barrier(8)

        def end(left: exchange.Exchange = left, gate: threading.Barrier = gate) -> None:
            gate.wait()
            left.finish("abandoned")

        threads = [threading.Thread(target=end) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        response.close()
        metered.only()


def test_a_collection_inside_our_own_lock_does_not_deadlock(
    host: ModelHost, metered: Metered, client: httpx.Client
) -> None:
    """A finaliser may run while this thread holds the lock that settling takes (a budget's): it must not settle."""
    lock = threading.Lock()
    keep = metered.home.keep

    def settle_under_lock(record: Any) -> None:
        assert lock.acquire(timeout=5), "settled inside the lock that it takes"
        with_lock.append(record)
        lock.release()
        keep(record)

    with_lock: list[Any] = []
    metered.home.keep = settle_under_lock
    for _ in range(5):
        response = send(client, host)
        iterator = response.iter_raw()
        next(iterator)
        del response, iterator
        with lock:
            gc.collect()
        assert with_lock == []
        metered.only()
        with_lock.clear()


def test_an_exception_in_the_loop_leaves_one_record(host: ModelHost, metered: Metered, client: httpx.Client) -> None:
    """Also ``SystemExit``, which goes through the same way."""
    for error in (ValueError, SystemExit, KeyboardInterrupt):
        with pytest.raises(error):
            _raise_in_the_loop(send(client, host), error)
        assert metered.only().outcome == "abandoned"


def _raise_in_the_loop(stream: Any, error: type[BaseException]) -> None:
    with closing(stream) as response:
        for _ in response.iter_lines():
            raise error


def test_a_stream_that_breaks_is_an_error(host: ModelHost, metered: Metered, client: httpx.Client) -> None:
    """With what it had said until then."""
    with closing(send(client, host, "cut=3")) as response, pytest.raises(httpx.RemoteProtocolError):
        list(response.iter_lines())
    call = metered.only()
    assert (call.outcome, call.error_type) == ("error", "RemoteProtocolError")


@pytest.mark.parametrize("steps", ["hang", "hang=2"])
@pytest.mark.parametrize("how", ["timeout", "cancel"])
def test_a_cancelled_task_leaves_one_record(metered: Metered, steps: str, how: str) -> None:
    """While sending, and while reading; by ``asyncio.timeout`` and by ``Task.cancel``."""

    async def call(host: ModelHost, reading: asyncio.Event) -> None:
        async def sending(_: Any) -> None:
            if steps == "hang":
                reading.set()

        async with httpx.AsyncClient(verify=False, timeout=60, event_hooks={"request": [sending]}) as client:
            response = await send(client, host, steps)
            async for _ in response.aiter_lines():
                reading.set()

    async def main(host: ModelHost) -> None:
        reading = asyncio.Event()
        task = asyncio.ensure_future(call(host, reading))
        await reading.wait()
        if how == "cancel":
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await task

    with ModelHost(keep=False) as host:
        asyncio.run(main(host))
        host.release()
    assert metered.only().outcome == "cancelled"


def test_an_async_stream_left_is_one_record(host: ModelHost, metered: Metered) -> None:
    """By ``break`` without close, by close without reading, by neither."""

    async def main(end: str) -> None:
        async with httpx.AsyncClient(verify=False, timeout=60) as client:
            response = await send(client, host)
            if end == "break":
                async for _ in response.aiter_lines():
                    break
            if end == "close":
                await response.aclose()
            del response

    for end in ("break", "close", "drop"):
        asyncio.run(main(end))
        assert metered.only().outcome == "abandoned"


def test_a_sent_request_that_reaches_nobody_costs_nothing(metered: Metered, client: httpx.Client) -> None:
    """A refused connection was no call at the provider's."""
    with ModelHost() as gone:
        url = f"{gone.openai_url}/chat/completions"
    with pytest.raises(httpx.ConnectError):
        client.post(url, json=CHAT)
    call = metered.only()
    assert (call.outcome, call.error_type, call.cost.status) == ("error", "ConnectError", "free")


def test_a_stream_of_two_hundred_thousand_chunks_is_kept_in_part(metered: Metered) -> None:
    """Its head, its tail, a mark, and the usage: never all of it."""
    left = _exchange(metered)
    event = b'data: {"id":"x","model":"gpt-4o-mini","choices":[{"delta":{"content":"' + b"word " * 8 + b'"}}]}\n\n'
    last = (
        b'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: {"model":"gpt-4o-mini","choices":[],'
        b'"usage":{"prompt_tokens":5,"completion_tokens":200000}}\n\ndata: [DONE]\n\n'
    )
    most = 0
    for _ in watch(left, (event for _ in range(200_000))):
        most = max(most, len(left.chunks))
    assert most <= exchange.MANY + 1
    assert sum(map(len, left.chunks)) < exchange.KEPT_HEAD + exchange.KEPT_TAIL + exchange.MANY * len(event) + 10
    assert metered.only().marks == ("stream_shortened",)
    whole = _exchange(metered)
    for _ in watch(whole, (last if n == 199_999 else event for n in range(200_000))):
        pass
    call = metered.only()
    assert call.usage is not None
    assert (call.outcome, call.usage.classes) == ("ok", {"input": 5, "output": 200_000})


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_long_answer_in_single_bytes_is_read_whole(metered: Metered, encoding: str) -> None:
    """Only streams of events may lose their middle, and only ones that are not compressed."""
    body = b'{"model":"gpt-4o-mini","x":"%s","usage":{"prompt_tokens":5,"completion_tokens":6}}' % (b"x" * 30_000)
    body = gzip.compress(body, 0) if encoding else body
    left = _exchange(metered)
    left.answered(200, {"content-type": "application/json", "content-encoding": encoding}.get)
    assert b"".join(watch(left, (body[n : n + 1] for n in range(len(body))))) == body
    call = metered.only()
    assert call.usage is not None
    assert (call.usage.classes, call.marks) == ({"input": 5, "output": 6}, ())


def _exchange(metered: Metered) -> exchange.Exchange:
    match = metered.meter.find("POST", "127.0.0.1", "/v1/chat/completions")
    assert match is not None
    path = "/v1/chat/completions"
    left = metered.meter.begin("test", match, "127.0.0.1", path, b"{}", streams=True)
    assert left is not None
    left.send.alive = False
    left.answered(200, {"content-type": "text/event-stream"}.get)
    return left


PROGRAM = """
import os, sys, threading
import httpx, outlay
from outlay import context
from outlay.loopback import ModelHost
outlay.init(project="t", hosts={"127.0.0.1": "openai"})
keep = context.home.keep
def told(record):
    if record.__struct_config__.tag == "call":
        os.write(1, f"{os.getpid() == MAIN} {record.outcome}\\n".encode())
    keep(record)
MAIN = os.getpid()
context.home.keep = told
host = ModelHost(keep=False)
host.__enter__()
client = httpx.Client(verify=False, timeout=60)
request = client.build_request("POST", host.openai_url + "/chat/completions", json={"model": "gpt-4o-mini",
    "stream": True, "messages": []}, headers={"x-loopback": sys.argv[2] if len(sys.argv) > 2 else "ok"})
"""

READING = "r = client.send(request, stream=True); i = r.iter_raw(); next(i)"
FORKED = """
pid = os.fork()
if pid == 0:
    del i, r
    import gc
    gc.collect()
    outlay.flush()
    sys.exit()
os.waitpid(pid, 0)
r.close()
"""
CLOSED_IN_THE_CHILD = """
pid = os.fork()
if pid == 0:
    r.close()
    sys.exit()
os.waitpid(pid, 0)
r.close()
"""
DAEMON = """
go = threading.Event()
def read():
    r = client.send(request, stream=True)
    for _ in r.iter_lines():
        go.set()
threading.Thread(target=read, daemon=True).start()
go.wait()
"""

ENDS = {
    "exit in the loop": "for _ in client.send(request, stream=True).iter_lines(): sys.exit()",
    "open at the end": READING,
    "a daemon thread": DAEMON,
    "a fork that closes it": READING + CLOSED_IN_THE_CHILD,
    "a fork that drops it": READING + FORKED,
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("end", sorted(ENDS))
def test_the_end_of_the_process_leaves_one_record(end: str, tmp_path: Any) -> None:
    """By exit in the loop, with a stream open, with a thread that reads; and a forked child owns none."""
    steps = "hang=2" if end == "a daemon thread" else "ok"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM + ENDS[end], "x", steps],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert (done.stdout.split("\n")[:-1], done.stderr) == (["True abandoned"], "")
