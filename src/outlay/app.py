"""Put the parts together: one instance with its settings, its meter, its spool and its worker; the default one."""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

from outlay import context, integration, plugins
from outlay.config import Settings, data_folder, load
from outlay.context import Home
from outlay.guard import guard, logger
from outlay.ledger.spool import Spool
from outlay.meter import Meter
from outlay.patching import Patcher
from outlay.pricing import Prices
from outlay.records import Record
from outlay.wire import exchange
from outlay.wire.recognise import Recogniser
from outlay.worker import Worker


class Outlay:
    """One working outlay: what ``init()`` makes, and what tests make for themselves."""

    def __init__(self, settings: Settings, folder: Path | None = None) -> None:
        self.settings = settings
        self.folder = writable(folder or data_folder(settings))
        self.spool = Spool(self.folder / "spool")
        self.recogniser = Recogniser(plugins.apis(), plugins.providers(), settings.hosts)
        self.home = Home(self.keep, settings.project or Path.cwd().name, settings.release, settings.tags)
        self.worker = Worker(self.folder / "ledger.db", self.spool, self.recogniser)
        self.meter = Meter(
            self.recogniser, self.prices, self.home, lambda: self.spool.journal, ask_usage=settings.ask_usage
        )
        self._prices: Prices | None = None
        self._loading = threading.Lock()

    def prices(self) -> Prices:
        """Return the price table with the user's book over it, loaded when the first call is priced."""
        if self._prices is None:
            with self._loading:
                book = self.settings.price_book
                self._prices = self._prices or Prices.load(Path(book).expanduser() if book else None)
        return self._prices

    def keep(self, record: Record) -> None:
        """Write a record to the spool, and see to it that the worker carries it to the ledger."""
        self.spool.append(record)
        if not self.worker.awake:
            self.worker.wake()

    def open(self) -> None:
        """Meter from now on, in place of any other instance."""
        context.home = self.home
        integration.connect(self.meter)

    def close(self, timeout: float = 1.0) -> None:
        """Meter no more; settle what is open and carry what was written to the ledger as far as time allows."""
        if context.home is self.home:
            context.home = None
            integration.connect(None)
        exchange.settle_open()
        self.worker.stop(timeout)
        self.spool.close()


_current: Outlay | None = None
_patcher: Patcher | None = None
_spare_prices: Prices | None = None
_switching = threading.RLock()


def init(**arguments: Any) -> Outlay | None:
    """Start, or start anew with other settings; see ``outlay.init``."""
    global _current  # noqa: PLW0603 - the default instance lives here and nowhere else
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
    if _current is not None:
        return _current.prices()
    if _spare_prices is None:
        book = load({}).price_book
        _spare_prices = Prices.load(Path(book).expanduser() if book else None)
    return _spare_prices


def current() -> Outlay | None:
    """Return the default instance; None before ``init()``, after ``uninstrument()`` and while disabled."""
    return _current


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
    with _switching:
        if _patcher is not None:
            _patcher.uninstall()
        if _current is not None:
            _current.close()
            _current = None


def writable(folder: Path) -> Path:
    """Return ``folder``, made if need be; where that can't be, a temporary one, which is said once."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
        reason = "it is read-only"
    except OSError as error:
        reason = error.strerror or str(error)
    spare = Path(tempfile.gettempdir()) / f"outlay-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    spare.mkdir(mode=0o700, parents=True, exist_ok=True)
    logger.warning(
        "outlay can't write to %s (%s): it keeps its ledger in %s. Set OUTLAY_DATA to a folder.", folder, reason, spare
    )
    return spare


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
