"""Bringing alerts to people: what the worker does each second, and the threads that exist while a message is sent.

The outbox stands in the ledger. The worker takes a message from it under a lease and hands it to a thread of the
channel's own; the thread does nothing but send; the worker writes down how it went. Who is killed between sending and
writing down leaves a lease that runs out, and the next one sends the same message under the same id.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from outlay.alerts.channel import Undelivered, opened
from outlay.alerts.line import Claimed, Line
from outlay.alerts.message import plain
from outlay.config import Settings
from outlay.config.channels import Address
from outlay.config.quiet import QuietHours

logger = logging.getLogger("outlay")

SECOND = 10**9
LEASE = 60 * SECOND
"""How long a message is this process's alone."""
PATIENCE = 30 * SECOND
"""How long a channel may take for a message before that counts as a failure; less than the lease."""
LONGEST_REASON = 300
"""Characters of why a message did not arrive."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 3600.0
"""Seconds between two tries: doubled from the one to the other."""
GIVE_UP = 7 * 86_400 * SECOND
"""Age from which on an alert that does not get through is left to ``outlay alerts`` alone."""


class Outbox(Protocol):
    """The ledger, as far as alerts go; times are nanoseconds since the epoch."""

    def enrol(self, channels: Sequence[Address], project: str, now: int) -> None:
        """Write down which alerts of ``project`` are to go where."""

    def claim(
        self, channel: str, project: str, *, now: int, lease: int, group: int, urgent_only: bool
    ) -> Claimed | None:
        """Take the next message that is due on ``channel``; None where there is none.

        ``group``: nanoseconds after a message's begin in which alerts that are not critical gather to the next.
        """

    def delivered(self, channel: str, claimed: Claimed, now: int) -> None:
        """Write down that it has arrived."""

    def undelivered(self, channel: str, claimed: Claimed, *, trouble: str, due: int | None, now: int) -> None:
        """Write down that it has not, why, and when to try again (None: never)."""


class Delivery:
    """The alerts of one process on their way out; all of it on the worker's thread, but for the sending."""

    def __init__(
        self,
        settings: Settings,
        project: str,
        *,
        lease: int = LEASE,
        patience: int = PATIENCE,
        chance: Callable[[], float] = random.random,
    ) -> None:
        secret, zone = settings.alert_webhook_secret, settings.timezone
        self._lines = [Line(address, opened(address, secret)) for address in settings.alert_channels]
        self._project = project
        self._zone = zone
        self._quiet = QuietHours.read(settings.alert_quiet_hours, zone)
        self._group = settings.alert_group_seconds * SECOND
        self._lease, self._patience = lease, patience
        self._chance = chance

    def step(self, outbox: Outbox, now: int, *, gather: bool = True) -> bool:
        """Write down what was sent, and begin to send what is due; return whether something is being sent.

        Without ``gather`` nothing waits to become one message with what may follow.
        """
        for line in self._lines:
            self._settle(line, outbox, now)
        outbox.enrol([line.address for line in self._lines], self._project, now)
        for line in self._lines:
            self._begin(line, outbox, now, self._group if gather else 0)
        return any(line.claimed is not None and not line.late for line in self._lines)

    def finish(self, outbox: Outbox, timeout: float) -> None:
        """Wait for what is being sent, as long as ``timeout`` seconds allow; the rest is sent by whoever comes next."""
        deadline = time.monotonic() + timeout
        while self.step(outbox, time.time_ns(), gather=False) and time.monotonic() < deadline:
            self.wait(deadline - time.monotonic())

    def wait(self, seconds: float) -> None:
        """Wait until what is being sent has been sent, or not, for so many seconds at most."""
        deadline = time.monotonic() + seconds
        for thread in [line.thread for line in self._lines if line.thread is not None]:
            thread.join(max(0.0, deadline - time.monotonic()))

    def forked(self) -> None:
        """Leave to the parent what it is sending."""
        for line in self._lines:
            line.forked()

    def stand_by(self) -> None:
        """Have a thread ready for each channel, from any thread: an alert was raised, and the process may end now."""
        for line in self._lines:
            line.stand_by()

    def _begin(self, line: Line, outbox: Outbox, now: int, group: int) -> None:
        if line.thread is not None or now < line.closed_until:
            return
        claimed = outbox.claim(
            line.address.name,
            self._project,
            now=now,
            lease=now + self._lease,
            group=group,
            urgent_only=self._quiet.cover(now),
        )
        if claimed is None:
            return
        message = msgspec.structs.replace(claimed.message, zone=self._zone)
        if not line.send(msgspec.structs.replace(claimed, message=message)):
            outbox.undelivered(line.address.name, claimed, trouble="the process was ending", due=now, now=now)

    def _settle(self, line: Line, outbox: Outbox, now: int) -> None:
        """Write down how a try went. One that takes too long has failed, and keeps its channel busy until it ends."""
        if line.thread is None or line.claimed is None:
            return
        alive = line.thread.is_alive()  # looked at before the outcome: what ends between is seen the next time
        if line.outcome:
            line.thread.join()
            error = line.outcome[0]
        elif not alive:
            error = Undelivered("it ended without a word")
        elif not line.late and time.monotonic() - line.since > self._patience / SECOND:
            self._fails(line, line.claimed, outbox, Undelivered(f"no answer within {self._patience / SECOND:g} s"), now)
            line.late = True
            return
        else:
            return
        if error is None:
            outbox.delivered(line.address.name, line.claimed, now)
            self._works(line)
        elif not line.late:
            self._fails(line, line.claimed, outbox, error, now)
        line.claimed = line.thread = None

    def _works(self, line: Line) -> None:
        if line.failures:
            logger.warning("alerts get through to %s again.", line.address.name)
        line.failures = line.closed_until = 0

    def _fails(self, line: Line, claimed: Claimed, outbox: Outbox, error: Exception, now: int) -> None:
        name, (trouble, asked) = line.address.name, explained(error, line.address)
        due = now + int(wait(claimed.attempts, asked, self._chance) * SECOND)
        over = now - claimed.kept >= GIVE_UP
        outbox.undelivered(name, claimed, trouble=trouble, due=None if over else due, now=now)
        line.failures += 1
        line.closed_until = now + int(wait(line.failures, asked, self._chance) * SECOND)
        if line.failures == 1 or over:
            goes_on = "gives it up" if over else "tries again"
            logger.warning("an alert did not reach %s (%s); outlay %s: see `outlay alerts`.", name, trouble, goes_on)


def wait(attempts: int, asked: float | None, chance: Callable[[], float]) -> float:
    """Return the seconds until the next try: twice as long each time, spread by chance, at least what was asked for."""
    longest = min(FIRST_WAIT * (1 << min(attempts - 1, 20)), LONGEST_WAIT)
    return max(longest * (0.5 + chance() / 2), min(asked or 0.0, 86_400.0))


def explained(error: Exception, address: Address) -> tuple[str, float | None]:
    """Return why a message did not arrive, without a secret, and the seconds that the receiver asked to wait for."""
    if isinstance(error, Undelivered):
        return plain(address.redact(error.reason), LONGEST_REASON), error.retry_after
    said = plain(address.redact(str(error)), LONGEST_REASON)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__, None
