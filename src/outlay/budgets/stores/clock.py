"""The clock of a machine's budgets: what its processes share, and what nobody can put back."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path


def boot() -> str:
    """Return what names this start of the machine; nothing where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def since_boot() -> int:
    """Return milliseconds of a clock that all processes here share and nobody can put back; else the wall's."""
    if hasattr(time, "CLOCK_BOOTTIME") and boot():
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 10**6
    return time.time_ns() // 10**6


def ahead_of(database: sqlite3.Connection) -> int:
    """Return what to add to ``since_boot`` for the time of day as it was when the first process since boot came."""
    current = boot()
    if not current:
        return 0
    found = database.execute("SELECT ahead FROM clock WHERE boot = ?", (current,)).fetchone()
    if found:
        return int(found[0])
    ahead = time.time_ns() // 10**6 - since_boot()
    database.execute("INSERT OR IGNORE INTO clock VALUES (?, ?)", (current, ahead))
    return ahead_of(database)
