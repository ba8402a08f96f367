"""Many processes, one watch: the elected one may die at any moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from outlay.alerts.alert import Alert
from outlay.ledger.ledger import Ledger
from outlay.spikes.watch import LEASE, Watch
from tests.spikes.days import HOUR, MINUTE, SECOND
from tests.spikes.watching import SURGE, live, spikes

WATCH = """
import sys, time
from outlay.ledger.ledger import Ledger
from outlay.spikes.watch import Watch

with Ledger.open(sys.argv[1]) as ledger:
    watch = Watch(ledger, print, tags=("user",))
    sys.stdin.readline()
    watch.step(int(sys.argv[2]))
    print("waits" if watch.board is None else "watches", flush=True)
    time.sleep(600)
"""


def race(path: Path, now: int, processes: int) -> list[tuple[subprocess.Popen[str], str]]:
    """Let processes look at ``now`` at the same moment; return each with what became of it. They live on."""
    command = [sys.executable, "-c", WATCH, str(path), str(now)]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("now\n")
        child.stdin.flush()
    return [(child, child.stdout.readline().strip()) for child in children if child.stdout is not None]


def test_one_of_many_watches_and_when_it_is_killed_another_takes_over(ledger: Ledger, tmp_path: Path) -> None:
    """Once its lease has run out, and not before; the surge that began meanwhile is told once, from its beginning."""
    told: list[Alert] = []
    path, now = tmp_path / "ledger.db", SURGE.since
    ledger._database.execute("VACUUM INTO ?", (str(path),))  # noqa: SLF001 - the same history in a file
    children = race(path, now, 3)
    try:
        assert sorted(said for _, said in children) == ["waits", "waits", "watches"]
    finally:
        for child, _ in children:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                assert pipe is not None
                pipe.close()
    with Ledger.open(path) as shared:
        other = Watch(shared, told.append, tags=("user",))
        other.step(now + LEASE - SECOND)
        assert other.board is None
        other.step(now + LEASE + SECOND)
        assert other.board is not None
        live(shared, other, now, now + HOUR, SURGE)
    assert [alert.facts["event"] for alert in spikes(told)][:1] == ["opened"]
    assert [alert.facts["event"] for alert in spikes(told)].count("opened") == 1
    assert spikes(told)[0].since == SURGE.since
    assert spikes(told)[0].at - SURGE.since <= 11 * MINUTE
