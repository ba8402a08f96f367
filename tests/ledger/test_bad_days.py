"""A database that is locked, read-only, newer, damaged or full: the spool waits, and one sentence says why."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlay.errors import LedgerError
from outlay.ledger import schema
from outlay.ledger.ledger import Ledger
from outlay.ledger.spool import Spool
from outlay.records import Cost
from tests.ledger.samples import call


def spooled(folder: Path, count: int = 3) -> Spool:
    """Return a spool with some calls in it."""
    spool = Spool(folder / "spool")
    for _ in range(count):
        spool.append(call())
    return spool


def test_a_locked_database_leaves_the_spool_as_it_is(tmp_path: Path) -> None:
    """Another program holds the write lock: what waits is said, and carried when the lock is gone."""
    spool = spooled(tmp_path)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        other.execute("BEGIN IMMEDIATE")
        done = ledger.ingest(spool.directory)
        assert done.records == 0
        assert done.left == spool.path.stat().st_size if spool.path else 0
        assert done.trouble == "OperationalError: database is locked"
        assert ledger.report().total.attempts == 0
        other.execute("ROLLBACK")
        assert ledger.ingest(spool.directory).records == 3
    other.close()


def test_a_deadline_leaves_the_rest_for_later(tmp_path: Path) -> None:
    """No trouble: the time was up."""
    spool = spooled(tmp_path)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        done = ledger.ingest(spool.directory, deadline=time.monotonic() - 1)
        assert (done.records, done.trouble) == (0, None)
        assert done.left > 0
        assert ledger.ingest(spool.directory).left == 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that other users can read; pytest keeps its own to itself, and says so again with each run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.skipif(sys.platform == "win32", reason="needs rights as POSIX has them")
@pytest.mark.parametrize("folder_too", [False, True])
def test_a_read_only_ledger_is_read_and_the_spool_waits(open_folder: Path, folder_too: bool) -> None:
    """Reports go on; what waits in the spool is said and stays."""
    with Ledger.open(open_folder / "data" / "ledger.db") as ledger:
        ledger.write([call(), call()])
    spooled(open_folder)
    script = """
import os, sys, urllib.parse  # all that is needed, while it can be read
from outlay.ledger.ledger import Ledger
with Ledger.open(":memory:") as nothing: nothing.report()
if os.geteuid() == 0:
    os.setegid(65534), os.seteuid(65534)
with Ledger.open(sys.argv[1]) as ledger:
    assert ledger.report().total.attempts == 2
    done = ledger.ingest(sys.argv[2])
    assert (done.records, done.left > 0) == (0, True), done
    assert "readonly" in done.trouble, done
"""
    (open_folder / "spool").chmod(0o755)
    for path in (open_folder / "spool").iterdir():
        path.chmod(0o644)
    (open_folder / "data" / "ledger.db").chmod(0o444)
    (open_folder / "data").chmod(0o555 if folder_too else 0o777)
    arguments = [str(open_folder / "data" / "ledger.db"), str(open_folder / "spool")]
    subprocess.run([sys.executable, "-c", script, *arguments], check=True)
    (open_folder / "data").chmod(0o755)


def test_a_ledger_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    """It is refused in one sentence, and byte for byte what it was."""
    path = tmp_path / "ledger.db"
    Ledger.open(path).close()
    database = sqlite3.connect(path)
    database.execute("INSERT INTO migrations VALUES (99, 'later', 0)")
    database.commit()
    database.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"newer outlay \(ledger version 99.*\): upgrade outlay to read it\.$"):
        Ledger.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database" * 500, b"SQLite format 3\0" + b"\x99" * 8000])
def test_a_damaged_ledger_is_refused_and_left_for_its_owner(tmp_path: Path, content: bytes) -> None:
    """One sentence says which file and what to do."""
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"ledger\.db can't be opened \(.*\): move it away, or mend its rights\.$"):
        Ledger.open(path)
    assert path.read_bytes() == content


def test_pages_that_are_damaged_later_leave_the_spool_as_it_is(tmp_path: Path) -> None:
    """The ledger breaks while it is in use: trouble is told, the records wait."""
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as ledger:
        ledger.write([call() for _ in range(2_000)])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 8192 * 4096)
        file.write(os.urandom(size // 2))
    spool = spooled(tmp_path)
    with Ledger.open(path) as ledger:
        done = ledger.ingest(spool.directory)
    assert done.records == 0
    assert done.left > 0
    assert done.trouble is not None
    assert "malformed" in done.trouble


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """Its tables are left alone."""
    path = tmp_path / "ledger.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE mine (a)")
    database.commit()
    database.close()
    with pytest.raises(LedgerError, match=r"is a database of something else: give outlay another path\.$"):
        Ledger.open(path)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """One sentence, no traceback of the system's."""
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(LedgerError, match=r"can't be made \(.*\): set OUTLAY_DATA elsewhere\.$"):
        Ledger.open(tmp_path / "data" / "ledger.db")


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits as POSIX has them")
def test_a_disk_that_is_full_for_the_ledger_leaves_the_spool_as_it_is(tmp_path: Path) -> None:
    """A transaction for which there is no room happens not at all; it happens when there is room."""
    spool = spooled(tmp_path, 3000)
    script = """
import resource, signal, sys
from outlay.ledger.ledger import Ledger
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Ledger.open(sys.argv[1] + "/ledger.db") as ledger:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
    done = ledger.ingest(sys.argv[1] + "/spool")
    assert done.trouble and done.left > 0, done
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ledger.ingest(sys.argv[1] + "/spool").trouble is None
    assert ledger.report().total.attempts == ledger.report(exact=True).total.attempts == 3000
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    assert spool.losses == 0


def test_the_first_version_is_migrated_and_each_step_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger opens in every later version; a step that fails leaves the version before it."""
    path = tmp_path / "ledger.db"
    released = [name for name, _ in schema.MIGRATIONS]
    with Ledger.open(path) as ledger:
        ledger.write([call()])

    def second(database: sqlite3.Connection) -> None:
        database.execute("ALTER TABLE entries ADD COLUMN later TEXT")

    def third(database: sqlite3.Connection) -> None:
        database.execute("CREATE TABLE half (a)")
        database.execute("nonsense")

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("second", second)))
    with Ledger.open(path) as ledger:
        assert ledger.report().total.attempts == 1
        ledger.write([call()])
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("third", third)))
    with pytest.raises(LedgerError, match="nonsense"):
        Ledger.open(path)
    database = sqlite3.connect(path)
    steps = [row[:2] for row in database.execute("SELECT * FROM migrations")]
    assert steps == list(enumerate([*released, "second"], 1))
    assert database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    database.close()


def test_the_ledgers_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """The database, its log and its index: 0600."""
    with Ledger.open(tmp_path / "data" / "ledger.db") as ledger:
        ledger.write([call()])
        files = list((tmp_path / "data").iterdir())
        assert len(files) == 3
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_sums_are_exact_beyond_64_bits_of_pico_usd(tmp_path: Path) -> None:
    """9.2 million USD would overflow; ten calls of nine million don't."""
    amount = 9_000_000_000_000_000_001
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.write([call(cost=Cost(status="priced", amount=amount), tags={"user": "a"}) for _ in range(10)])
        for by in ((), ("model",), ("tag:user",), ("day",)):
            for exact in (False, True):
                assert ledger.report(by, exact=exact).total.cost == 10 * amount
                assert ledger.report(by, exact=exact).total.spend.upper == ledger.report(by).total.spend
