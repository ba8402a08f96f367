"""The spool: one write a record, and what happens when the disk does not play along."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from outlay.ledger.ledger import Ledger
from outlay.ledger.lines import RAW_USAGE_LIMIT, decode, encode
from outlay.ledger.spool import Spool
from outlay.records import Coverage, Loss, Record, Span, Usage
from tests.ledger.samples import call

SECOND = 10**9


def lines(folder: Path) -> list[bytes]:
    """Return the lines of every segment."""
    return [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_bytes().split(b"\n") if line]


def kept(folder: Path) -> list[str]:
    """Carry what is in ``folder`` to a new ledger and return the ids of the calls."""
    with Ledger.open(":memory:") as ledger:
        ledger.ingest(folder)
        return [found.id for _, found in ledger.calls_after(0, 10**9)]


def test_importing_the_spool_loads_no_database() -> None:
    """The caller's thread writes; SQLite is for the worker alone."""
    check = "import outlay.ledger.spool, sys; sys.exit('sqlite3' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_a_record_is_in_its_file_when_append_returns(tmp_path: Path) -> None:
    """A folder and files that nobody else can read; nothing is there before the first record."""
    spool = Spool(tmp_path / "data" / "spool")
    assert not spool.directory.exists()
    records: list[Record] = [
        call(),
        Span(id="1", trace_id="2", name="nightly", start=1, end=2),
        Coverage(at=1, provider="openai", host="h", method="POST", path="/v1/*", requests=2, metered=1),
        Loss(at=1, records=3, reason="why"),
    ]
    for record in records:
        spool.append(record)
    assert [decode(line) for line in lines(spool.directory)] == records
    assert spool.path is not None
    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.directory.stat().st_mode) == 0o700


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    """The first records of many threads open one file, and each line is whole."""
    spool = Spool(tmp_path)
    ready = threading.Barrier(8)

    def work() -> None:
        ready.wait()
        for _ in range(200):
            spool.append(call())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(tmp_path.iterdir())) == 1
    assert len(set(kept(tmp_path))) == 1600


def test_rotation_loses_nothing_while_threads_write(tmp_path: Path) -> None:
    """The number of the descriptor stays; the file behind it changes between two writes."""
    spool = Spool(tmp_path)
    spool.append(call())
    done = threading.Event()

    def work() -> None:
        for _ in range(1500):
            spool.append(call())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    with Ledger.open(":memory:") as ledger:
        now = 0
        while any(thread.is_alive() for thread in threads):
            now += SECOND
            spool.tick(now, rotate_bytes=1)
            ledger.ingest(tmp_path, own=spool)
        for later in (2, 4, 6):
            spool.tick(now + later * SECOND)
            ledger.ingest(tmp_path, own=spool)
        ledger.ingest(tmp_path, own=spool)
        assert ledger.report().total.attempts == 4501
    assert not done.is_set()
    assert len(list(tmp_path.iterdir())) == 1
    assert spool.losses == 0


def test_a_rotated_file_is_kept_until_no_late_write_can_come(tmp_path: Path) -> None:
    """A second passes between the switch and the deletion."""
    spool = Spool(tmp_path)
    spool.append(call())
    spool.rotate(100 * SECOND)
    with Ledger.open(":memory:") as ledger:
        for now, files in ((100, 2), (100.5, 2), (101, 1)):
            spool.tick(int(now * SECOND))
            ledger.ingest(tmp_path, own=spool)
            ledger.ingest(tmp_path, own=spool)
            assert len(list(tmp_path.iterdir())) == files


@pytest.mark.parametrize("size", [0, 100, 10_000])
def test_a_full_disk_counts_losses_and_the_application_goes_on(tmp_path: Path, size: int) -> None:
    """A child with a limit on file sizes; when there is room again, the loss is written down and the rest is whole."""
    script = """
import resource, signal, sys
from pathlib import Path
from tests.ledger.samples import call
from outlay.ledger.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(sys.argv[1])
spool.append(call())
held = spool.path.stat().st_size
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (held + int(sys.argv[2]), limits[1]))
for _ in range(100):
    spool.append(call())
assert spool.losses > 0
spool.tick(1)
assert spool.losses > 0
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
lost = spool.losses
spool.tick(2)
spool.append(call())
assert spool.losses == lost
print(lost)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(size)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
        text=True,
    )
    lost = int(done.stdout)
    with Ledger.open(":memory:") as ledger:
        assert ledger.ingest(tmp_path).torn == (1 if size else 0)
        assert ledger.report().total.attempts == 102 - lost
        reasons = {loss.reason: loss.records for loss in ledger.losses()}
    reasons.pop("a line of the spool was torn", None)
    assert sum(reasons.values()) == lost
    assert done.stderr.count("could not keep a record") == len(reasons) > 0


def test_a_folder_that_can_not_be_made_counts_losses(tmp_path: Path) -> None:
    """No call fails for it; once the folder can be made, records are kept again."""
    (tmp_path / "data").write_text("in the way")
    spool = Spool(tmp_path / "data" / "spool")
    spool.append(call())
    spool.append(call())
    assert spool.journal is None
    assert spool.losses == 2
    (tmp_path / "data").unlink()
    spool.append(call())
    spool.tick(1)
    assert spool.losses == 2
    assert len(kept(spool.directory)) == 1


def test_a_process_that_closes_every_descriptor_goes_on(tmp_path: Path) -> None:
    """As daemons do: the record goes to a new file, and a number that another file has got is left alone."""
    spool = Spool(tmp_path)
    spool.append(call())
    segment = spool._segments[os.getpid()]  # noqa: SLF001  only its descriptor can be closed behind its back
    os.close(segment.fd)
    spool.append(call())
    assert spool.losses == 0
    os.close(spool._segments[os.getpid()].fd)  # noqa: SLF001  the same
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        spool.rotate(1)
    del segment
    os.write(other, b"mine")
    assert os.pread(other, 9, 0) == b"mine"
    os.close(other)


def test_records_of_a_spool_folder_that_is_deleted_are_written_again(tmp_path: Path) -> None:
    """Somebody cleans up under a running process: one tick later its records are in a new file."""
    spool = Spool(tmp_path / "spool")
    made = [call() for _ in range(3)]
    for record in made:
        spool.append(record)
    for path in list(spool.directory.iterdir()):
        path.unlink()
    spool.directory.rmdir()
    spool.tick(SECOND)
    spool.tick(3 * SECOND)
    assert kept(spool.directory) == [record.id for record in made]


def test_a_spool_that_was_closed_takes_what_comes_late(tmp_path: Path) -> None:
    """A finaliser at the interpreter's end writes a file that the next process adopts."""
    spool = Spool(tmp_path)
    spool.append(call())
    spool.close()
    spool.append(call())
    spool.close()
    assert len(kept(tmp_path)) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "mark"),
    [
        pytest.param({"feature": "half \ud83d of it"}, None, id="lone-surrogate"),
        pytest.param({"tags": {"us\udcffer": "\ud800"}}, None, id="lone-surrogates-in-tags"),
        pytest.param({"feature": "a\0b\nc\x1f"}, None, id="nul"),
        pytest.param({"feature": "x" * 3_000_000}, None, id="longer-than-a-block"),
        pytest.param({"usage": Usage(classes={"input": 2**64})}, "usage_out_of_range", id="beyond-64-bits"),
        pytest.param({"usage": Usage(classes={"input": 10**400})}, "usage_out_of_range", id="400-digits"),
        pytest.param({"usage": Usage(classes={"input": 10**5000})}, "damaged", id="5000-digits"),
        pytest.param({"usage": Usage(classes={"input": -1})}, "usage_out_of_range", id="negative"),
        pytest.param({"usage": Usage(classes={"input": 10**13})}, "usage_out_of_range", id="more-than-there-is"),
        pytest.param({"usage": Usage(classes={"input": float("nan")})}, "damaged_usage", id="nan"),
        pytest.param({"usage": Usage(classes={"input": float("inf")})}, "damaged_usage", id="infinity"),
        pytest.param({"status": 2**70}, "number_out_of_range", id="status"),
        pytest.param({"first_chunk": -(2**70)}, "number_out_of_range", id="first-chunk"),
        pytest.param({"end": 2**80}, "number_out_of_range", id="end"),
        pytest.param({"tags": {"user": 5}}, "damaged_tags", id="tags-of-a-wrong-type"),
        pytest.param({"tags": {"user": object()}}, "damaged", id="tags-of-no-type"),
        pytest.param({"outcome": "a word of a later version"}, "damaged_outcome", id="unknown-outcome"),
        pytest.param({"raw_usage": msgspec.Raw(b"")}, None, id="no-raw-usage"),
        pytest.param({"raw_usage": msgspec.Raw(b'{"a":\n[1,\n2]}')}, None, id="newlines"),
        pytest.param({"raw_usage": msgspec.Raw(b'{"a":\n')}, "raw_usage_invalid", id="truncated"),
        pytest.param(
            {"raw_usage": msgspec.Raw(b"[%s]" % (b"1," * RAW_USAGE_LIMIT + b"1"))}, "raw_usage_too_long", id="too-long"
        ),
    ],
)
def test_no_value_keeps_a_call_from_the_ledger(tmp_path: Path, fields: dict[str, object], mark: str | None) -> None:
    """What can't be kept as it is becomes unknown and is marked; the call is there, and so are its neighbours."""
    spool = Spool(tmp_path)
    made = [call(), call(**fields), call()]
    for record in made:
        spool.append(record)
    with Ledger.open(":memory:") as ledger:
        done = ledger.ingest(tmp_path, own=spool)
        found = [kept for _, kept in ledger.calls_after(0)]
        assert ledger.report().total.attempts == 3
    assert (done.trouble, done.torn) == (None, 0)
    assert [kept.id for kept in found] == [record.id for record in made]
    assert found[1].marks == (() if mark is None else (mark,))
    assert mark != "usage_out_of_range" or found[1].usage is None


def test_a_torn_line_is_counted_and_its_neighbours_are_read(tmp_path: Path) -> None:
    """Also where the next record came to stand on the same line, and at a dead process's end."""
    whole = [encode(call()) for _ in range(3)]
    text = whole[0] + whole[1][:50] + whole[2] + b"\xff\xfe\n[]\n" + b'{"kind":"call","id":"1"}\n' + whole[1][:70]
    (tmp_path / "1.jsonl").write_bytes(text)
    with Ledger.open(":memory:") as ledger:
        done = ledger.ingest(tmp_path)
        assert (done.records, done.torn, done.left) == (2, 4, 0)
        assert [loss.records for loss in ledger.losses()] == [4]
    assert list(tmp_path.iterdir()) == []


def test_a_line_without_its_newline_waits_while_its_process_lives(tmp_path: Path) -> None:
    """It may be half of a write that is under way."""
    spool = Spool(tmp_path)
    spool.append(call())
    assert spool.path is not None
    with spool.path.open("ab") as file:
        file.write(encode(call())[:-1])
    with Ledger.open(":memory:") as ledger:
        assert ledger.ingest(tmp_path).records == 1
        with spool.path.open("ab") as file:
            file.write(b"\n")
        assert ledger.ingest(tmp_path).records == 1


def test_a_field_of_a_later_version_is_passed_over() -> None:
    """Processes of two versions share a spool."""
    made = call()
    assert decode(encode(made)[:-2] + b',"later":[1]}') == made
