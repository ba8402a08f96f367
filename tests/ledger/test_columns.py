"""Docs/ledger.md names every column there is, and none that there isn't."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outlay.ledger import labels
from outlay.ledger.counters import SUMS
from outlay.ledger.database import connect
from outlay.ledger.rows import ENTRY_COLUMNS, SPAN_COLUMNS
from outlay.ledger.view import COLUMNS

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"
SMALL = ("segments", "cursors", "facts", "migrations")
TABLES = (
    "entries",
    "labels",
    "spans",
    "rollups",
    "pairs",
    "paired",
    "coverage",
    "losses",
    "swallowed",
    "restated",
    "restatements",
    "alerts",
    "deliveries",
    "channels",
    "exporters",
    "queued",
    "set_aside",
    "spike_states",
    "spike_incidents",
    "spike_reviews",
    "marks",
    "leases",
    *SMALL,
)

OF_BOTH = {
    "pairs": {"state"},
    "paired": {"tagged", "value", "label", *SUMS},
    "queued": {"id", "at", "reason"},
    "set_aside": {"due", "missing"},
}
"""The two share a list."""


def documented(table: str) -> set[str]:
    """Return the columns that the page lists under a heading with ``table``."""
    section = re.search(rf"^### [^\n]*`{table}`[^\n]*\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert section
    cells = re.findall(r"^\| (`[^|]+) \|", section[1], re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def columns(table: str) -> dict[str, bool]:
    """Return the columns of ``table`` and whether each may be NULL."""
    database = connect(":memory:")
    found = {row[1]: not row[3] and not row[5] for row in database.execute(f"PRAGMA table_info({table})")}
    database.close()
    return found


@pytest.mark.parametrize("table", ["calls", *TABLES])
def test_every_column_is_documented(table: str) -> None:
    """The four small tables share one list."""
    there = set(columns(table))
    assert there <= documented(table)
    if table not in SMALL:
        assert there == documented(table) - OF_BOTH.get(table, set())


def test_the_tables_are_the_documented_ones() -> None:
    """No table is left out."""
    database = connect(":memory:")
    names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    database.close()
    assert {name for name in names if not name.startswith("sqlite_")} == set(TABLES)


def test_rows_and_tables_have_the_same_columns_in_the_same_order() -> None:
    """What a row is bound to; nothing that is bound for each call may be NULL, which takes long to bind."""
    assert tuple(columns("calls"))[1:] == COLUMNS
    assert set(columns("entries")) == {"seq", *ENTRY_COLUMNS}
    assert not any(columns("entries").values())
    assert tuple(columns("labels"))[2:] == labels.COLUMNS
    assert tuple(columns("spans"))[1:] == SPAN_COLUMNS
    assert tuple(columns("rollups"))[-len(SUMS) :] == SUMS
