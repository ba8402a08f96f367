"""``outlay alerts`` shows what was raised and who was told, and tries a channel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlay.ledger.ledger import Ledger
from tests.alerts.receivers import Answer, Web, web_server
from tests.alerts.samples import DAY, HOUR, MINUTE, NOON, SECRET, Desk, alert
from tests.cli.conftest import Cli, command

SINCE = ("--since", "2025-11-01")


@pytest.fixture
def web() -> Iterator[Web]:
    """Return a web server."""
    with web_server() as made:
        yield made


@pytest.fixture
def history(data: Path, web: Web) -> str:
    """Make a ledger in which an alert was sent, one waits for a channel that refuses it, and one had none."""
    web.answers = [Answer(), Answer(503)]
    with Ledger.open(data / "ledger.db") as ledger:
        desk = Desk(ledger, f"webhook+http://{web.host}/s3cret")
        desk.put(alert(at=NOON, title="the first"))
        desk.step()
        desk.put(alert(at=NOON + HOUR, title="the second", severity="critical"))
        desk.step(HOUR)
        ledger.put([alert(at=NOON + 2 * HOUR, title="the third", project="lab")], NOON + 2 * HOUR)
    return f"webhook+http://{web.host}/…"


def test_each_alert_stands_with_what_became_of_it(cli: Cli, history: str) -> None:
    """The latest first; the channel by its name, which holds no secret."""
    done = cli("alerts", *SINCE)
    third, nobody, second, again, first, sent = done.out.splitlines()
    assert third.split() == ["2025-11-22", "14:00:00", "warning", "lab:", "the", "third"]
    assert nobody == "    nobody was told: no channel is set"
    assert second.endswith("critical  shop: the second")
    assert again.startswith(f"    again 2025-11-22 13:00:05 to {history}")
    assert again.endswith(", after 1 try (HTTP 503 Service Unavailable)")
    assert first.startswith("2025-11-22 12:00:00  warning")
    assert sent.startswith(f"    sent 2025-11-22 12:00:00 to {history}")
    assert "s3cret" not in done.out


def test_programs_get_all_of_it(cli: Cli, history: str) -> None:
    """As a webhook does, with the deliveries beside."""
    found = json.loads(cli("alerts", "--json", *SINCE).out)
    assert [one["title"] for one in found] == ["the third", "the second", "the first"]
    assert found[0]["deliveries"] == []
    (waiting,) = found[1]["deliveries"]
    assert waiting["channel"].startswith(history)
    assert (waiting["state"], waiting["attempts"]) == ("waiting", 1)
    assert waiting["trouble"] == "HTTP 503 Service Unavailable"
    assert waiting["due"] == "2025-11-22T13:00:05+00:00"
    assert re.fullmatch("[0-9a-f]{24}", waiting["message"])
    assert found[2]["amount_usd"] == "160"


@pytest.mark.usefixtures("history")
def test_those_that_did_not_arrive_can_be_picked(cli: Cli) -> None:
    """And an empty history is a sentence."""
    assert [one["title"] for one in json.loads(cli("alerts", "--undelivered", "--json", *SINCE).out)] == ["the second"]
    assert cli("alerts", "--since", "1h").out.startswith("No alert was raised since ")


@pytest.mark.slow
def test_doctor_shows_a_dead_channel(tmp_path: Path, data: Path, web: Web) -> None:
    """How many alerts wait for it, since when and why; the settings beside it hold no secret."""
    web.answers = [Answer(410)]
    with Ledger.open(data / "ledger.db") as ledger:
        desk = Desk(ledger, f"webhook+http://{web.host}/s3cret")
        desk.put(alert(), alert())
        desk.step(MINUTE)
    channels = f"webhook+http://{web.host}/s3cret, critical json://s3cret:s3cret@127.0.0.1/s3cret"
    environment = {"OUTLAY_ALERT_CHANNELS": channels, "OUTLAY_ALERT_WEBHOOK_SECRET": "s3cret" + SECRET}
    done = command("doctor", "--json", folder=tmp_path, environment=environment)
    shown = command("doctor", folder=tmp_path, environment=environment)
    (silence,) = [said for said in json.loads(done.out)["attention"] if "did not reach" in said]
    assert silence.startswith(f"2 alerts did not reach webhook+http://{web.host}/…")
    assert "since 2025-11-22 12:00:00 UTC (HTTP 410 Gone): see `outlay alerts`" in silence
    assert "did not reach" in shown.out
    assert "s3cret" not in done.out + shown.out
    assert SECRET not in done.out + shown.out


def test_a_channel_can_be_tried(cli: Cli, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its URL or its number; what happened is said, and is the exit status."""
    monkeypatch.setenv("OUTLAY_ALERT_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("OUTLAY_ALERT_CHANNELS", f"log://,webhook+http://{web.host}/s3cret")
    took = cli("alerts", "test", "2")
    assert (took.status, len(web.requests)) == (0, 1)
    assert re.fullmatch(rf"webhook\+http://{web.host}/…\w{{4}} took it, in \d+\.\d\d s\n", took.out)
    (sample,) = json.loads(web.requests[0].body)["data"]["alerts"]
    assert (sample["kind"], sample["severity"]) == ("test", "info")
    web.answers = [Answer(404)]
    all_of_them = cli("alerts", "test")
    assert all_of_them.status == 1
    assert all_of_them.out.splitlines()[0].startswith("log:// took it, in ")
    assert "did not take it: HTTP 404 Not Found" in all_of_them.out
    (told,) = json.loads(cli("alerts", "test", "stderr://", "--json").out)
    assert (told["channel"], told["delivered"], told["trouble"]) == ("stderr://", True, None)
    assert "s3cret" not in took.out + all_of_them.out


def test_trying_a_channel_needs_no_ledger(cli: Cli, data: Path) -> None:
    """It is what one does first."""
    assert cli("alerts", "test", "log://").status == 0
    assert not data.exists()


def test_alerts_go_with_old_calls_and_with_their_project(data: Path) -> None:
    """What prunes calls prunes alerts; a project that is removed takes its own along."""
    with Ledger.open(data / "ledger.db") as ledger:
        ledger.put([alert(title="old")], NOON - 9 * DAY)
        ledger.put([alert(title="young")], NOON)
        ledger.put([alert(title="of another", project="lab")], NOON)
        ledger.prune(before=NOON - DAY)
        ledger.remove("lab")
        assert [told.alert.title for told in ledger.told()] == ["young"]


def test_who_is_forgotten_is_in_no_alert(data: Path) -> None:
    """The alert stays, with its money; whoever else it names stays too."""
    with Ledger.open(data / "ledger.db") as ledger:
        ledger.put(
            [
                alert(key="budget:user:u-17:80", subject="u-17", title="u-17: $1", text="u-17 and u-170 spend."),
                alert(key="other", drivers=(), text="u-170 spends."),
            ],
            NOON,
        )
        ledger.forget({"user": "u-17"})
        told = {one.alert.text: one.alert for one in ledger.told()}
        kept = told["(forgotten) and u-170 spend."]
        assert (kept.subject, kept.title) == ("(forgotten)", "(forgotten): $1")
        assert "u-17" not in kept.key
        assert [driver.value for driver in kept.drivers] == ["answer", "gpt-4o", "(forgotten)"]
        assert kept.amount == 160 * 10**12
        assert told["u-170 spends."].key == "other"
