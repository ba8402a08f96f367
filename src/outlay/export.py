"""What an exporter is: the half of delivery that a backend's author writes. The other half is ``outlay.delivery``.

A backend is one ``Backend`` row under the entry point ``outlay.exporters``, whose name is what people ask for it by:
``outlay.init(exporters=["jsonl"])``. A whole one, to begin your own from, is
``integrations/outlay_integrations/exporters/jsonl.py``; docs/exporters.md has the rest.

What a backend does
    ``Backend.open(options, place)`` imports its package, makes its client and returns an ``Exporter``. ``send(batch)``
    hands records over and says what became of them. ``close()`` lets go of what ``open`` made. Nothing of it runs on a
    thread of the application's, and never two of them at once. A module of a backend imports its package inside
    ``open``, so that to name a backend costs nothing.

What it is given
    Frozen ``Call`` and ``Span`` records, in the order in which the ledger got them. A call ends before the spans around
    it, so it comes before them, maybe in an earlier batch. A backend that needs the tree says ``Backend(tree=True)``:
    then a record comes when all the spans around it are known, ``batch.lineage(record)`` has them, and a batch has
    parents before their children. Spans that a killed process had open never come: after ``patience`` seconds a record
    goes as it is, with the lineage that is known.

    A call that runs in the background comes when it is settled, or after a day as ``pending``; settled later than
    that, it comes again.

What it may rely on
    Each record is delivered at least once: a process may die between the backend's word and ours. ``id`` (16 hex
    digits), ``trace_id`` (32) and ``start`` are the same each time, so derive the backend's ids from them, and have
    it take a record that it knows as no second one.

What it must say
    ``Delivered()``; with the records in it that the backend took offence at, these are set aside, shown, and not sent
    again unless somebody asks. ``Refused(reason)`` for a batch that was turned down whole for what is in it (400, 413,
    422): it is split until the bad record is alone. ``Later(reason)`` for trouble that is not the records' (no
    connection, 401, 404, 429, 5xx, a timeout): all of it comes again, after a pause that grows, or that ``after`` says.
    An exception counts as ``Later``; one that comes back each time, while other records get through, as ``Refused``.

Money is integer pico-USD; ``dollars(call)`` makes floats of it for those that demand them. A cost that is not known is
None, never 0: leave it out, and say so in a tag or an attribute (``cost.status``), as a backend may put a price of its
own there. Usage and cost belong to calls, never to spans too, or sums count them twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from outlay.records import INPUT_CLASSES, OUTPUT_CLASSES, Call, Span


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What was said in a call, where its capture is switched on: JSON texts by OpenTelemetry's GenAI message schema.

    Empty where there is nothing, or nothing was kept.
    """

    system_instructions: str = ""
    input_messages: str = ""
    output_messages: str = ""
    truncated: bool = False
    """Whether something was cut for its size."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Records to be handed over together."""

    records: tuple[Call | Span, ...]
    around: Mapping[str, Span] = {}
    """By id, the spans around the records, as far as the ledger knows them; only with ``Backend(tree=True)``."""
    content: Mapping[str, Content] = {}
    """By a call's id, what was said in it; empty unless content is captured, and this exporter may have it."""
    timeout: float = 30.0
    """Seconds in which ``send`` should be done."""

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls among the records."""
        return tuple(record for record in self.records if isinstance(record, Call))

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans among the records."""
        return tuple(record for record in self.records if isinstance(record, Span))

    def lineage(self, record: Call | Span) -> tuple[Span, ...]:
        """Return the spans around ``record`` that are known, the outermost first.

        It is whole where the first of them (or the record itself, if there is none) has no ``parent_id``.
        """
        found: list[Span] = []
        parent = record.parent_id
        while parent is not None and (span := self.around.get(parent)) is not None and span not in found:
            found.append(span)
            parent = span.parent_id
        return tuple(reversed(found))


class Rejected(msgspec.Struct, frozen=True):
    """One record that the backend does not take."""

    id: str
    reason: str
    """One sentence for people, in the backend's own words where it has any."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """The backend has the batch, except for what it rejected."""

    rejected: tuple[Rejected, ...] = ()
    unnamed: int = 0
    """Records that it rejected without saying which (OTLP's ``partial_success``): counted and shown."""
    reason: str = ""
    """Why, where ``unnamed`` is not 0."""


class Refused(msgspec.Struct, frozen=True):
    """The backend took nothing, for what is in the batch: its parts are tried, and a record that is alone set aside."""

    reason: str


class Later(msgspec.Struct, frozen=True):
    """The backend could not take it now. All of it comes again, but for what was ``accepted``."""

    reason: str
    after: float | None = None
    """Seconds to wait at least, where the backend said so (``Retry-After``)."""
    accepted: frozenset[str] = frozenset()
    """Ids of the records that it has taken all the same."""


Result = Delivered | Refused | Later


class Exporter(Protocol):
    """A backend that is open."""

    def send(self, batch: Batch) -> Result:
        """Hand ``batch`` over, within ``batch.timeout`` seconds, and return what became of it."""

    def close(self) -> None:
        """Let go of connections, threads and files; a failure of it does no harm."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an exporter is opened."""

    folder: Path
    """Folder of the ledger's, for files that are the exporter's own; it need not be there yet."""
    project: str = ""
    """The project of this process; a record has its own."""
    release: str | None = None


class Following(Protocol):
    """One call or tracked function that is followed while it happens."""

    id: str
    """16 hex digits: the id that the record takes."""
    trace_id: str
    parent_id: str | None

    def enter(self) -> None:
        """Note that the request is about to be sent, or the function to run, in this context."""

    def leave(self) -> None:
        """Note that the send, or the function, has returned, in the same context or another."""

    def end(self, record: Call | Span) -> None:
        """Note the record: a call's on any thread, when it has ended or a second later."""


class Live(Protocol):
    """A backend that follows calls in the process that makes them, while they are made: a tracer."""

    def begin(self, operation: str, provider: str, start: int) -> Following | None:
        """Begin to follow a call, on the caller's thread; None where it need not be followed."""

    def open(self, name: str, feature: str, start: int) -> Following | None:
        """Begin to follow a tracked function or block, on its thread; None where it need not be followed."""

    def here(self) -> Any:
        """Return what is current in this context, for ``put``."""

    def put(self, current: Any) -> None:
        """Make that the current one which ``here`` returned, in the same context or another."""


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a backend that has none, beside those that every exporter has."""


def _follows(_options: Any, _place: Place) -> Exporter:
    raise ValueError("nothing is delivered to a backend that follows calls where they are made")


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of place that records can be delivered to."""

    name: str
    """What people ask for it by; also the name of its entry point."""
    open: Callable[[Any, Place], Exporter] = _follows
    """Import what is needed, connect, and return the exporter. It may raise: it is tried again, after a pause."""
    live: Callable[[Any], Live] | None = None
    """In place of ``open``, for a backend that nothing is delivered to, since it follows calls while they are made."""
    options: type[msgspec.Struct] = NoOptions
    """What can be set under ``[exporters.NAME]``, with its types and defaults. A value may come as text."""
    modules: tuple[str, ...] = ()
    """Modules that ``open`` imports: looked for, without importing them, when outlay starts."""
    install: str = ""
    """What to type after ``pip install`` where one of them is missing: ``outlay[mlflow]``."""
    tree: bool = False
    """Whether records are to come with the spans around them, when all of these are known."""
    patience: float = 900.0
    """Seconds that a record waits for the spans around it, with ``tree``."""
    batch: int = 200
    """Records that are handed over at once, at most."""
    note: Callable[[], Mapping[str, str]] | None = None
    """What to note of the moment at which a call begins, as tags: the run of MLflow's that is active. Asked on the
    caller's thread, only where the exporter was asked for, so it must take a microsecond. A tag of the same name that
    the user has set wins."""
    needs: tuple[str, ...] = ()
    """Tags that the exporter gets whatever its allow-list says: what ``note`` notes."""

    def __post_init__(self) -> None:
        if (self.open is _follows) == (self.live is None):
            raise ValueError(f"the backend {self.name!r} needs one of the two: open, or live where it follows calls")

    @property
    def delivers(self) -> bool:
        """Whether records are delivered to it; otherwise it follows calls where they are made."""
        return self.live is None


class Dollars(msgspec.Struct, frozen=True):
    """A call's cost in USD, as floats."""

    total: float
    input: float | None
    """The part for ``INPUT_CLASSES``; None where the cost was reported whole."""
    output: float | None
    """The part for ``OUTPUT_CLASSES``. Searches and the like are in the total alone."""


def dollars(call: Call) -> Dollars | None:
    """Return what ``call`` cost, for backends that demand floats; None where that is not known.

    Of a ``partial`` cost it is the part that is known: say so beside it (``call.cost.status``).
    """
    cost = call.cost
    if cost.amount is None:
        return None
    if cost.source == "reported" and cost.amount and sum(cost.by_class.values()) != cost.amount:
        return Dollars(_float(cost.amount), None, None)
    parts = [sum(cost.by_class.get(name, 0) for name in names) for names in (INPUT_CLASSES, OUTPUT_CLASSES)]
    return Dollars(_float(cost.amount), *map(_float, parts))


def _float(amount: int) -> float:
    return amount / 10**12  # of integers: the float that is nearest
