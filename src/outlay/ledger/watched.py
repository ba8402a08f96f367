"""What the watch for spikes keeps in a ledger: state, incidents, what people say of them, deploy markers, a lease."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from outlay.forks import in_use
from outlay.ledger.database import transaction
from outlay.ledger.traffic import Watchable
from outlay.traffic import Mark

CURSOR = "spikes"


class Kept(NamedTuple):
    """An incident as the ledger keeps it."""

    id: str
    opened: int
    """Nanoseconds since the epoch of its first bad bucket."""
    closed: int | None
    body: bytes
    """The rest, as JSON."""


class Watched(Watchable):
    """The part of ``Ledger`` that the watch for spikes reads and writes."""

    def take_lease(self, name: str, holder: str, now: int, length: int) -> bool:
        """Return whether ``holder`` may do what ``name`` says until ``now + length`` (ns): nobody else may."""
        with in_use:
            row = self._database.execute(
                "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET holder = excluded.holder, until ="
                " excluded.until WHERE holder = excluded.holder OR until <= ? RETURNING holder",
                (name, holder, now + length, now),
            ).fetchall()
        return bool(row)

    def drop_lease(self, name: str, holder: str) -> None:
        """Let the lease go, so that another process need not wait for its end."""
        with in_use:
            self._database.execute("DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder))

    def watch_cursor(self) -> int | None:
        """Return the ``seq`` up to which calls were watched; None before the first time."""
        row = self._database.execute("SELECT seq FROM cursors WHERE name = ?", (CURSOR,)).fetchone()
        return None if row is None else row[0]

    def states(self) -> dict[str, bytes]:
        """Return the state of every series that is watched, by its name."""
        return dict(self._database.execute("SELECT name, state FROM spike_states"))

    def save_states(
        self,
        states: Mapping[str, bytes],
        gone: Iterable[str],
        seq: int,
        incidents: Iterable[tuple[str, int, int | None, bytes]],
        *,
        first: bool,
    ) -> bool:
        """Keep what was seen up to the call ``seq``, all of it or nothing; ``first``: nothing was kept before.

        Returns whether it was kept: not where somebody was forgotten meanwhile, who could be in it.
        """
        with transaction(self._database):
            if not first and self.watch_cursor() is None:
                return False
            self._database.executemany("DELETE FROM spike_states WHERE name = ?", [(name,) for name in gone])
            self._database.executemany("INSERT OR REPLACE INTO spike_states VALUES (?, ?)", states.items())
            self._database.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (CURSOR, seq))
            for incident in incidents:
                self._database.execute("INSERT OR REPLACE INTO spike_incidents VALUES (?, ?, ?, ?)", incident)
        return True

    def unwatch(self, values: Iterable[str]) -> None:
        """Forget what the watch knows if one of ``values`` is in it: it learns anew from the calls as they are now."""
        named = [msgspec.json.encode(value) for value in values]
        with transaction(self._database):
            for value in named:
                self._database.execute("DELETE FROM spike_incidents WHERE instr(body, ?)", (value,))
            raw = [value[1:-1] for value in named]
            found = "SELECT 1 FROM spike_states WHERE instr(CAST(name AS BLOB), ?) OR instr(state, ?)"
            if any(self._database.execute(found, (value, value)).fetchone() for value in raw):
                self._database.execute("DELETE FROM spike_states")
                self._database.execute("DELETE FROM cursors WHERE name = ?", (CURSOR,))

    def incidents(self, since: int | None = None) -> list[Kept]:
        """Return the incidents that are open, or were closed after ``since``, the latest first."""
        rows = self._database.execute(
            "SELECT id, opened, closed, body FROM spike_incidents WHERE closed IS NULL OR closed >= ?"
            " ORDER BY opened DESC",
            (since or 0,),
        )
        return [Kept(*row) for row in rows]

    def reviews(self) -> dict[tuple[str, str], tuple[str, int]]:
        """Return what people said of incidents: by id and kind of word, the word, and until when (ns) it holds."""
        rows = self._database.execute("SELECT id, kind, word, until FROM spike_reviews")
        return {(name, kind): (word, until) for name, kind, word, until in rows}

    def review(
        self, incident: str, word: Literal["acknowledged", "muted", "confirmed", "dismissed"], until: int
    ) -> None:
        """Keep what somebody says of an incident; of each kind of word (state, judgement) the latest counts."""
        kind = "judgement" if word in ("confirmed", "dismissed") else "state"
        with in_use:
            self._database.execute(
                "INSERT OR REPLACE INTO spike_reviews VALUES (?, ?, ?, ?)", (incident, kind, word, until)
            )

    def mark(self, at: int, name: str) -> None:
        """Keep a deploy marker."""
        with in_use:
            self._database.execute("INSERT INTO marks VALUES (?, ?)", (at, name))

    def marks(self, since: int, until: int) -> list[Mark]:
        """Return the deploy markers from ``since`` to ``until``, and the releases first seen then, in order of time."""
        rows = self._database.execute("SELECT at, name FROM marks WHERE at >= ? AND at < ?", (since, until))
        seen = [(at, f"release {release}") for at, release in self.releases(since, until)]
        return sorted({Mark(*row) for row in [*rows, *seen]})
