"""The patches: put there whenever a client is imported, kept there, taken away without a trace, and never twice."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import httpx2
import pytest

from outlay import app, plugins
from outlay.loopback import ModelHost
from outlay.patching import Patcher
from tests.wire.clients import CHAT
from tests.wire.conftest import Metered

CLIENT: Any = httpx.Client
CLASSES = (httpx.Client, httpx.AsyncClient, httpx2.Client, httpx2.AsyncClient)


def sends() -> list[Any]:
    """Return the functions that the clients send by at this moment."""
    return [vars(kind)["send"] for kind in CLASSES]


def post(host: ModelHost, client: Any = None) -> None:
    """Send one model request."""
    with httpx.Client(verify=False) if client is None else client as sending:
        sending.post(f"{host.openai_url}/chat/completions", json=CHAT)


@contextmanager
def patched() -> Iterator[Patcher]:
    """Give a set of patches of its own, over whatever is there."""
    patcher = Patcher(plugins.transports())
    try:
        patcher.install()
        yield patcher
    finally:
        patcher.uninstall()


def test_uninstalling_restores_the_very_same_functions() -> None:
    """Also after two installs, and a second uninstall does nothing."""
    before = sends()
    with patched() as patcher:
        assert all(now is not then for now, then in zip(sends(), before, strict=True))
        assert [now.__name__ for now in sends()] == ["send"] * 4
        once = sends()
        patcher.install()
        assert sends() == once
    assert all(now is then for now, then in zip(sends(), before, strict=True))
    patcher.uninstall()
    assert all(now is then for now, then in zip(sends(), before, strict=True))
    patcher.install()
    assert all(now is not then for now, then in zip(sends(), before, strict=True))
    patcher.uninstall()


@pytest.mark.parametrize("order", ["import httpx; outlay.init()", "outlay.init(); import httpx"])
def test_the_order_of_import_and_init_does_not_matter(order: str, tmp_path: Any) -> None:
    """And outlay imports no client by itself."""
    program = (
        f"import outlay, sys; assert 'httpx' not in sys.modules; {order}; "
        "print(hasattr(httpx.Client.send, '__wrapped__')); outlay.uninstrument(); "
        "print(hasattr(httpx.Client.send, '__wrapped__'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == ("True\nFalse\n", "")


@contextmanager
def other_tool(*, wrapped_attribute: bool = True) -> Iterator[list[int]]:
    """Wrap ``httpx.Client.send`` as another tool does; it takes its wrapper, and all above it, away at the end."""
    original = vars(httpx.Client)["send"]
    seen: list[int] = []

    def send(client: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(1)
        return original(client, *args, **kwargs)

    if wrapped_attribute:
        functools.update_wrapper(send, original)
    CLIENT.send = send
    try:
        yield seen
    finally:
        CLIENT.send = original


@pytest.mark.parametrize("wrapped_attribute", [True, False])
def test_another_tool_above_ours_changes_no_count(host: ModelHost, metered: Metered, wrapped_attribute: bool) -> None:
    """Also when the watcher can't see ours below it and puts a second one on top."""
    with other_tool(wrapped_attribute=wrapped_attribute) as seen:
        post(host)
        app.patcher().watch()
        post(host)
        assert len(seen) == len(metered.calls) == 2


def test_another_tool_below_ours_that_unpatches_takes_ours_away_until_the_watcher_looks(
    host: ModelHost, metered: Metered, caplog: pytest.LogCaptureFixture
) -> None:
    """As ddtrace and OpenTelemetry do, which write their original back; ours is put there again."""
    app.patcher().uninstall()
    with other_tool():
        app.patcher().install()
        post(host)
    post(host)
    assert len(metered.calls) == 1
    restored = app.patcher().restored
    app.patcher().watch()
    post(host)
    assert len(metered.calls) == 2
    assert app.patcher().restored == restored + 1
    app.patcher().watch()
    assert app.patcher().restored == restored + 1


def test_under_another_tools_wrapper_ours_becomes_a_pass_through(host: ModelHost, metered: Metered) -> None:
    """Writing the original back would take theirs away."""
    original = CLIENT.send.__wrapped__
    with other_tool() as seen, metered.off():
        app.patcher().uninstall()
        post(host)
        assert (len(seen), metered.calls) == (1, [])
    CLIENT.send = original  # the other tool has written our wrapper back


def test_ours_are_gone_whatever_another_tool_has_put_back() -> None:
    """Its original was our wrapper, and by then the watcher had put another in its place: both are ours to take."""
    before = vars(CLIENT)["send"]
    with patched() as patcher:
        with other_tool(wrapped_attribute=False):
            patcher.watch()
        patcher.watch()
        patcher.install()
    assert vars(CLIENT)["send"] is before
    with patched() as patcher, other_tool():
        patcher.uninstall()
        patcher.install()
        assert len(list(chain(vars(CLIENT)["send"]))) == len(list(chain(before))) + 2
    CLIENT.send = before


def test_the_watcher_leaves_alone_what_is_uninstalled_while_it_looks(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks on the worker's thread: what is gone then was taken away by us."""
    before = sends()
    with patched() as patcher:
        monkeypatch.setattr(patcher, "_ours_in", lambda _: patcher.uninstall())
        patcher.watch()
        assert (patcher.restored, patcher.installed, sends()) == (0, {}, before)
    assert caplog.messages == []


def chain(function: Any) -> Iterator[Any]:
    """Return a function and what it wraps."""
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def test_one_client_alone_can_be_metered(host: ModelHost, metered: Metered) -> None:
    """Without any global patch; twice is once; with a global patch it is still one record."""
    app.patcher().uninstall()
    client = httpx.Client(verify=False)

    class Sdk:
        _client = client

        def __init__(self) -> None:
            self._client = client

    assert app.patcher().instrument(Sdk())
    assert app.patcher().instrument(client)
    assert not app.patcher().instrument(object())
    post(host)
    assert metered.calls == []
    app.patcher().install()
    post(host, client)
    assert len(metered.calls) == 1


class OverAnother(httpx.BaseTransport):
    """Send by another client, as httpx-aiohttp does."""

    def __init__(self) -> None:
        self.inner = httpx2.Client(verify=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the same request again, one layer below."""
        headers = {"x-loopback": request.headers.get("x-loopback", "ok")}
        answer = self.inner.post(str(request.url), content=request.read(), headers=headers)
        return httpx.Response(answer.status_code, headers={"content-type": "application/json"}, content=answer.content)

    def close(self) -> None:
        """Close both."""
        self.inner.close()


def test_one_request_through_two_layers_is_one_call(host: ModelHost, metered: Metered) -> None:
    """The outermost owns it."""
    post(host, httpx.Client(transport=OverAnother()))
    assert metered.only().transport == "httpx"


def test_a_task_born_inside_a_send_is_metered_for_itself(host: ModelHost, metered: Metered) -> None:
    """It inherits the token of its birth, which is dead by the time that it calls."""
    born: list[asyncio.Task[None]] = []

    async def main() -> None:
        async def call() -> None:
            await outer_done.wait()
            async with httpx.AsyncClient(verify=False) as client:
                await client.post(f"{host.openai_url}/chat/completions", json=CHAT)

        async def hook(_: Any) -> None:
            born.append(asyncio.ensure_future(call()))

        outer_done = asyncio.Event()
        async with httpx.AsyncClient(verify=False, event_hooks={"request": [hook]}) as client:
            await client.post(f"{host.openai_url}/chat/completions", json=CHAT)
        outer_done.set()
        await born[0]

    asyncio.run(main())
    assert len(metered.calls) == 2


def test_each_retry_is_a_record_linked_to_the_one_before(host: ModelHost, metered: Metered) -> None:
    """The same request of the same task after a failure; another request is none."""
    with httpx.Client(verify=False) as client:
        for step in ("429", "500", "ok"):
            client.post(f"{host.openai_url}/chat/completions", json=CHAT, headers={"x-loopback": step})
        client.post(f"{host.openai_url}/chat/completions", json=CHAT)
    first, second, third, other = metered.calls
    assert [call.attempt for call in metered.calls] == [1, 2, 3, 1]
    assert (second.retry_of, third.retry_of, first.retry_of, other.retry_of) == (first.id, second.id, None, None)
