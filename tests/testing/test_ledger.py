"""What ``outlay.testing.ledger()`` shows of the calls inside it, and what it leaves behind: nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import httpx
import httpx2
import openai
import pytest

import outlay
from outlay import app, context, integration
from outlay.alerts import Alert
from outlay.ledger.ledger import Ledger
from outlay.loopback import ModelHost
from outlay.testing import ledger
from tests.testing.conftest import HOSTS, MESSAGES

Ask = Callable[[], str]


def test_a_call_is_there_as_soon_as_it_has_returned(ask: Ask) -> None:
    """With its usage, its cost, and sums over all of them."""
    with ledger(hosts=HOSTS) as seen:
        assert seen.calls == []
        assert seen.spans == []
        assert seen.cost == 0
        ask()
        call = seen.only
        assert (call.provider, call.request_model, call.outcome) == ("openai", "gpt-4o-mini", "ok")
        ask()
    assert call.cost.usd is not None
    assert seen.calls[0] is call
    assert seen.cost == sum((each.cost.usd or Decimal(0) for each in seen.calls), Decimal(0)) == 2 * call.cost.usd
    assert call.usage is not None
    assert seen.usage.total_tokens == 2 * call.usage.total_tokens
    assert seen.cost.complete


def test_only_says_what_was_there(ask: Ask) -> None:
    """An assertion that fails is read by someone who wants to know why."""
    with ledger(hosts=HOSTS) as seen:
        with pytest.raises(AssertionError, match=r"expected one call, but outlay saw none"):
            _ = seen.only
        ask()
        ask()
        line = r"\n  openai.chat gpt-4o-mini-2024-07-18: ok, \d+ \+ \d+ tokens, 0\.\d+ USD"
        with pytest.raises(AssertionError, match=rf"outlay saw 2:{line}{line}$"):
            _ = seen.only
        seen.clear()
        assert (seen.calls, seen.spans) == ([], [])


def test_spans_and_tags_are_seen(ask: Ask) -> None:
    """As the application under test sets them."""
    with ledger(hosts=HOSTS, project="shop") as seen, outlay.tags(user="u-1"), outlay.track("nightly") as span:
        ask()
    (kept,) = seen.spans
    assert (kept.name, kept.project, seen.only.parent_id) == ("nightly", "shop", kept.id)
    assert (seen.only.tags, seen.only.project) == ({"user": "u-1"}, "shop")
    assert span.cost == seen.cost


@pytest.mark.parametrize("asked", [False, True])
def test_no_request_is_altered_unless_asked(client: openai.OpenAI, host: ModelHost, *, asked: bool) -> None:
    """A cassette recorded without outlay fits; not even init() in the application changes that."""
    with ledger(ask_usage=asked) as seen:
        outlay.init(ask_usage=True)
        for _ in client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True):
            pass
    assert ("stream_options" in host.requests[0].json()) is asked
    assert seen.only.usage is not None
    assert seen.only.usage.estimated is not asked


def test_a_stream_that_was_dropped_is_settled(client: openai.OpenAI) -> None:
    """When the garbage collector finds it, or at settle(); in a cycle it would wait for ever."""
    with ledger(hosts=HOSTS) as seen:
        gc.disable()
        try:
            cycle: list[object] = [client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)]
            next(iter(cycle[0]))  # type: ignore[call-overload] # it is a stream
            cycle.append(cycle)
            del cycle
            assert seen.calls == []
            seen.settle()
        finally:
            gc.enable()
        assert seen.only.outcome == "abandoned"


def test_what_is_open_at_the_end_is_settled_then(client: openai.OpenAI) -> None:
    """The ledger stays readable after its block."""
    with ledger(hosts=HOSTS) as seen:
        stream = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)
        next(stream)
    assert seen.only.outcome == "abandoned"
    stream.close()
    assert len(seen.calls) == 1


@pytest.mark.skipif(not hasattr(openai.OpenAI, "responses"), reason="this openai has no responses")
def test_a_background_call_is_one_call(client: openai.OpenAI) -> None:
    """Its record comes twice, once pending."""
    with ledger(hosts=HOSTS) as seen:
        job = client.responses.create(model="gpt-4o-mini", input="hello", background=True)
        assert seen.only.outcome == "pending"
        while client.responses.retrieve(job.id).status != "completed":
            pass
        assert [call.outcome for call in seen.calls] == ["ok"]
    assert seen.cost == seen.only.cost.usd


def test_everything_is_as_before_afterwards(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The patches, the instance, the disk; also after an error, and while the client goes on living."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = (httpx2.Client.send, httpx.AsyncClient.send, app.current(), context.home)
    with contextlib.suppress(ZeroDivisionError), ledger(hosts=HOSTS) as seen:
        assert httpx2.Client.send is not before[0]
        ask()
        assert outlay.flush() == 0
        assert [path.name.startswith("outlay-test-") for path in tmp_path.iterdir()] == [True]
        _ = 1 / 0
    assert before == (httpx2.Client.send, httpx.AsyncClient.send, app.current(), context.home)
    assert "outlay" not in {thread.name for thread in threading.enumerate()}
    assert integration.meter.find("POST", "api.openai.com", "/v1/chat/completions") is None
    assert list(tmp_path.iterdir()) == []
    ask()
    assert len(seen.calls) == 1


def test_a_setting_that_can_not_be_used_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sentence as init() says."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(outlay.ConfigError, match="did you mean 'hosts'"), ledger(host={}):
        pass
    assert list(tmp_path.iterdir()) == []
    assert app.stand_in is None


def test_the_application_may_start_outlay_itself(ask: Ask, tmp_path: Path) -> None:
    """And stop it, and start it anew: all of it lands in the test's ledger, with the application's settings."""
    with ledger(hosts=HOSTS) as seen:
        outlay.init(project="shop", data=tmp_path / "real", hosts={"llm.example": "groq"})
        ask()
        assert (seen.only.project, seen.only.provider) == ("shop", "openai")
        outlay.uninstrument()
        ask()
        with outlay.track("silent") as span:
            pass
        assert (len(seen.calls), span.calls) == (1, 0)
        outlay.init(disabled=True)
        ask()
        assert outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=5) is None
        outlay.init(project="again")
        assert outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=5) is seen.calls[1]
        assert [call.project for call in seen.calls] == ["shop", "again"]
        with pytest.raises(outlay.ConfigError):
            outlay.init(timezone="nowhere")
    assert not (tmp_path / "real").exists()


def test_the_users_own_ledger_stays_as_it_is(tmp_path: Path) -> None:
    """An application that runs before, around and after a test ledger keeps its own calls, and no others."""
    script = """if True:
        import openai, outlay
        from outlay import app
        from outlay.loopback import ModelHost
        from outlay.testing import ledger
        with ModelHost() as host:
            client = openai.OpenAI(base_url=host.openai_url, api_key="none")
            def ask(): client.chat.completions.create(model="gpt-4o-mini", messages=[])
            outlay.init(project="real", hosts={"127.0.0.1": "openai"})
            ask()
            with ledger() as seen:
                ask(); ask()
                assert [(call.project, call.provider) for call in seen.calls] == [("real", "openai")] * 2
            ask()
            assert outlay.flush() == 0
            client.close()
        print(app.current().folder)
    """
    environ = os.environ | {"OUTLAY_DATA": str(tmp_path / "real")}
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, env=environ, check=False, capture_output=True, text=True)
    assert (done.stderr, done.stdout) == ("", f"{tmp_path / 'real'}\n")
    assert calls_in(tmp_path / "real") == 2


def calls_in(folder: Path) -> int:
    """Return how many calls a data folder holds."""
    with Ledger.open(folder / "ledger.db") as kept:
        return len(kept.calls_after(0))


def test_a_disabled_environment_does_not_disable_a_test(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """OUTLAY_DISABLED=1 keeps the rest of a test run quiet; who opens a ledger wants to see calls."""
    monkeypatch.setenv("OUTLAY_DISABLED", "1")
    with ledger() as seen:
        outlay.init()
        ask()
        assert len(seen.calls) == 1


def test_ledgers_nest(ask: Ask) -> None:
    """A call belongs to the innermost, and the outer one is there again afterwards."""
    with ledger(project="outer") as outer:
        ask()
        with ledger() as inner:
            ask()
            ask()
        ask()
    assert (len(outer.calls), len(inner.calls)) == (2, 2)
    assert inner.calls[0].project == "outer"


def test_an_outer_stream_outlives_an_inner_ledger(client: openai.OpenAI) -> None:
    """Closing a ledger settles its own calls, and nobody else's."""
    with ledger() as outer:
        stream = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)
        next(stream)
        with ledger() as inner:
            pass
        assert outer.calls == inner.calls == []
        list(stream)
        assert outer.only.outcome == "ok"


def test_threads_have_ledgers_of_their_own(ask: Ask) -> None:
    """Tests that run in parallel threads do not see each other's calls."""
    barrier = threading.Barrier(4)

    def test(count: int) -> list[str]:
        with ledger(project=f"p{count}") as seen:
            barrier.wait(10)
            for _ in range(count):
                ask()
            barrier.wait(10)
            return [call.project for call in seen.calls]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(test, range(1, 5))) == [[f"p{count}"] * count for count in range(1, 5)]


def test_threads_of_the_application_belong_to_the_test(ask: Ask) -> None:
    """A pool carries no context; its calls are those of the ledger opened last."""
    with ThreadPoolExecutor(4) as pool, ledger() as seen:
        list(pool.map(lambda _: ask(), range(8)))
        assert len(seen.calls) == 8


def test_tasks_have_ledgers_of_their_own(host: ModelHost) -> None:
    """Async tests that share an event loop do not see each other's calls."""

    async def test(client: openai.AsyncOpenAI, count: int) -> int:
        with ledger() as seen:
            calls = [client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES) for _ in range(count)]
            await asyncio.gather(*calls)
            return len(seen.calls)

    async def run() -> list[int]:
        http = openai.DefaultAsyncHttpxClient(verify=False)
        async with openai.AsyncOpenAI(base_url=host.openai_url, api_key="none", http_client=http) as client:
            return await asyncio.gather(*(test(client, count) for count in (1, 2, 3)))

    assert asyncio.run(run()) == [1, 2, 3]


def test_a_loop_that_is_older_than_a_ledger_belongs_to_it(host: ModelHost) -> None:
    """Pytest's loops are: their context was copied before a test's fixtures were set up."""
    with asyncio.Runner() as loop, ledger() as outer:
        loop.get_loop()

        async def ask() -> None:
            http = openai.DefaultAsyncHttpxClient(verify=False)
            async with openai.AsyncOpenAI(base_url=host.openai_url, api_key="none", http_client=http) as client:
                await client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)

        loop.run(ask())
        with ledger() as first:
            loop.run(ask())
        with ledger() as second, ledger() as third:
            loop.run(ask())
        loop.run(ask())
    assert [len(seen.calls) for seen in (outer, first, second, third)] == [2, 1, 0, 1]


def test_an_alert_is_in_a_list_and_goes_nowhere() -> None:
    """Each key once, whatever channels are set; no thread is started for it."""
    sent: list[Alert] = []
    one = Alert(key="k", kind="budget", project="p", at=1, subject="s", title="t")
    threads = threading.enumerate()
    with ledger(alert_channels=[sent.append]) as seen:
        instance = app.current()
        assert instance is not None
        instance.put(one)
        instance.put(one)
        assert seen.alerts == [one]
        seen.clear()
        assert seen.alerts == []
    assert sent == []
    assert [thread for thread in threading.enumerate() if thread not in threads] == []
