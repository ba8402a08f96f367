"""What docs/cli.md shows is what the commands print.

``WRITE_DOCS=1 pytest tests/cli/test_documented_output.py`` writes it anew.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, command
from tests.house.sources import ROOT

PAGE = ROOT / "docs" / "cli.md"
COLUMNS = 100
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ outlay (.*)$", re.MULTILINE)
SHOWN_FOLDER = "~/.local/share/outlay"

ELSEWHERE = {"demo", "doctor"}
"""Commands that run beside the tests. What they print of the machine differs from one to the next."""

DIFFERS = (
    (r"\d+ things need attention:", "<some> things need attention:"),
    (r"(- )?The price table is \d+ days old.*\n", ""),
    (r"\d+(\.\d+){1,2}[a-z\d]*", "<version>"),
    (r"(row|table) [0-9a-f]{16}", r"\1 <id>"),
    (r"table of \d{4}-\d\d-\d\d", "table of <date>"),
    (r"(Linux|Darwin|Windows)", "<system>"),
    (r"calls older than \d+ days|began before \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "<long ago>"),
    (r"Would delete \d+ calls that", "Would delete <some> calls that"),
    (r"in \d+\.\d\d s", "in <some> s"),
    (r"\d+ s ago", "<some> s ago"),
    (r" {2,}", "  "),
)
"""What may differ from the page: this list, and nothing else."""


def plain(text: str) -> list[str]:
    """Return the lines of ``text`` without what may differ."""
    for pattern, stand_in in DIFFERS:
        text = re.sub(pattern, stand_in, text)
    return text.splitlines()


def rendered(block: str, run: Callable[[str], str]) -> str:
    """Return a block of the page with the output of each of its commands below it."""
    lines = [found[1] for found in COMMAND.finditer(block)]
    return "\n".join(f"$ outlay {line}\n{run(line)}" for line in lines)


@pytest.mark.slow
@pytest.mark.usefixtures("shop_ledger")
def test_the_page_shows_what_the_commands_print(cli: Cli, data: Path, tmp_path: Path) -> None:
    """Block by block, on the ledger of the shop; the demo on one of its own."""

    def run(line: str) -> str:
        name, *arguments = shlex.split(line)
        if name in ELSEWHERE:
            folder = tmp_path / "demo" if name == "demo" else data
            beside = {"COLUMNS": str(COLUMNS), "OUTLAY_DATA": str(folder)}
            done = command(name, *arguments, folder=tmp_path, environment=beside)
            return done.out.replace(str(folder), SHOWN_FOLDER)
        done = cli(name, *arguments, columns=COLUMNS)
        assert done.status == 0, done.err
        return done.out.replace(str(data), SHOWN_FOLDER)

    page = PAGE.read_text(encoding="utf-8")
    fresh = BLOCK.sub(lambda block: rendered(block[0], run), page)
    if os.environ.get("WRITE_DOCS") == "1":
        PAGE.write_text(fresh, encoding="utf-8")
        return
    assert plain(fresh) == plain(page)
