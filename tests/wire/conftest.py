"""A meter without ledger or worker, over the real patches: what it keeps is a list."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from outlay import app, context, integration, plugins
from outlay.context import Home
from outlay.ledger.inflight import Journal, read_open
from outlay.loopback import ModelHost
from outlay.meter import Meter
from outlay.pricing import Prices
from outlay.records import Call, Record
from outlay.wire import exchange
from outlay.wire.attempts import forget
from outlay.wire.exchange import Exchange, settle_waiting
from outlay.wire.recognise import Recogniser

PRICES = Prices.load()


class Metered:
    """What was kept, and the switch."""

    def __init__(self, ask_usage: bool = True) -> None:
        self.kept: list[Record] = []
        self.home = Home(self.kept.append, "wire")
        self.recogniser = Recogniser(plugins.apis(), plugins.providers(), {"127.0.0.1": "openai"})
        self.meter = Meter(self.recogniser, lambda: PRICES, self.home, None, ask_usage=ask_usage)

    @property
    def calls(self) -> list[Call]:
        """Every call that has ended, those included that only a finaliser saw."""
        settle_waiting()
        return [record for record in self.kept if isinstance(record, Call)]

    def only(self) -> Call:
        """Return the one call that there is, and forget it."""
        if not self.calls:
            gc.collect()  # a call may hang on a cycle; looking for one costs more than the call
        (call,) = self.calls
        self.kept.clear()
        return call

    def open(self) -> list[Exchange]:
        """Return what has not ended."""
        return [left for left in exchange.OPEN.values() if left.settle == self.meter.settle]

    @contextmanager
    def off(self) -> Iterator[None]:
        """Let requests inside the block go by: what a caller sees then is the measure."""
        integration.meter.put(None)
        try:
            yield
        finally:
            integration.meter.put(self.meter)


@pytest.fixture(scope="session")
def host() -> Iterator[ModelHost]:
    """Answer on 127.0.0.1 for the whole run; each test asks for what it needs by the ``x-loopback`` header."""
    with ModelHost(keep=False) as running:
        yield running


@pytest.fixture
def metered() -> Iterator[Metered]:
    """Meter every httpx and httpx2 client, and leave no call open and no patch behind."""
    forget()  # a call that failed in an earlier test would make this test's first a retry
    made = Metered()
    before, context.home = context.home, made.home
    meter = integration.meter.put(made.meter)
    app.patcher().install()
    try:
        yield made
        if made.open():
            gc.collect()
            settle_waiting()
        assert made.open() == []
    finally:
        app.patcher().uninstall()
        integration.meter.put(meter)
        context.home = before


class Worker:
    """A worker that only counts how often it was woken."""

    due = 0
    woken = 0

    def wake(self) -> None:
        """Count."""
        self.due = 2**63
        self.woken += 1


class Later:
    """A meter that notes plain answers, its journal and what it keeps."""

    def __init__(self, metered: Metered, folder: Path) -> None:
        self.journal = Journal(folder, 1)
        self.in_use: Journal | None = self.journal
        self.worker = Worker()
        self.home = metered.home
        self.kept = metered.kept
        self.meter = Meter(metered.recogniser, lambda: PRICES, self.home, self, worker=self.worker)

    @property
    def calls(self) -> list[Call]:
        """Return what was kept."""
        return [record for record in self.kept if isinstance(record, Call)]

    def revived(self) -> list[Call]:
        """Return what another process would make of the journal, were this one killed now."""
        return list(read_open(self.written(), 2, self.meter.revive))

    def written(self) -> bytes:
        """Return the journal's bytes."""
        return self.journal.path.read_bytes()


@pytest.fixture
def later(metered: Metered, tmp_path: Path) -> Iterator[Later]:
    """Note what the patched clients get, in place of reading it at once."""
    made = Later(metered, tmp_path)
    integration.meter.put(made.meter)
    try:
        yield made
        settle_waiting()
    finally:
        integration.meter.put(metered.meter)
        made.journal.close()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Give a client without TLS: making that takes 20 ms."""
    with httpx.Client(verify=False, trust_env=False, timeout=60) as made:
        yield made
