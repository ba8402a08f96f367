"""Hand a batch to a backend, and find out what became of each record: a bad one is found by halves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from outlay.export import Batch, Delivered, Exporter, Later, Refused, Result
from outlay.guard import failure_of
from outlay.otel import untraced
from outlay.records import Call, Span

LONGEST = 30.0
"""Seconds that a send may take."""
PATIENCE = 3
"""Exceptions in a row after which the records are suspected, and no longer the backend."""

Records = Sequence[Call | Span]


class Verdict(msgspec.Struct):
    """What became of the records of a batch, by id; of one that is in neither, nothing is known yet."""

    accepted: set[str] = msgspec.field(default_factory=set)
    rejected: dict[str, str] = msgspec.field(default_factory=dict)
    unnamed: tuple[int, str] = (0, "")
    """How many were rejected without being named, and why."""
    trouble: Later | None = None
    """Why the rest comes later."""
    strange: bool = False
    """Whether the trouble is an exception of which nobody knows whose fault it is."""
    late: bool = False
    """Whether the time was up."""


class Handover:
    """One batch on its way to an exporter."""

    def __init__(
        self, exporter: Exporter, pack: Callable[[Records, float], Batch], deadline: float | None, *, suspecting: bool
    ) -> None:
        """Make a handover; with ``suspecting``, an exception makes it look for the record that is to blame.

        ``deadline`` is one of ``time.monotonic()``.
        """
        self._exporter = exporter
        self._pack = pack
        self._deadline = deadline
        self._suspecting = suspecting
        self._suspects: dict[str, str] = {}
        self._verdict = Verdict()

    def run(self, records: Records) -> Verdict:
        """Hand over ``records`` and return what became of them."""
        self._hand(records)
        verdict, suspects = self._verdict, self._suspects
        if suspects and verdict.accepted:  # the backend works, so it was the records
            verdict.rejected |= suspects
        elif suspects and verdict.trouble is None:
            verdict.trouble, verdict.strange = Later(next(iter(suspects.values()))), True
        return verdict

    def _hand(self, records: Records) -> None:
        verdict = self._verdict
        if verdict.trouble is not None or verdict.late:
            return
        timeout = LONGEST if self._deadline is None else min(LONGEST, self._deadline - time.monotonic())
        if timeout <= 0:
            verdict.late = True
            return
        result = self._send(self._pack(records, timeout))
        if isinstance(result, Delivered):
            verdict.rejected |= {one.id: one.reason for one in result.rejected}
            verdict.accepted |= {record.id for record in records} - verdict.rejected.keys()
            if result.unnamed:
                verdict.unnamed = verdict.unnamed[0] + result.unnamed, result.reason
        elif isinstance(result, Later):
            verdict.trouble = result
            verdict.accepted |= result.accepted
        elif isinstance(result, Refused):
            self._split(records, verdict.rejected, result.reason)
        elif self._suspecting and not isinstance(result, OSError):
            self._split(records, self._suspects, _words(result))
        else:
            verdict.trouble, verdict.strange = Later(_words(result)), not isinstance(result, OSError)

    def _split(self, records: Records, found: dict[str, str], reason: str) -> None:
        if len(records) == 1:
            found[records[0].id] = reason
            return
        half = len(records) // 2
        self._hand(records[:half])
        self._hand(records[half:])

    def _send(self, batch: Batch) -> Result | Exception:
        answers: list[Result] = []
        with untraced():
            error = failure_of(lambda: answers.append(self._exporter.send(batch)))
        if error is None and not isinstance(answers[0], (Delivered, Refused, Later)):
            error = TypeError(f"its send() returned {type(answers[0]).__qualname__}, which says nothing")
        return error or answers[0]


def _words(error: Exception) -> str:
    return f"{type(error).__qualname__}: {error}".rstrip(": ")
