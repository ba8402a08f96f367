"""Advisory locks that tell whether the process that owns a file is alive: they end with it, however it ends.

An owner holds a shared lock for as long as it lives; who gets the exclusive one knows that no owner is left.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import msvcrt
    import os

    _BYTE = 1 << 40
    """Windows locks ranges, and keeps others from reading them: lock a byte that no file of ours reaches."""

    def lock_shared(fd: int) -> bool:
        """Hold ``fd`` as an owner; return whether that worked."""
        return _lock(fd)

    def lock_exclusive(fd: int) -> bool:
        """Take ``fd`` if no owner is left; return whether that worked."""
        return _lock(fd)

    def _lock(fd: int) -> bool:
        position = os.lseek(fd, 0, os.SEEK_CUR)
        try:
            os.lseek(fd, _BYTE, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(fd, position, os.SEEK_SET)
        return True

else:
    import fcntl

    def lock_shared(fd: int) -> bool:
        """Hold ``fd`` as an owner; return whether that worked."""
        return _lock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def lock_exclusive(fd: int) -> bool:
        """Take ``fd`` if no owner is left; return whether that worked."""
        return _lock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _lock(fd: int, operation: int) -> bool:
        # flock belongs to the open file description: a forked child shares it, and closing one's own copy keeps it.
        try:
            fcntl.flock(fd, operation)
        except OSError:
            return False
        return True
