"""Stand in for the default instance while test ledgers are open, and lead each call to the ledger it belongs to."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import msgspec

from outlay import app, context, integration
from outlay.alerts import Alert, raised
from outlay.app import Outlay
from outlay.config import Settings, load
from outlay.context import Home
from outlay.records import Record
from outlay.testing.recorded import Ledger
from outlay.wire.exchange import Exchange
from outlay.wire.recognise import Match

_carried: ContextVar[Seat | None] = ContextVar("outlay_test", default=None)


class Instance(Outlay):
    """An outlay that also shows its records to a test, and has no thread to carry them on."""

    settles_later = False

    def __init__(self, settings: Settings, folder: Path, note: Callable[[Record], None]) -> None:
        self._note = note
        super().__init__(settings, folder)

    def keep(self, record: Record) -> None:
        """Write a record to the spool, so that ``outlay.flush()`` has something to carry, and show it."""
        self.spool.append(record)
        self._note(record)

    def put(self, alert: Alert) -> None:
        """Show an alert to the test; it goes nowhere else."""
        self.keep(raised(alert))

    def leave(self) -> None:
        """Settle what is open, and close the files; nothing is carried on, since nobody will read it."""
        if self.at_work:
            self.settle_open()
        self.close_budgets()
        if self.at_work:
            self.worker.let_go()
            self.spool.close()


class Seat:
    """A test's place on the stage: its ledger, its folder and the instance that meters for it now."""

    def __init__(self, ledger: Ledger, arguments: Mapping[str, Any], around: tuple[Seat, ...]) -> None:
        self.ledger = ledger
        self.around = around
        """The seats that this one was taken inside of, the outermost first."""
        self.thread = threading.get_ident()
        self.folder = Path(tempfile.mkdtemp(prefix="outlay-test-"))
        self._wanted = {"disabled": False, **arguments, "data": str(self.folder)}
        self.instance: Instance | None = None

    def start(self, arguments: Mapping[str, Any]) -> Outlay | None:
        """Meter for the test from now on, with ``arguments`` except where the test itself wants something else."""
        settings = load({**arguments, **self._wanted, "disabled": arguments.get("disabled", self._wanted["disabled"])})
        self.stop()
        if not settings.disabled:
            self.instance = Instance(settings, self.folder, self.ledger.note)
        return self.instance

    def stop(self) -> None:
        """Meter no more."""
        if self.instance is not None:
            self.instance.leave()
            self.instance = None


class Stage:
    """Every test ledger that is open in this process.

    A call belongs to the ledger that its context carries. A thread that carries none (one of a pool, say) belongs to
    the ledger that was opened last.
    """

    def __init__(self) -> None:
        self._seats: tuple[Seat, ...] = ()
        self._lock = threading.RLock()
        self._before: tuple[Any, Home | None] = (None, None)
        self._patched = False

    def open(self, ledger: Ledger, arguments: Mapping[str, Any]) -> Seat:
        """Take a seat: from now on, calls of this context and of those made from it are its own."""
        with self._lock:
            running, outer = app.current(), _carried.get()
            inherited = {} if running is None else msgspec.structs.asdict(running.settings)
            seat = Seat(ledger, arguments, (*outer.around, outer) if outer in self._seats and outer else ())
            try:
                seat.start(inherited)
            except BaseException:
                shutil.rmtree(seat.folder, ignore_errors=True)
                raise
            if not self._seats:
                self._begin()
            self._seats += (seat,)
        _carried.set(seat)
        return seat

    def close(self, seat: Seat) -> None:
        """Give a seat up, in whatever order and context; the last one puts everything back as it was."""
        with self._lock:
            self._seats = tuple(other for other in self._seats if other is not seat)
            if not self._seats:
                self._end()
        if _carried.get() is seat:
            _carried.set(seat.around[-1] if seat.around else None)
        seat.stop()
        shutil.rmtree(seat.folder, ignore_errors=True)

    def here(self) -> Seat | None:
        """Return the seat that a call of now belongs to."""
        seats, carried = self._seats, _carried.get()
        if carried in seats:
            thread = threading.get_ident()
            for seat in reversed(seats):
                # A context may be older than a ledger opened inside it: an event loop's is, for a test's fixtures.
                if seat is carried or (carried in seat.around and seat.thread == thread):
                    return seat
        return seats[-1] if seats else None

    def _begin(self) -> None:
        self._patched = not app.patcher().active
        app.patcher().install()
        self._before = (integration.meter.put(self), context.home)
        context.home = StageHome(self)
        app.stand_in = self

    def _end(self) -> None:
        app.stand_in = None
        meter, context.home = self._before
        integration.meter.put(meter)
        if self._patched:
            app.patcher().uninstall()

    # What the application under test asks of the default instance.

    def current(self) -> Outlay | None:
        """Return the instance that meters for this context."""
        seat = self.here()
        return None if seat is None else seat.instance

    def restart(self, arguments: Mapping[str, Any]) -> Outlay | None:
        """Do what ``outlay.init()`` does, within the test's own ledger."""
        with self._lock:
            seat = self.here()
            return None if seat is None else seat.start(arguments)

    def shut(self) -> None:
        """Do what ``outlay.uninstrument()`` does, for this test alone."""
        with self._lock:
            seat = self.here()
            if seat is not None:
                seat.stop()

    # What transports ask of the meter.

    @property
    def budgets(self) -> bool:
        """Return whether the instance of this context has budgets."""
        instance = self.current()
        return instance is not None and instance.meter.budgets

    def find(self, method: str, host: str, path: str) -> Match | None:
        """Return the match of a request, as the instance of this context has it."""
        instance = self.current()
        return None if instance is None else instance.meter.find(method, host, path)

    def sockets(self, host: str, path: str) -> tuple[Match, ...]:
        """Return the matches of a websocket, as the instance of this context has them."""
        instance = self.current()
        return () if instance is None else instance.meter.sockets(host, path)

    def begin(
        self, transport: str, match: Match, host: str, path: str, body: bytes | None, *, streams: bool
    ) -> Exchange | None:
        """Open an exchange with the instance of this context."""
        instance = self.current()
        if instance is None:
            return None
        return instance.meter.begin(transport, match, host, path, body, streams=streams)


NOWHERE = Home(lambda _: None, "")
"""Where the spans of a test go that has stopped outlay."""


class StageHome(Home):
    """The home of whatever instance meters for this context: its own slots stay empty, so each look-up leads there."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        instance = self._stage.current()
        return getattr(NOWHERE if instance is None else instance.home, name)


STAGE = Stage()
