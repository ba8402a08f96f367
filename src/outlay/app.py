"""Put the parts together: one instance with its settings, its meter, its spool and its worker; the default one."""

from __future__ import annotations

import atexit
import importlib
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlay import context, integration, plugins
from outlay.alerts import Alert, herald, raised
from outlay.config import Settings, data_folder, load, working_folder, writable
from outlay.context import Home
from outlay.first import FirstRequest
from outlay.guard import guard, swallowed
from outlay.listed import listed, spare
from outlay.otel import service_version
from outlay.patching import Patcher
from outlay.records import Record
from outlay.stand_in import StandIn

if TYPE_CHECKING:  # what calls need is loaded with the first request: init() is in every program's start-up
    from outlay.budgets.gate import Budgets
    from outlay.delivery.courier import Couriers
    from outlay.ledger.spool import Spool
    from outlay.meter import Meter
    from outlay.policy import Policy
    from outlay.pricing import Prices
    from outlay.wire.recognise import Recogniser
    from outlay.worker import Worker

_making = threading.RLock()
"""Held while parts are made, and over a fork: a child must not find one half made, or the lock with a thread of its
parent's. Re-entrant, since a finaliser that interrupts the making may keep a span."""


class Outlay:
    """One working outlay: what ``init()`` makes, and what tests make for themselves.

    Its parts are made when one of them is first asked for.
    """

    settles_later = True
    """Whether plain answers are read and priced by the worker, or by who asks first, instead of before they return."""

    spool: Spool
    recogniser: Recogniser
    worker: Worker
    meter: Meter

    def __init__(self, settings: Settings, folder: Path | None = None) -> None:
        self.settings = settings
        self.folder = writable(folder or data_folder(settings))
        project = settings.project or working_folder()
        self.home = Home(self.keep, project, settings.release, settings.tags, self.keep_all)
        self.watched: Patcher | None = None
        """The patches that the worker looks after."""
        self._prices: Prices | None = None
        self.couriers: Couriers | None = None
        self._gate: Budgets | None = None

    @property
    def at_work(self) -> bool:
        """Whether there was a request, or anything else that needs the parts."""
        return "meter" in self.__dict__

    def __getattr__(self, name: str) -> Any:
        if name not in ("spool", "recogniser", "worker", "meter"):
            raise AttributeError(f"{type(self).__qualname__} has no attribute {name!r}")
        with _making:
            if not self.at_work:
                self._make_parts()
        return self.__dict__[name]

    def _make_parts(self) -> None:
        from outlay.ledger.spool import Spool
        from outlay.ledger.submissions import Submissions
        from outlay.meter import Meter
        from outlay.wire.recognise import Recogniser
        from outlay.worker import Worker

        importlib.import_module("outlay.wire.tee")  # transports ask for it with the first stream, without the lock
        settings = self.settings
        self.home.release = settings.release or service_version()  # whoever sets OpenTelemetry up has done so by now
        spool = Spool(self.folder / "spool")
        recogniser = Recogniser(plugins.apis(), plugins.providers(), settings.hosts)
        worker = Worker(
            self.folder / "ledger.db", spool, recogniser,
            keep_days=settings.retention_days, keep_megabytes=settings.retention_megabytes,
        )  # fmt: skip
        meter = Meter(
            recogniser,
            self.prices,
            self.home,
            spool,
            ask_usage=settings.ask_usage,
            worker=worker if self.settles_later else None,
            policy=self._policy(),
            submissions=Submissions(self.folder / "batches"),
        )
        worker.watched, worker.revive, worker.delivery = self.watched, meter.revive, herald(settings, self.home.project)
        if self.couriers is not None:
            self.couriers.serve(meter, worker, self.home)
        worker.foresee = None if self._gate is None else self._gate.foresee
        if settings.spikes:
            worker.spikes = self.home.project, settings.spike_tags, settings.spike_limits
        if not self.at_work:  # else a finaliser came between, and has them made
            self.spool, self.recogniser, self.worker, self.meter = spool, recogniser, worker, meter

    def gate(self) -> Budgets | None:
        """Return what is asked about each call, made when it is first asked for; None where no budgets are set."""
        with _making:
            if self._gate is None and (self.settings.budgets or self.settings.budget_slice is not None):
                opened = importlib.import_module("outlay.budgets.opening").opened
                project, earlier = self.home.project, importlib.import_module("outlay.earlier").Earlier
                opening = earlier(self.settings, self.folder, project)
                self._gate = opened(self.settings, self.folder, project=project, sink=self.put, opening=opening)
            return self._gate

    def _policy(self) -> Policy | None:
        if (gate := self.gate()) is None:
            return None
        from outlay.policy import Policy  # loaded where there are budgets

        return Policy(gate, self.prices, self.home, rewrites=self.settings.budget_rewrites)

    def prices(self) -> Prices:
        """Return the price table with the user's book over it, loaded when the first call is priced."""
        if self._prices is None:
            with _making:
                self._prices = self._prices or listed(self.settings.price_book, self.folder / "prices")
        return self._prices

    def keep(self, record: Record) -> None:
        """Write a record to the spool, and see to it that the worker carries it to the ledger."""
        self.spool.append(record)
        if not self.worker.awake:
            self.worker.wake()

    def keep_all(self, records: Sequence[Record]) -> None:
        """Write records to the spool at once."""
        self.spool.append_all(records)

    def put(self, alert: Alert) -> None:
        """Take an alert (``alerts.Sink``): it is in the spool when this returns, and on its way a moment later."""
        self.keep(raised(alert))
        self.worker.hurry()

    def flush(self, timeout: float) -> int:
        """Carry what was written to the ledger, the exporters and the budgets' store; return how much is left."""
        deadline = time.monotonic() + timeout
        left = self.worker.flush(timeout)
        if self._gate is not None:
            self._gate.tell()
        return left + (0 if self.couriers is None else self.couriers.flush(deadline - time.monotonic()))

    def open(self) -> None:
        """Meter from now on, in place of any other instance."""
        context.home = self.home
        self._first = FirstRequest(self._begin)
        integration.meter.put(self._first)

    def _begin(self) -> Meter:
        """Make the parts with the first request, and have the meter take its place."""
        with _making:
            made = self.meter
            if integration.meter.held is self._first:
                integration.meter.put(made)
        return made

    def close(self, timeout: float = 1.0) -> None:
        """Meter no more; settle what is open and carry what was written to the ledger as far as time allows."""
        with _making:
            if context.home is self.home:
                context.home = None
                integration.meter.put(None)
        if self.at_work or self._gate is not None or swallowed():  # what went wrong at the start is kept for doctor
            self.settle_open()
            self.close_budgets()
            self.worker.stop(timeout)
            self.spool.close()
        if self.couriers is not None:
            self.couriers.stop(timeout)

    def close_budgets(self) -> None:
        """Give back what budgets hold and is not spent; after what is open was settled."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.close()

    def settle_open(self) -> None:
        """Settle the calls of this instance that are still open, and those that wait for it."""
        from outlay.wire import exchange

        exchange.settle_waiting()
        exchange.settle_open(self.meter.settle)
        self.meter.end()


stand_in: StandIn[Outlay] | None = None

_current: Outlay | None = None
_patcher: Patcher | None = None
_switching = threading.RLock()


def init(**arguments: Any) -> Outlay | None:
    """Start, or start anew with other settings; see ``outlay.init``."""
    global _current  # noqa: PLW0603 - the default instance lives here and nowhere else
    if stand_in is not None:
        return stand_in.restart(arguments)
    settings = load(arguments)
    with _switching:
        if settings.disabled:
            _close_current()
            return None
        made = Outlay(settings)
        if settings.price_book:
            made.prices()  # an error in the user's book is said now, before any call is made
        if settings.exporters or settings.content:
            courier = importlib.import_module("outlay.delivery.courier")  # for those who asked
            made.couriers = courier.engage(settings, made.folder, plugins.exporter_names(), plugins.exporter)
            made.couriers.attend(made.home)
        if made.gate() is not None:  # the same for what can't be a budget, its store or a part of one
            importlib.import_module("outlay.budgets.opening").tell_of_a_store_that_is_down(settings)
        made.watched = patcher() if settings.instrument else None
        _close_current()  # not before: who sets something wrong keeps what is running
        made.open()
        _current = made
        if settings.instrument:
            patcher().install()
    return made


def _close_current() -> None:
    global _current  # noqa: PLW0603 - see init
    if _current is not None:
        _current.close()
        _current = None


def prices() -> Prices:
    """Return the prices of the default instance, or, without one, those that the settings name."""
    metering = current()
    return spare() if metering is None else metering.prices()


def current() -> Outlay | None:
    """Return the default instance; None before ``init()``, after ``uninstrument()`` and while disabled."""
    return _current if stand_in is None else stand_in.current()


def patcher() -> Patcher:
    """Return the patches of this process; there is one set, whatever instance meters."""
    global _patcher  # noqa: PLW0603 - a function can be patched once only
    with _switching:
        if _patcher is None:
            _patcher = Patcher(plugins.transports())
        return _patcher


def shut() -> None:
    """Take the patches away and close the default instance."""
    if stand_in is not None:
        stand_in.shut()
        return
    with _switching:
        if _patcher is not None:
            _patcher.uninstall()
        _close_current()


def _at_exit() -> None:
    with guard("closing at exit"):
        if _current is not None:
            _current.close()


def _in_child() -> None:
    _making.release()
    if _current is not None and _current.at_work:
        _current.worker.forked()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_making.acquire, after_in_parent=_making.release, after_in_child=_in_child)
