"""However a process comes to be and ends, its records are kept."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from outlay.ledger.database import connect, transaction
from outlay.ledger.ledger import Ledger

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")

ROOT = Path(__file__).parents[2]

HEAD = """
import multiprocessing, os, signal, sys, threading, time
from tests.ledger.children import make
from outlay.ledger.spool import Spool
folder = sys.argv[1]
spool = Spool(folder)

def write(first, count=1):
    for number in range(first, first + count):
        spool.append(make(number))
"""

WORKERS = """
def work(first):
    write(first, 20)
    os._exit(0)

children = []
for first in range(100, 500, 100):
    pid = os.fork()
    if not pid:
        work(first)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
"""

MULTIPROCESSING = """
def work(first):
    Spool(folder).append(make(first))
    if METHOD == "fork":
        write(first + 1)

if __name__ == "__main__":
    context = multiprocessing.get_context(METHOD)
    children = [context.Process(target=work, args=(first,)) for first in (100, 200)]
    for child in children:
        child.start()
    for child in children:
        child.join()
"""

SCRIPTS = {
    "fork-before-the-first-record": (WORKERS, 80),
    "fork-after-the-first-record": ("write(1)" + WORKERS + "write(2)", 82),
    "fork-without-the-hook": ("write(1)\nSpool.inherit.__code__ = (lambda self, pid: None).__code__" + WORKERS, 81),
    "fork-while-threads-write": (
        "threads = [threading.Thread(target=write, args=(i * 10_000, 300)) for i in range(1, 4)]\n"
        "for thread in threads: thread.start()\n" + WORKERS + "for thread in threads: thread.join()",
        980,
    ),
    "grandchildren": (
        "write(1)\nif os.fork() == 0:\n    write(2)\n    if os.fork() == 0: write(3)\nwrite(9 + os.getpid())",
        6,
    ),
    "multiprocessing-fork": ("METHOD = 'fork'" + MULTIPROCESSING, 4),
    "multiprocessing-spawn": ("METHOD = 'spawn'" + MULTIPROCESSING, 2),
    "os._exit": ("write(1, 5)\nos._exit(0)", 5),
    "sigterm": ("write(1, 5)\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(9)", 5),
    "interpreter-exit": ("write(1, 5)\nsys.exit(3)", 5),
    "unhandled-error": ("write(1, 5)\n1 / 0", 5),
    "finaliser-at-exit": ("class Late:\n    def __del__(self): write(2)\nlate = Late()\nwrite(1)\nspool.close()", 2),
    "append-inside-append": (
        """
import gc, itertools
numbers = itertools.count(1000)
class Late:
    def __del__(self): write(next(numbers))
gc.set_threshold(5)
for number in range(1, 101):
    late = Late()
    late.itself = late
    del late
    write(number)
gc.collect()
""",
        200,
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_records_are_kept_once_however_processes_begin_and_end(name: str, tmp_path: Path) -> None:
    """Each process writes a file of its own; the next to come carries them all and deletes them."""
    body, expected = SCRIPTS[name]
    script = tmp_path / "script.py"
    script.write_text(HEAD + body)
    spool = tmp_path / "spool"
    subprocess.run(
        [sys.executable, str(script), str(spool)],
        check=False,
        capture_output=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        done = ledger.ingest(spool)
        assert (done.torn, done.left, done.trouble) == (0, 0, None)
        assert ledger.report().total.attempts == expected
    assert [path.name for path in spool.iterdir()] == []


def run_beside_a_ledger(script: Path, folder: Path) -> None:
    """Run a script that is given a spool and a ledger; it must end well."""
    command = [sys.executable, str(script), str(folder / "spool"), str(folder / "ledger.db")]
    subprocess.run(command, check=True, timeout=120, env={"PYTHONPATH": str(ROOT), "PATH": ""})


def test_a_child_leaves_its_parents_ledger_alone(tmp_path: Path) -> None:
    """Children forked while a thread is at work in SQLite use and leave it as usual; the parent's file is whole."""
    script = tmp_path / "script.py"
    script.write_text(
        HEAD
        + """
from outlay.ledger.ledger import Ledger
ledger = Ledger.open(sys.argv[2])
write(1, 3000)
ended = threading.Event()

def carry():
    first = 10_000
    while not ended.is_set():
        write(first, 100)
        first += 100
        assert ledger.ingest(folder, own=spool).trouble is None

thread = threading.Thread(target=carry)
thread.start()
for child in range(20):
    pid = os.fork()
    if not pid:
        write(1_000_000 + child)
        with Ledger.open(sys.argv[2]) as own:
            assert own.report().total.attempts >= 0
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
ended.set()
thread.join()
while ledger.ingest(folder, own=spool).left:
    pass
rows = [call.id for _, call in ledger.calls_after(0, 10**9)]
assert len(rows) == len(set(rows)) > 3020
assert sum(int(row, 16) >= 1_000_000 for row in rows) == 20
assert ledger.report().total == ledger.report(exact=True).total
"""
    )
    run_beside_a_ledger(script, tmp_path)


def test_a_child_forked_while_threads_only_read_can_use_sqlite(tmp_path: Path) -> None:
    """It would wait forever for a mutex of SQLite's that a reader had when it was forked."""
    script = tmp_path / "script.py"
    script.write_text(
        HEAD
        + """
from outlay.ledger.ledger import Ledger
ledger = Ledger.open(sys.argv[2])
ended = threading.Event()

def read():
    while not ended.is_set():
        ledger.calls_after(0, 10)
        ledger.report()

threads = [threading.Thread(target=read, daemon=True) for _ in range(2)]
for thread in threads: thread.start()
for child in range(60):
    pid = os.fork()
    if not pid:
        with Ledger.open(sys.argv[2]) as own:
            own.report()
        os._exit(0)
    for _ in range(3000):
        if os.waitpid(pid, os.WNOHANG)[0]:
            break
        time.sleep(0.01)
    else:
        os.kill(pid, signal.SIGKILL)
        os._exit(1)
ended.set()
for thread in threads: thread.join()
"""
    )
    run_beside_a_ledger(script, tmp_path)


def test_a_child_can_not_end_its_parents_calls_in_flight(tmp_path: Path) -> None:
    """The slot that a child inherits is its parent's: after a kill of both, the parent's call is uncertain."""
    script = tmp_path / "script.py"
    script.write_text(
        HEAD
        + """
slot = spool.journal.begin("f" * 16, 5, "openai", "openai.chat", "api.openai.com", "answer", 70, "shop")
if os.fork() == 0:
    own = spool.journal.begin("e" * 16, 5, "openai", "openai.chat", "", "", None, "")
    spool.journal.end(slot)
    spool.journal.end(own)
    os._exit(0)
os.wait()
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    subprocess.run(
        [sys.executable, str(script), str(tmp_path / "spool")], check=False, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.ingest(tmp_path / "spool")
        ((_, call),) = ledger.calls_after(0)
        spend = ledger.report().total.spend
    assert (call.id, call.outcome, call.feature, call.project) == ("f" * 16, "uncertain", "answer", "shop")
    assert (call.cost.status, call.cost.amount, call.cost.upper) == ("unknown", None, 70)
    assert spend == 0
    assert spend.unpriced_calls == 1
    assert spend.upper is not None
    assert int(spend.upper * 10**12) == 70
    assert list((tmp_path / "spool").iterdir()) == []


def test_threads_take_turns_at_transactions(tmp_path: Path) -> None:
    """One that waits inside SQLite keeps the other from its end, and is told after a second that it is locked."""
    path = tmp_path / "ledger.db"
    with closing(connect(str(path))) as one, closing(connect(str(path))) as other, ThreadPoolExecutor(1) as pool:
        begins = threading.Event()

        def write() -> None:
            begins.set()
            with transaction(other):
                other.execute("DELETE FROM marks")

        with transaction(one):
            writing = pool.submit(write)
            begins.wait()
            for _ in range(5000):
                one.execute("DELETE FROM marks")
        writing.result()
