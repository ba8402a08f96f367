"""What calls need is made with the first request: once, whoever comes first, and in a forked child too."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from outlay import context, integration
from outlay.app import Outlay
from outlay.config import Settings
from outlay.first import FirstRequest

WHERE = ("POST", "api.openai.com", "/v1/chat/completions")


def run(script: str, **environ: str) -> str:
    """Run a program and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | environ,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def outlay(tmp_path: Path) -> Outlay:
    """Make an instance that nothing was asked of yet."""
    return Outlay(Settings(), tmp_path)


def test_many_first_requests_at_once_find_one_meter(outlay: Outlay) -> None:
    """And all of them find their match with it."""
    together, found = threading.Barrier(8), []

    def find() -> None:
        first = FirstRequest(lambda: outlay.meter)
        together.wait()
        match = first.find(*WHERE)
        found.append((match, outlay.meter, outlay.spool, outlay.worker))

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({tuple(map(id, parts)) for parts in found}) == 1


def test_the_first_request_puts_the_real_meter_in_force(outlay: Outlay) -> None:
    """Unless another has been put there meanwhile."""
    before, home = integration.meter.held, context.home
    try:
        outlay.open()
        first = integration.meter.held
        assert isinstance(first, FirstRequest)
        assert not outlay.at_work
        assert integration.meter.find(*WHERE) is not None
        assert integration.meter.held is outlay.meter
        integration.meter.put(None)
        assert first.find(*WHERE) is not None
        assert integration.meter.held is None
    finally:
        integration.meter.put(before)
        context.home = home
        outlay.close()


def test_an_unknown_attribute_is_an_error_and_makes_nothing(outlay: Outlay) -> None:
    """Only the parts are made when they are asked for."""
    with pytest.raises(AttributeError, match="has no attribute 'metre'"):
        outlay.metre  # noqa: B018 - asking is the point
    assert not outlay.at_work


def test_a_program_that_makes_no_request_writes_nothing(tmp_path: Path) -> None:
    """No ledger, no spool, no thread."""
    out = run("import outlay, threading; outlay.init(); outlay.init(project='p'); print(threading.active_count())")
    assert out.split() == ["1"]
    assert list((tmp_path / "outlay-data").iterdir()) == []


def test_what_goes_wrong_at_the_start_is_kept_for_doctor(tmp_path: Path) -> None:
    """Though no request comes after it: perhaps for that very reason."""
    run(
        "import outlay\nfrom outlay.guard import guard\noutlay.init()\nwith guard('patching'): raise OSError",
        OUTLAY_STRICT="0",
    )
    assert (tmp_path / "outlay-data" / "ledger.db").exists()


FORK = """
import os, threading, outlay
from outlay import app, integration

outlay.init()
asked = threading.Event()

def ask():
    asked.set()
    integration.meter.find("POST", "api.openai.com", "/v1/chat/completions")

thread = threading.Thread(target=ask)
thread.start()
asked.wait()  # the parts are being made at this moment, or just were
child = os.fork()
if child == 0:
    assert integration.meter.find("POST", "api.openai.com", "/v1/chat/completions") is not None
    outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1)
    os._exit(outlay.flush())
assert os.waitpid(child, 0)[1] == 0
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("turn", range(3))
def test_a_fork_waits_for_parts_that_are_being_made(turn: int) -> None:
    """The child finds them whole and their locks free, or makes its own."""
    run(FORK)


PROBED = """
import importlib.util, threading, sys, outlay

outlay.init()
assert "wrapt" not in sys.modules
assert importlib.util.find_spec("httpx") is not None  # as programs do that ask what is installed
threads = [threading.Thread(target=__import__, args=("httpx",)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
import httpx, httpx2
for module in (httpx, httpx2):
    assert type(module.__spec__.loader).__name__ == "SourceFileLoader", module.__spec__.loader
    for client in (module.Client, module.AsyncClient):
        assert hasattr(client.send, "__wrapped__") and not hasattr(client.send.__wrapped__, "__wrapped__")
"""


def test_a_client_is_patched_once_however_often_it_is_looked_for() -> None:
    """A look that imports nothing, and several threads that import it at once."""
    run(PROBED)
