"""What a killed process leaves behind says at least what it had spent, whichever instruction it was killed at."""

from __future__ import annotations

import mmap
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from outlay.budgets.budget import Budget
from outlay.budgets.journal import Journal, adopt
from outlay.budgets.leases import Held, Lease, Leases
from outlay.budgets.plan import Plan
from outlay.budgets.trade import Account, Remains

AMOUNT = 1_000


def spend(folder: Path, truth: memoryview) -> None:
    """Reserve and settle for ever, and note what was let pass before it is settled."""
    leases = Leases(Journal(folder))
    lease = Lease(Plan(Budget("b", limit=1_000_000, block=True), "p"), Account("p", "b", "", "w"), {}, ())
    lease.seq, lease.free, lease.expires = 1, 10**15, 2**62
    with leases.lock:
        leases.enter(lease)
    while not leases.reserve([(lease, AMOUNT)]):
        truth[0] += AMOUNT
        leases.settle(Held([(lease, AMOUNT)], 0, 0, None), AMOUNT)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_no_moment_of_a_kill_hides_what_was_spent(tmp_path: Path) -> None:
    """Figures that are cleared before they are written anew would, once in twenty kills of so busy a process."""
    remains: list[Remains] = []

    def recover(found: Sequence[Remains]) -> None:
        remains.extend(found)

    for number in range(150):
        shared = mmap.mmap(-1, 8)
        truth = memoryview(shared).cast("q")
        pid = os.fork()
        if not pid:
            try:
                spend(tmp_path, truth)
            finally:
                os._exit(1)
        while not truth[0]:
            time.sleep(0.001)
        time.sleep(number % 10 / 10_000)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        adopt(tmp_path, recover)
        left = remains.pop()
        assert 0 <= left.total + left.flight - truth[0] <= 2 * AMOUNT
        assert not remains
