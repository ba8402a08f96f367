"""The command line as tests call it: in this process, with a ledger of its own, or as a command beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from outlay.cli import status_of
from tests.cli import shop


class Done(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return the folder of the test's ledger, which is not there yet."""
    return tmp_path / "outlay-data"


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return the command line: ``cli("report", "--by", "day", columns=80)``."""

    def run(*arguments: str, columns: int | None = None) -> Done:
        if columns is None:
            monkeypatch.delenv("COLUMNS", raising=False)
        else:
            monkeypatch.setenv("COLUMNS", str(columns))
        capfd.readouterr()
        status = status_of(arguments)
        return Done(status, *capfd.readouterr())

    return run


@pytest.fixture
def shop_ledger(data: Path) -> Path:
    """Make the shop's ledger in the test's folder."""
    shop.write(data)
    return data


def command(*arguments: str, folder: Path, environment: dict[str, str] | None = None, stdin: str | None = None) -> Done:
    """Run the command beside this process, in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-m", "outlay.cli", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"} | (environment or {}),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        check=False,
        capture_output=True,
        text=True,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def words_of(line: str) -> Sequence[str]:
    """Return the cells of a table's line."""
    return [cell.strip() for cell in line.split("  ") if cell.strip()]
