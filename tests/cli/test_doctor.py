"""``outlay doctor`` proves what is metered, and says what needs attention."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from outlay.cli.health import Health, Kept, prices_dated
from outlay.cli.probes import Client, Probe, probes
from outlay.cli.sdk_calls import CALLS
from outlay.ledger.ledger import Ledger
from outlay.pricing import shelf
from outlay.pricing.compile import compile_table
from outlay.pricing.table import load
from outlay.records import Coverage, Loss, Swallowed
from tests.cli.conftest import Cli, command

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def healthy(**found: object) -> Health:
    """Return the findings of a machine on which all is well, but for ``found``."""
    plain: dict[str, object] = {
        "clients": [],
        "probes": [],
        "unproven": [],
        "settings": {},
        "disabled": False,
        "prices_dated": NOW.date(),
        "kept": Kept(folder=Path("folder")),
        "now": NOW,
    }
    return Health(**(plain | found))  # type: ignore[arg-type]  # each is given as the field wants it


@pytest.mark.slow
def test_every_sdk_is_proven_by_calls_through_it(tmp_path: Path) -> None:
    """By HTTP and gRPC, sync and async: none leaves no record, or a wrong one."""
    done = command("doctor", "--json", folder=tmp_path)
    found = json.loads(done.out)
    assert (done.status, found["attention"]) == (0, [])
    assert {(probe["sdk"], probe["way"], probe["right"]) for probe in found["sdks"]} == {
        (made.sdk, made.way, True) for made in CALLS
    }


def test_an_sdk_is_proven_by_calls_through_it(tmp_path: Path) -> None:
    """Sync and async; the coverage, the settings and where they come from stand beside; all is well."""
    (tmp_path / "outlay.toml").write_text('project = "shop"\n')
    sdks = ("--sdk", "openai", "--sdk", "anthropic")
    done = command("doctor", *sdks, "--json", folder=tmp_path, environment={"OUTLAY_TIMEZONE": "Europe/Berlin"})
    found = json.loads(done.out)
    assert (done.status, found["attention"]) == (0, [])
    assert {(probe["sdk"], probe["way"], probe["right"]) for probe in found["sdks"]} == {
        (sdk, way, True) for sdk in ("openai", "anthropic") for way in ("sync", "async")
    }
    metered = {client["name"]: client["metered"] for client in found["clients"]}
    assert [name for name, is_so in metered.items() if not is_so] == ["urllib3"]
    assert found["settings"]["project"] == {"value": "shop", "from": str(tmp_path / "outlay.toml")}
    assert found["settings"]["timezone"] == {"value": "Europe/Berlin", "from": "the environment"}
    assert found["ledger"] == str(tmp_path / "outlay-data" / "ledger.db")
    assert not (tmp_path / "outlay-data" / "ledger.db").exists()


def test_what_needs_attention_is_told_with_what_to_do(tmp_path: Path, data: Path) -> None:
    """Misses, hosts that nobody named, losses and errors of outlay's own: a sentence each, exit status 1."""
    at = time.time_ns()
    chat: dict[str, Any] = {"at": at, "method": "POST", "path": "/v1/chat/completions"}
    with Ledger.open(data / "ledger.db") as ledger:
        ledger.write(
            [
                Coverage(**chat, provider="openai", host="api.openai.com", requests=9, metered=7),
                Coverage(**chat, provider="unknown", host="llm.corp.example:8000", requests=3, metered=3),
                Loss(at=at, records=4, reason="no space left on device"),
                Swallowed(at=at, activity="reading an answer", error="KeyError", count=2),
            ]
        )
    done = command("doctor", "--sdk", "openai", folder=tmp_path)
    assert done.status == 1
    told = done.out.split("4 things need attention:\n")[1].splitlines()
    assert told[0].startswith("- 2 requests of openai (POST api.openai.com/v1/chat/completions) went by unmetered")
    assert told[1] == (
        '- llm.corp.example:8000: nobody said who bills for it. Write  "llm.corp.example:8000" = "<provider>"  '
        "under [hosts] in outlay.toml."
    )
    assert told[2].startswith("- 4 records lost, last at ")
    assert told[3].startswith("- 2 errors of outlay's own (KeyError at reading an answer)")
    assert "10 of 12 calls to model hosts metered (83.3 %)" in done.out


def test_a_ledger_that_cannot_be_read_hides_nothing_else(tmp_path: Path, data: Path) -> None:
    """The SDKs are tried all the same; that outlay is turned off is said too."""
    data.mkdir()
    (data / "ledger.db").write_bytes(b"no database" * 1000)
    done = command("doctor", "--sdk", "openai", folder=tmp_path, environment={"OUTLAY_DISABLED": "1"})
    assert done.status == 1
    assert "The ledger can't be read: " in done.out
    assert "outlay is disabled here" in done.out
    assert "metered: one record, with the tokens that were billed" in done.out


def test_all_is_well_where_nothing_is_wrong() -> None:
    """No sentence without a cause."""
    assert healthy().attention() == []


def test_a_wrong_probe_and_an_old_table_need_attention() -> None:
    """What the call showed is told as it is."""
    probes = [
        Probe("openai", "3.0", "sync", 2, right=False),
        Probe("openai", "3.0", "async", 1, right=False),
        Probe("anthropic", "2.0", "sync", 0, right=False, trouble="ImportError: no httpx"),
    ]
    assert healthy(probes=probes, prices_dated=date(2026, 8, 1)).attention() == [
        "openai 3.0, sync: WRONG: 2 records.",
        "openai 3.0, async: WRONG: one record, with other tokens than billed.",
        "anthropic 2.0, sync: failed: ImportError: no httpx.",
        "The price table is 113 days old: upgrade outlay, or run `outlay prices update`.",
    ]


def test_what_no_transport_sees_is_named_with_what_to_do() -> None:
    """A client that others send by is metered under them, and only so."""
    assert Client("httpx", "1", metered=True).verdict == "metered"
    assert Client("pycurl", "1", metered=False).verdict == "not metered: outlay.record() can tell calls"
    assert Client("urllib3", "1", metered=False, under=("requests", "botocore")).verdict == (
        "metered under requests and botocore; outlay.record() can tell what is sent by it alone"
    )


def test_only_the_sdks_that_are_named_are_tried() -> None:
    """None that is unknown."""
    assert list(probes(("no-such-sdk",))) == []


def test_the_price_table_has_a_date(data: Path) -> None:
    """Reports and doctor warn by it; a newer table of the user's has its own."""
    assert prices_dated(data) == load().dated
    shelf.keep(data / shelf.FOLDER, compile_table(date(2027, 1, 15)))
    assert prices_dated(data) == date(2027, 1, 15)


def test_an_sdk_that_is_none_is_refused(cli: Cli) -> None:
    """And not proven by silence."""
    done = cli("doctor", "--sdk", "nope")
    assert done.status == 2
    assert done.err.startswith("outlay: outlay calls through no SDK 'nope' here; it does through anthropic, ")
