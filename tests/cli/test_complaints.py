"""Whatever is wrong is said in one sentence on stderr, with what to do; the exit status says which kind it was."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli import shop
from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("reprot", "there is no command 'reprot'; did you mean report?"),
        ("frobnicate", "there is no command 'frobnicate'; there are alerts, budgets, calls, "),
        ("report --by modle", "calls have no 'modle'; did you mean model?"),
        ("report --by customer", "For a tag write tag:customer."),
        ("report --by tag:", "calls have no 'tag:'; "),
        ("report --by day,hour", "--by has day and hour: a report has one unit of time."),
        ("report --by model,model", "--by names 'model' twice: once is enough."),
        ("report --since blah", "'blah' is no time: write a date (2026-11-01), "),
        ("report --since 2026-13-01", "'2026-13-01' is no time: "),
        ("report --since 999999w", "'999999w' is no time: "),
        ("report --since 1066-10-14", "'1066-10-14' is not in the ledger's time: write a year from 1970 to 2261."),
        ("report --since today --until yesterday", "--since today is after --until yesterday: change them over."),
        ("report --where model", "'model' must be written as NAME=VALUE, like model=gpt-4o."),
        ("report --where colour=red", "calls have no 'colour'; "),
        ("report --where model=a --where model=b", "--where names 'model' twice: a call has one."),
        ("report --zone Mars/Olympus", "'Mars/Olympus' is no IANA zone: write one like Europe/Berlin or UTC."),
        ("calls --since blah", "'blah' is no time: "),
        ("calls --limit 0", "Invalid value for '--limit'"),
        ("doctor --since blah", "'blah' is no time: "),
        ("alerts --since blah", "'blah' is no time: "),
        ("alerts test", "no channel is set: name one, like `outlay alerts test log://`, or set alert_channels."),
        ("alerts test 1", "there is no channel 1: 0 are set."),
        ("alerts test webhook+https://a.example", "messages to a webhook are signed: set OUTLAY_ALERT_WEBHOOK_SECRET."),
        ("report --colour", "No such option"),
    ],
)
def test_a_wrong_line_is_told_in_a_sentence(line: str, sentence: str, cli: Cli, shop_ledger: Path) -> None:
    """Exit status 2, nothing on stdout, no usage text to scroll past."""
    done = cli(*line.split())
    assert sentence in done.err
    assert done.err.startswith("outlay: ")
    assert len(done.err.splitlines()) == 1
    assert (done.status, done.out) == (2, "")


@pytest.mark.parametrize("command", ["report", "calls", "alerts", "prune --yes", "forget user=u-42 --yes"])
def test_no_ledger_yet_says_how_to_get_one(command: str, cli: Cli, data: Path) -> None:
    """And makes none: looking leaves no trace."""
    done = cli(*command.split())
    assert done.status == 1
    assert done.err == (
        f"outlay: there is no ledger in {data} yet: call outlay.init() in a program, start one by `outlay run`, "
        "or try `outlay demo`.\n"
    )
    assert not (data / "ledger.db").exists()


def test_a_named_folder_is_never_replaced_by_another(cli: Cli, tmp_path: Path) -> None:
    """A ledger that is asked for by name and not there is an error, not somebody else's figures."""
    missing = tmp_path / "elsewhere"
    done = cli("report", "--data", str(missing))
    assert done.status == 1
    assert f"there is no ledger in {missing} yet" in done.err
    assert not missing.exists()


def test_a_newer_ledger_asks_for_an_upgrade(cli: Cli, shop_ledger: Path) -> None:
    """Its data is left alone."""
    with closing(sqlite3.connect(shop_ledger / "ledger.db")) as database, database:
        database.execute("INSERT INTO migrations VALUES (99, 'from the future', 0)")
    database.close()
    done = cli("report")
    assert done.status == 1
    assert "was written by a newer outlay" in done.err
    assert "upgrade outlay to read it" in done.err


def test_a_file_that_is_no_ledger_is_left_alone(cli: Cli, data: Path) -> None:
    """One sentence, one line."""
    data.mkdir()
    (data / "ledger.db").write_bytes(b"certainly no database" * 100)
    done = cli("report")
    assert done.status == 1
    assert len(done.err.splitlines()) == 1
    assert (data / "ledger.db").read_bytes() == b"certainly no database" * 100


def test_a_wrong_setting_is_told_like_a_wrong_option(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence is that of init()."""
    monkeypatch.setenv("OUTLAY_TIMEZONE", "Mars/Olympus")
    done = cli("report")
    assert done.status == 1
    assert "timezone = 'Mars/Olympus' is not an IANA zone" in done.err


def test_without_a_command_there_is_help(cli: Cli) -> None:
    """Asked for or not, and each command has its own; the version is one line."""
    assert cli() == cli("--help") == cli("-h")
    assert "Know what every LLM call cost" in cli("-h").out
    assert cli("report", "-h").out.startswith("Usage: outlay report [OPTIONS]")
    version = cli("--version")
    assert version.status == 0
    assert version.out.startswith("outlay 0.")


@pytest.mark.parametrize("command", ["report", "calls --limit 500", "calls --limit 500 --json"])
def test_what_is_piped_is_plain(command: str, cli: Cli, data: Path) -> None:
    """No colours, no cut words, no blanks at line ends: files can be compared and searched."""
    shop.write(data)
    done = cli(*command.split())
    assert "\x1b" not in done.out
    assert "…" not in done.out
    assert [line for line in done.out.splitlines() if line != line.rstrip()] == []
