"""What a process holds, written to a mapped file as it changes: the evidence that a killed process leaves behind.

A store to mapped memory outlives the process, though not the machine. An advisory lock tells whether the owner lives.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from outlay.budgets.trade import Account, Remains
from outlay.guard import logger
from outlay.locking import lock_exclusive, lock_shared
from outlay.readable import readable

SLOT = 1024
"""Bytes of a slot: (spent, in flight, length of the text) and the text, a ``Kept``."""
SLOTS = 256
"""Slots of a file; who holds more leases has more files."""
HEAD = struct.Struct("<16s48s")
FIGURES = struct.Struct("=qq")
LENGTH = struct.Struct("=q")
MAGIC = b"outlay leases 2\n"
SUFFIX = ".leases"
MAKING = 60.0
"""Seconds that a file may be empty before it is nobody's."""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What a slot says of its lease beside the figures; what is not told here is as in ``Remains``."""

    lease: str
    account: Account
    shape: str
    began: int
    day: int
    rolling: int
    end: int | None
    after: str = ""
    """The lease whose place this one has taken, with all that it had not told: its slot does not count any more."""


class Journal:
    """The slots of one process. Not safe for threads: the leases' lock is held around it."""

    def __init__(self, folder: Path) -> None:
        """Make a journal whose files are in ``folder``, the first of them with the first slot."""
        self._folder = folder
        self._files: list[tuple[Path, int, mmap.mmap, memoryview]] = []
        self._free: list[int] = []

    def enter(self, kept: Kept, spent: int, flight: int) -> tuple[memoryview, int]:
        """Return the place (memory, index) at which a lease's figures stand: spent, and behind it in flight.

        They are to be stored one by one, the one that grows first: a kill may come between any two instructions, and
        ``struct`` clears what it packs into. Raises OSError.
        """
        text = msgspec.json.encode(kept)
        if len(text) > SLOT - FIGURES.size - LENGTH.size:
            raise OSError(f"the account {kept.account.key[:80]}… has too long a name for the journal")
        if not self._free:
            self._add()
        slot = self._free.pop()
        _, _, memory, figures = self._files[slot // SLOTS]
        offset = HEAD.size + slot % SLOTS * SLOT
        FIGURES.pack_into(memory, offset, spent, flight)
        start = offset + FIGURES.size + LENGTH.size
        memory[start : start + len(text)] = text
        LENGTH.pack_into(memory, offset + FIGURES.size, len(text))  # last: a slot counts from here on
        return figures, offset // LENGTH.size

    def leave(self, place: tuple[memoryview, int]) -> None:
        """Give a slot back: its lease is closed."""
        figures, index = place
        figures[index + FIGURES.size // LENGTH.size] = 0
        number = next(number for number, file in enumerate(self._files) if file[3] is figures)
        self._free.append(number * SLOTS + (index * LENGTH.size - HEAD.size) // SLOT)

    def begun(self, project: str, budget: str) -> int | None:
        """Return when the first call of a budget was made that journals beside this one count, and this one."""
        return begun(self._folder, project, budget)

    def close(self, *, keep: bool) -> None:
        """Let go of the files, and delete them unless they are to be ``keep``-t as evidence."""
        for path, fd, memory, figures in self._files:
            figures.release()
            memory.close()
            os.close(fd)
            if not keep:
                path.unlink(missing_ok=True)
        self._files, self._free = [], []

    def forked(self) -> None:
        """Let go of a parent's files in its child; the lock stays with the parent, who has them open too."""
        for _, fd, memory, figures in self._files:
            figures.release()
            memory.close()
            os.close(fd)
        self._files, self._free = [], []

    def _add(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = self._folder / f"{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            if lock_shared(fd):
                break
            os.close(fd)  # somebody who looks for what the dead left has it for a moment
        os.ftruncate(fd, HEAD.size + SLOT * SLOTS)
        memory = mmap.mmap(fd, HEAD.size + SLOT * SLOTS)
        HEAD.pack_into(memory, 0, MAGIC, boot_id())
        self._free.extend(range(len(self._files) * SLOTS, (len(self._files) + 1) * SLOTS))
        self._files.append((path, fd, memory, memoryview(memory).cast("q")))


def adopt(folder: Path, recover: Callable[[Sequence[Remains]], None]) -> int:
    """Have what dead processes left in ``folder`` recovered, and delete it; return how many leases that were.

    Evidence from before the machine's last start is none: what the disk has of it may be old.
    """
    found = 0
    for path in folder.glob(f"*{SUFFIX}") if folder.is_dir() else ():
        try:
            fd = os.open(path, os.O_RDWR)
        except OSError:  # another process was quicker
            continue
        try:
            if lock_exclusive(fd) and not _begun(path):
                remains = _remains(path, fd)
                recover(remains)
                path.unlink(missing_ok=True)
                found += len(remains)
        finally:
            os.close(fd)
    return found


def _begun(path: Path) -> bool:
    """Return whether a file has only just been made: its owner has not come to lock it."""
    try:
        found = path.stat()
    except OSError:
        return True
    return not found.st_size and time.time() - found.st_mtime < MAKING


def begun(folder: Path, project: str, budget: str) -> int | None:
    """Return when the first of the calls was made that leases of a budget in ``folder`` count; None without any.

    Milliseconds since the epoch, of processes that live and of dead ones.
    """
    found = []
    for path in folder.glob(f"*{SUFFIX}") if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            found += [kept for _, _, kept in _slots(content, path, quiet=True)]
    of_it = [kept.began for kept in found if (kept.account.project, kept.account.budget) == (project, budget)]
    return min(of_it, default=None)


def _remains(path: Path, fd: int) -> list[Remains]:
    slots = list(_slots(os.read(fd, os.fstat(fd).st_size), path))  # by its name it may be gone: its owner closes it
    succeeded: Collection[str] = {kept.after for _, _, kept in slots}
    return [
        Remains(
            account=kept.account, lease=kept.lease, total=spent, flight=flight, shape=kept.shape, began=kept.began,
            day=kept.day, rolling=kept.rolling, end=kept.end,
        )
        for spent, flight, kept in slots
        if kept.lease not in succeeded
    ]  # fmt: skip


def _slots(content: bytes, path: Path, *, quiet: bool = False) -> Iterator[tuple[int, int, Kept]]:
    """Yield (spent, in flight, what is kept) of each slot that is in use."""
    if len(content) < HEAD.size or HEAD.unpack_from(content) != (MAGIC, boot_id()):
        return
    for offset in range(HEAD.size, len(content) - SLOT + 1, SLOT):
        spent, flight = FIGURES.unpack_from(content, offset)
        (length,) = LENGTH.unpack_from(content, offset + FIGURES.size)
        start = offset + FIGURES.size + LENGTH.size
        if not 0 < length <= SLOT - (start - offset):
            continue
        try:
            kept = msgspec.json.decode(content[start : start + length], type=readable(Kept))
        except msgspec.MsgspecError:
            if not quiet:  # else its owner is writing it just now
                logger.warning("outlay can't read a lease of a killed process in %s; what it held stays charged.", path)
            continue
        yield spent, flight, kept


def boot_id() -> bytes:
    """Return what tells this start of the machine from others, 48 bytes; all zero where the system does not say."""
    if not sys.platform.startswith("linux"):
        return bytes(48)
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip().ljust(48, b"\0")[:48]
    except OSError:
        return bytes(48)
