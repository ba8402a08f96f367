"""Backends that do what a test tells them, and remember what they were given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from outlay.delivery.asked import Asked, Common
from outlay.delivery.delivery import Delivery
from outlay.export import Backend, Batch, Delivered, Place, Result
from outlay.ledger.ledger import Ledger
from outlay.records import Call, Span
from tests.ledger.samples import call

SECOND = 10**9


class Recorder:
    """A backend in memory: ``answer`` decides about each batch; what it accepts is in ``got``, by id."""

    def __init__(self, answer: Callable[[Batch], Result] = lambda _: Delivered()) -> None:
        self.answer = answer
        self.batches: list[Batch] = []
        self.got: dict[str, int] = {}
        """Id → how often it was accepted."""
        self.order: list[str] = []

    def send(self, batch: Batch) -> Result:
        """Take the batch as ``answer`` says."""
        self.batches.append(batch)
        result = self.answer(batch)
        if isinstance(result, Delivered):
            refused = {one.id for one in result.rejected}
            for record in batch.records:
                if record.id not in refused:
                    self.got[record.id] = self.got.get(record.id, 0) + 1
                    self.order.append(record.id)
        return result

    def close(self) -> None:
        """Have nothing to close."""


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        """Tell nanoseconds since the epoch."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * SECOND)


def asked(name: str = "recorder", *, batch: int = 10, tree: bool = False, **common: Any) -> Asked:
    """Return an exporter that was asked for; a test opens its backend itself."""

    def never(options: Any, place: Place) -> Recorder:
        raise AssertionError(options, place)

    return Asked(name, Backend(name=name, open=never, tree=tree, batch=batch), None, Common(**common))


class Post:
    """An exporter at work on a ledger, with a clock of its own."""

    def __init__(self, ledger: Ledger, recorder: Any, wanted: Asked | None = None) -> None:
        self.clock = Clock()
        self.ledger = ledger
        self.recorder = recorder
        self.asked = wanted or asked()
        self.backlog = ledger.backlog(self.asked.name)
        self.backlog.begin(0, self.clock.now)
        self.again()

    def again(self) -> None:
        """Begin as a new process would."""
        self.delivery = Delivery(self.asked, self.backlog, self.recorder, clock=self.clock, chance=lambda: 1.0)

    def run(self) -> None:
        """Deliver what can be now."""
        self.delivery.run()

    @property
    def state(self) -> Any:
        """How the exporter does."""
        return self.backlog.state()

    @property
    def left(self) -> int:
        """Count what is not delivered."""
        return self.ledger.left(self.asked.name, self.clock.now).total

    @property
    def aside(self) -> dict[str, str]:
        """What was set aside, by id, with the reasons."""
        return {one.id: one.reason for one in self.ledger.set_aside(self.asked.name, 1000)}


def calls(number: int, **fields: Any) -> list[Call]:
    """Return that many calls."""
    return [call(**fields) for _ in range(number)]


def span(id: str, parent: str | None = None, **fields: Any) -> Span:  # noqa: A002 - a record's name for it
    """Return a span that began at second 0 and took ten."""
    plain: dict[str, Any] = {
        "trace_id": "1" * 32,
        "name": id,
        "feature": "f",
        "path": "g/f",
        "start": 0,
        "end": 10 * SECOND,
    }
    return Span(id=id, parent_id=parent, **(plain | fields))


def ids(records: Sequence[Call | Span]) -> list[str]:
    """Return the ids of records."""
    return [record.id for record in records]
