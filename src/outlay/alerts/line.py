"""One channel of this process: what it is sending, on a thread that exists only meanwhile, and how it fares."""

from __future__ import annotations

import queue
import threading
import time

import msgspec

from outlay.alerts.channel import Channel
from outlay.alerts.message import Message
from outlay.config.channels import Address
from outlay.guard import failure_of

STAND_BY = 5.0
"""Seconds that a thread waits for its message: longer than the worker takes to find it."""


class Claimed(msgspec.Struct, frozen=True):
    """A message that is this process's to send, for a while."""

    message: Message
    attempts: int
    """How often it was tried, this time included."""
    lease: int
    """Until when (ns since the epoch); it also tells this claim from later ones."""
    kept: int
    """When the oldest of its alerts came to the ledger."""


class Line:
    """A channel and what it is doing. Its state is the worker's; ``stand_by`` alone may be called from any thread."""

    def __init__(self, address: Address, channel: Channel) -> None:
        self.address = address
        self.channel = channel
        self.failures = 0
        """Tries that failed since the last one that did not."""
        self.closed_until = 0
        """New messages wait until then (ns since the epoch): the last try failed."""
        self.forked()

    def forked(self) -> None:
        """Begin anew in a child: what is being sent is the parent's."""
        self.claimed: Claimed | None = None
        self.thread: threading.Thread | None = None
        self.since = 0.0
        """When the thread got its message, by the monotonic clock."""
        self.outcome: list[Exception | None] = []
        """How it went, once it is over."""
        self.late = False
        """Whether it took too long, and was written down as failed already."""
        self._waiting: _Sender | None = None
        self._lock = threading.Lock()

    def stand_by(self) -> None:
        """Start the thread that a message will need in a moment: when the process ends, Python 3.12 starts none."""
        # A finaliser that interrupts this very function may raise an alert too: it must not wait.
        if self._lock.acquire(blocking=False):
            try:
                if self._waiting is None or not self._waiting.is_alive():
                    self._waiting = self._started()
            finally:
                self._lock.release()

    def send(self, claimed: Claimed) -> bool:
        """Begin to send; return whether that was possible."""
        outcome: list[Exception | None] = []
        with self._lock:
            sender, self._waiting = self._waiting, None
        if sender is None or not sender.take(claimed.message, outcome):
            sender = self._started()
            if sender is None or not sender.take(claimed.message, outcome):
                return False
        self.claimed, self.outcome, self.since, self.late, self.thread = (
            claimed, outcome, time.monotonic(), False, sender
        )  # fmt: skip
        return True

    def _started(self) -> _Sender | None:
        sender = _Sender(self.channel, f"outlay alerts {self.address.name}")
        try:
            sender.start()
        except RuntimeError:
            return None
        return sender


class _Sender(threading.Thread):
    """Sends one message, if it gets one in time."""

    def __init__(self, channel: Channel, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._channel = channel
        self._given: queue.SimpleQueue[tuple[Message, list[Exception | None]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._over = False

    def take(self, message: Message, outcome: list[Exception | None]) -> bool:
        """Hand over a message, and where to put how it went; return False if the thread has waited long enough."""
        with self._lock:
            if not self._over:
                self._given.put((message, outcome))
            return not self._over

    def run(self) -> None:
        """Wait for the message and send it."""
        try:
            message, outcome = self._given.get(timeout=STAND_BY)
        except queue.Empty:
            with self._lock:
                self._over = self._given.empty()
            if self._over:
                return
            message, outcome = self._given.get()
        outcome.append(failure_of(lambda: self._channel.send(message)))
