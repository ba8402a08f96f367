"""Real processes over one ledger: each alert arrives once where all is well, and at least once whatever is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from outlay.ledger.ledger import Ledger
from tests.alerts.receivers import Answer, Web

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def start(mode: str, *arguments: str) -> subprocess.Popen[str]:
    """Start an application beside this process."""
    command = [sys.executable, "-m", "tests.alerts.child", mode, *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end(process: subprocess.Popen[str], status: int = 0) -> None:
    """Wait until it has ended."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, out + err


def hook(web: Web) -> str:
    """Return the channel that leads to ``web``."""
    return f"webhook+http://{web.host}/"


def told(web: Web) -> list[str]:
    """Return the keys of all alerts that came."""
    return [one["key"] for request in web.requests for one in json.loads(request.body)["data"]["alerts"]]


def test_two_processes_that_find_out_the_same_tell_it_once(web: Web, tmp_path: Path) -> None:
    """Forty alerts, each raised by both: forty arrive."""
    processes = [start("raise_alerts", hook(web), "40") for _ in range(2)]
    for process in processes:
        end(process)
    assert sorted(told(web)) == sorted(f"shared {number}" for number in range(40))
    with Ledger.open(tmp_path / "outlay-data" / "ledger.db") as ledger:
        assert [told for told in ledger.told(limit=100) if {one.state for one in told.deliveries} != {"sent"}] == []


def test_the_last_words_of_a_process_arrive(web: Web) -> None:
    """A job that raises an alert and ends at once has told it by then."""
    end(start("raise_and_leave", hook(web)))
    assert told(web) == ["last words"]


def test_an_alert_is_told_at_once_while_calls_wait(web: Web) -> None:
    """Lines of the spool wait for five seconds, to be many; not where somebody is to be told."""
    end(start("raise_one_after_another", hook(web)))
    assert told(web) == ["first", "second"]


def test_an_alert_survives_whoever_raised_it(web: Web) -> None:
    """Killed at once after ``put``: it is in the spool, and the next process tells it."""
    end(start("raise_and_die", hook(web)), -9)
    assert told(web) == []
    end(start("live", hook(web), "2"))
    assert told(web) == ["last words"]


def test_who_is_killed_between_sending_and_noting_it_down_is_repeated_under_the_same_id(web: Web) -> None:
    """The receiver can tell by the key, and the body is the same."""
    web.answers = [Answer(after=20)]
    process = start("raise_and_wait", hook(web))
    (first,) = web.wait_for(1)
    process.kill()
    end(process, -9)
    end(start("live", hook(web), "4"))
    second = web.requests[1]
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body
    assert len(web.requests) == 2


def test_a_channel_that_hangs_does_not_hold_up_the_end(web: Web) -> None:
    """The application ends in time; the alert is told by the next one."""
    web.answers = [Answer(after=30)]
    began = time.monotonic()
    end(start("raise_and_leave", hook(web)))
    assert time.monotonic() - began < 15
    end(start("live", hook(web), "4"))
    assert told(web) == ["last words"] * 2


def test_a_budget_of_real_calls_is_told_of(web: Web) -> None:
    """From the wire to the receiver: the threshold once, by whatever process, with who drove it where that is known."""
    for _ in range(2):
        end(start("spend_a_budget", hook(web)))
    end(start("live", hook(web), "2"))
    (one,) = [one for request in web.requests for one in json.loads(request.body)["data"]["alerts"]]
    assert (one["kind"], one["project"], one["subject"]) == ("budget", "shop", "month")
    assert one["facts"]["percent"] == 50
    assert {driver["value"] for driver in one["drivers"]} <= {"answer", "gpt-4o"}


def test_a_model_without_a_price_is_told_of_once(web: Web) -> None:
    """By whatever process meets it first; one that has a price is not."""
    for _ in range(2):
        end(start("call_the_unknown", hook(web)))
    (request,) = web.requests
    (one,) = json.loads(request.body)["data"]["alerts"]
    assert (one["kind"], one["project"], one["subject"]) == ("unpriced", "shop", "gpt-99-imaginary")
    assert one["title"] == "gpt-99-imaginary (openai) has no price"
    assert one["text"].startswith("So far 1 call with 1,100 tokens of the feature summarise is missing from every sum")
    assert one["facts"] == {
        "provider": "openai",
        "model": "gpt-99-imaginary",
        "host": "",
        "calls": 1,
        "tokens": 1100,
        "feature": "summarise",
    }
