"""What a test sees of the calls that it made."""

from __future__ import annotations

import gc

import msgspec

from outlay.alerts import Alert
from outlay.money import Spend
from outlay.readable import readable
from outlay.records import Call, Raised, Record, Span, Usage
from outlay.tally import Tally
from outlay.wire.exchange import settle_waiting


class Ledger:
    """The calls and spans of one test, in the order in which they ended; they stay readable after its end."""

    def __init__(self, *, mocked: bool = True) -> None:
        self._mocked = mocked
        self._calls: dict[str, Call] = {}
        self._spans: list[Span] = []
        self._alerts: dict[tuple[str, str], Alert] = {}

    def note(self, record: Record) -> None:
        """Take a record in. A call that ran in the background comes twice, and stays one."""
        if isinstance(record, Call):
            if self._mocked or "mocked" not in record.marks:
                self._calls[record.id] = record
        elif isinstance(record, Span):
            self._spans.append(record)
        elif isinstance(record, Raised):
            alert = msgspec.json.decode(record.alert, type=readable(Alert))
            self._alerts.setdefault((alert.project, alert.key), alert)

    @property
    def calls(self) -> list[Call]:
        """Every call so far: there as soon as it has returned, or its stream has ended or been closed."""
        settle_waiting()
        return list(self._calls.values())

    @property
    def spans(self) -> list[Span]:
        """Every tracked function or block that has ended and in which a call was made."""
        return list(self._spans)

    @property
    def alerts(self) -> list[Alert]:
        """Every alert that was raised, each key once, in the order in which they came; none is sent to anybody."""
        return list(self._alerts.values())

    @property
    def only(self) -> Call:
        """The one call there is; AssertionError, with what there is, where there are none or more."""
        calls = self.calls
        if len(calls) != 1:
            listed = "".join(f"\n  {line(call)}" for call in calls)
            raise AssertionError(
                f"expected one call, but outlay saw {len(calls) or 'none'}{':' if calls else ''}{listed}"
            )
        return calls[0]

    @property
    def cost(self) -> Spend:
        """USD of all calls: a ``Decimal`` that also knows its ``unpriced_calls``."""
        return self._tally().spend

    @property
    def usage(self) -> Usage:
        """Tokens of all calls, by class."""
        return self._tally().usage

    def settle(self) -> None:
        """Collect garbage, so that a stream which the code under test has dropped is settled now and not some time."""
        gc.collect()
        settle_waiting()

    def clear(self) -> None:
        """Forget what was seen so far: the next step of a test starts from nothing."""
        settle_waiting()
        self._calls.clear()
        self._spans.clear()
        self._alerts.clear()

    def __repr__(self) -> str:
        return f"<outlay.testing.Ledger: {len(self._calls)} calls, {self.cost} USD>"

    def _tally(self) -> Tally:
        tally = Tally()
        for call in self.calls:
            tally.add(call)
        return tally


def line(call: Call) -> str:
    """Return a call in one line, as a failed assertion shows it."""
    model = call.response_model or call.request_model or "no model"
    tokens = f"{call.usage.input_tokens} + {call.usage.output_tokens} tokens" if call.usage else "no usage"
    cost = "cost unknown" if call.cost.usd is None else f"{call.cost.usd:f} USD"
    error = f" ({call.error_type})" if call.error_type else ""
    return f"{call.api} {model}: {call.outcome}{error}, {tokens}, {cost}"
