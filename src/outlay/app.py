"""Put the parts together: one instance with its settings, its meter, its spool and its worker; the default one."""

from __future__ import annotations

import atexit
import functools
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from outlay import context, integration, plugins
from outlay.config import Settings, data_folder, load, writable
from outlay.context import Home
from outlay.guard import guard
from outlay.ledger.spool import Spool
from outlay.meter import Meter
from outlay.patching import Patcher
from outlay.records import Call, Record
from outlay.wire import exchange
from outlay.wire.recognise import Recogniser
from outlay.worker import Worker

if TYPE_CHECKING:
    from outlay.pricing import Prices


class Outlay:
    """One working outlay: what ``init()`` makes, and what tests make for themselves."""

    settles_later = True
    """Whether plain answers are read and priced by the worker, or by who asks first, instead of before they return."""

    def __init__(self, settings: Settings, folder: Path | None = None) -> None:
        self.settings = settings
        self.folder = writable(folder or data_folder(settings))
        self.spool = Spool(self.folder / "spool")
        self.recogniser = Recogniser(plugins.apis(), plugins.providers(), settings.hosts)
        self.home = Home(self.keep, settings.project or _working_folder(), settings.release, settings.tags)
        self.worker = Worker(
            self.folder / "ledger.db",
            self.spool,
            self.recogniser,
            keep_days=settings.retention_days,
            keep_megabytes=settings.retention_megabytes,
        )
        self.meter = Meter(
            self.recogniser,
            self.prices,
            self.home,
            self.spool,
            ask_usage=settings.ask_usage,
            worker=self.worker if self.settles_later else None,
        )
        self.worker.revive = self.meter.revive
        self._prices: Prices | None = None
        self._loading = threading.Lock()

    def prices(self) -> Prices:
        """Return the price table with the user's book over it, loaded when the first call is priced."""
        if self._prices is None:
            with self._loading:
                self._prices = self._prices or _load_prices(self.settings.price_book)
        return self._prices

    def keep(self, record: Record) -> None:
        """Write a record to the spool, and see to it that the worker carries it to the ledger."""
        self.spool.append(record)
        if not self.worker.awake:
            self.worker.wake()

    def open(self) -> None:
        """Meter from now on, in place of any other instance."""
        context.home = self.home
        integration.meter.put(self.meter)

    def close(self, timeout: float = 1.0) -> None:
        """Meter no more; settle what is open and carry what was written to the ledger as far as time allows."""
        if context.home is self.home:
            context.home = None
            integration.meter.put(None)
        self.settle_open()
        self.worker.stop(timeout)
        self.spool.close()

    def settle_open(self) -> None:
        """Settle the calls of this instance that are still open, and those that wait for it."""
        exchange.settle_waiting()
        exchange.settle_open(self.meter.settle)


def reviver(settings: Settings) -> Callable[[bytes], Call | None]:
    """Return what reads the calls that killed processes had noted, with the formats and prices of this one."""

    @functools.cache
    def meter() -> Meter:
        recogniser = Recogniser(plugins.apis(), plugins.providers(), settings.hosts)
        return Meter(recogniser, lambda: _load_prices(settings.price_book), Home(lambda _: None, ""), None)

    return lambda facts: meter().revive(facts)


class StandIn(Protocol):
    """What takes the place of the default instance while tests run (``outlay.testing``), so that it stays untouched."""

    def current(self) -> Outlay | None:
        """Return the instance that is the default one here."""

    def restart(self, arguments: Mapping[str, Any]) -> Outlay | None:
        """Do what ``init()`` does."""

    def shut(self) -> None:
        """Do what ``uninstrument()`` does."""


stand_in: StandIn | None = None

_current: Outlay | None = None
_patcher: Patcher | None = None
_spare_prices: Prices | None = None
_switching = threading.RLock()


def init(**arguments: Any) -> Outlay | None:
    """Start, or start anew with other settings; see ``outlay.init``."""
    global _current  # noqa: PLW0603 - the default instance lives here and nowhere else
    if stand_in is not None:
        return stand_in.restart(arguments)
    settings = load(arguments)
    with _switching:
        if _current is not None:
            _current.close()
            _current = None
        if settings.disabled:
            return None
        made = Outlay(settings)
        if settings.price_book:
            made.prices()  # an error in the user's book is said now, before any call is made
        made.open()
        _current = made
        if settings.instrument:
            patcher().install()
            made.worker.watched = patcher()
    return made


def prices() -> Prices:
    """Return the prices of the default instance, or, without one, the table and the book that the settings name."""
    global _spare_prices  # noqa: PLW0603 - so that calculate_cost works before init()
    metering = current()
    if metering is not None:
        return metering.prices()
    if _spare_prices is None:
        book = load({"disabled": False}).price_book
        _spare_prices = _load_prices(book)
    return _spare_prices


def _load_prices(book: str | None) -> Prices:
    from outlay.pricing import Prices  # with the first call: init() is in every program's start-up

    return Prices.load(Path(book) if book else None)


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
    global _current  # noqa: PLW0603 - see init
    if stand_in is not None:
        stand_in.shut()
        return
    with _switching:
        if _patcher is not None:
            _patcher.uninstall()
        if _current is not None:
            _current.close()
            _current = None


def _working_folder() -> str:
    try:
        return Path.cwd().name
    except OSError:  # it was deleted
        return ""


def _at_exit() -> None:
    with guard("closing at exit"):
        if _current is not None:
            _current.close()


def _in_child() -> None:
    exchange.forget_open()
    if _current is not None:
        _current.worker.forked()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
