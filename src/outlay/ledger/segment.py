"""One file of the spool: appended to by one process, locked for as long as that process lives."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from outlay.locking import lock_shared

SUFFIX = ".jsonl"
NEW_SUFFIX = ".new"
"""A file that is not locked yet: nobody may adopt it."""

_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)


def new_name(now: int) -> str:
    """Return a file name that sorts by time and that no other process takes."""
    return f"{now:020d}-{os.getpid()}-{secrets.token_hex(4)}"


class Segment:
    """A file that records are appended to.

    ``fd`` writes; ``reader`` has a description and a lock of its own, so that the file stays ours after ``fd`` was
    turned to the next segment, until a late write has been carried. Both are closed with the last reference: a thread
    that is about to write holds one, so it never meets a number that somebody else was given meanwhile.
    """

    __slots__ = ("fd", "files", "opened", "path", "reader", "torn")

    def __init__(self, directory: Path, now: int) -> None:
        self.fd = self.reader = -1
        self.files: dict[int, tuple[int, int]] = {}
        self.opened = now
        self.torn = False
        name = new_name(now)
        self.path = directory / (name + SUFFIX)
        # Locked first and named second: a file by the final name without a lock could be adopted and deleted.
        # Windows renames no open file; there it can't be deleted either.
        first = self.path if os.name == "nt" else directory / (name + NEW_SUFFIX)
        self.fd = self._keep(os.open(first, _APPEND, 0o600))
        self.reader = self._keep(os.open(first, _READ))
        lock_shared(self.fd)
        lock_shared(self.reader)
        if first != self.path:
            first.rename(self.path)

    def write(self, line: bytes) -> None:
        """Append ``line`` by one system call; raise OSError where it did not fit whole."""
        if self.torn:
            line = b"\n" + line
        written = os.write(self.fd, line)
        if written != len(line):
            self.torn = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.torn = False

    def turn(self, new: Segment) -> None:
        """Exchange files with ``new``: what is written here from now on goes to its file.

        One atomic step under every thread that is about to write: the number stays, the file behind it changes. This
        object keeps the name of what it writes; ``new`` is left with the old file, to be read to its end.
        """
        if not self.holds(self.fd):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        os.dup2(new.fd, self.fd, inheritable=False)
        self.files[self.fd] = _identity(self.fd)
        new._close(new.fd)
        new.fd = -1
        for name in ("path", "reader", "opened"):
            mine, other = getattr(self, name), getattr(new, name)
            setattr(self, name, other)
            setattr(new, name, mine)
        self.files[self.reader], new.files[new.reader] = new.files.pop(self.reader), self.files.pop(new.reader)

    def holds(self, fd: int) -> bool:
        """Return whether ``fd`` is still the file that was opened: others close what they did not open."""
        try:
            return self.files.get(fd) == _identity(fd)
        except OSError:
            return False

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return os.fstat(self.reader).st_size

    @property
    def gone(self) -> bool:
        """Whether somebody deleted the file, so that what is written goes nowhere."""
        return not self.path.exists()

    def close(self) -> None:
        """Give the file up to whoever adopts it."""
        self._close(self.fd)
        self._close(self.reader)
        self.fd = self.reader = -1

    def __del__(self) -> None:
        self.close()

    def _keep(self, fd: int) -> int:
        self.files[fd] = _identity(fd)
        return fd

    def _close(self, fd: int) -> None:
        if fd >= 0 and self.holds(fd):
            with contextlib.suppress(OSError):
                os.close(fd)
        self.files.pop(fd, None)


def _identity(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino
