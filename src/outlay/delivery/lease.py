"""Who delivers: of all processes on a ledger, one at a time for each exporter.

The lease is a lock on a file, which ends with its process however that ends. So nobody waits for a dead one, no clocks
need to agree, and a backend that hangs for an hour is not sent to twice. The file also says when the exporter was asked
for first: what was called after that is delivered, even if the process was killed before it had opened the ledger.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from outlay.locking import lock_exclusive


def note_asked(path: Path, now: int) -> None:
    """Write down when the exporter was asked for, unless that was done before.

    Whether the disk can be written is seen when the lease is taken.
    """
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(file, str(now).encode())
        finally:
            os.close(file)


def first_asked(path: Path, now: int) -> int:
    """Return when the exporter was asked for first, in nanoseconds since the epoch."""
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return now


class Lease:
    """The right to deliver for one exporter."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process has it."""
        return self._file is not None

    def take(self) -> bool:
        """Take the lease, or keep it; return False where another process has it, or no file can be locked."""
        if self._file is not None:
            return True
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return False
        if lock_exclusive(file):
            self._file = file
            return True
        os.close(file)
        return False

    def release(self) -> None:
        """Give the lease back. In a forked child this closes its copy of the file, and the parent keeps the lease."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                os.close(file)
