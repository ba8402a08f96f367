"""The alert of a model that went without a price for the first time: nobody sees what is missing from a sum."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from outlay.alerts import Alert
from outlay.ledger.alerts import put

CURSOR = "unpriced"
"""The cursor's ``seq`` is the last label that was looked at."""
NEWEST = 20_000
"""Entries that are searched for calls of a label that is new: they are among the latest."""

_LABELS = (
    "SELECT number, project, provider, model, host, cost_status, unpriced FROM labels WHERE number > ?"
    " AND cost_status IN ('unknown', 'partial') AND estimated IS NOT NULL ORDER BY number"
)
_CALLS = (
    "SELECT count(*), coalesce(sum(e.input + e.cache_read + e.cache_write_5m + e.cache_write_1h + e.cache_write_12h"
    " + e.other_input + e.output + e.other_output), 0), min(e.start), max(l.feature)"
    " FROM entries e JOIN labels l ON l.number = e.label"
    " WHERE e.seq > (SELECT coalesce(max(seq), 0) FROM entries) - ?"
    " AND l.project = ? AND l.provider = ? AND l.model = ? AND l.cost_status IN ('unknown', 'partial')"
)


def raise_unpriced(database: sqlite3.Connection, now: int) -> int:
    """Raise an alert for each project, provider and model that is new here, inside the caller's transaction."""
    row = database.execute("SELECT seq FROM cursors WHERE name = ?", (CURSOR,)).fetchone()
    labels = database.execute(_LABELS, (row[0] if row else 0,)).fetchall()
    made = put(database, [_alert(database, now, *label[1:]) for label in labels], now)
    database.execute(
        "INSERT INTO cursors SELECT ?, coalesce(max(number), 0) FROM labels WHERE true"
        " ON CONFLICT DO UPDATE SET seq = excluded.seq",
        (CURSOR,),
    )
    return made


def _alert(
    database: sqlite3.Connection, now: int, project: str, provider: str, model: str, host: str, status: str, gaps: str
) -> Alert:
    calls, tokens, first, feature = database.execute(_CALLS, (NEWEST, project, provider, model)).fetchone()
    classes = ", ".join(json.loads(gaps)) if status == "partial" else ""
    facts: dict[str, Any] = {"provider": provider, "model": model, "host": host, "calls": calls, "tokens": tokens}
    if feature:
        facts["feature"] = feature
    seen = f"So far {_counted(calls, 'call')} with {_counted(tokens, 'token')}" if calls else "Calls"
    by = f" of the feature {feature}" if feature else ""
    verb = "is" if calls == 1 else "are"
    return Alert(
        key=f"unpriced:{provider}:{model}",
        kind="unpriced",
        project=project,
        at=now,
        since=first,
        subject=model,
        title=f"{model} ({provider}) has no price{f' for {classes}' if classes else ''}",
        text=f"{seen}{by} {verb} missing from every sum{', in part' if classes else ''}; budgets can't count them.",
        advice=_advice(provider, model, host),
        facts=facts,
    )


def _advice(provider: str, model: str, host: str) -> str:
    if provider == "unknown":
        return f"Name who bills for {host} under [hosts] in outlay.toml, or set a price for {model} in a price book."
    return f"Set a price for {model} in a price book, or run `outlay prices update`; see `outlay calls --unpriced`."


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
