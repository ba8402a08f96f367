"""What failed is counted by its kind, with the time, tokens and money that were lost by it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outlay.ledger.failures import KINDS, total_of
from outlay.ledger.ledger import Ledger
from outlay.records import Call, Cost, Usage
from tests.ledger.samples import START, call

SECOND = 10**9


def failed(**fields: object) -> Call:
    """Return an attempt that failed after a second, as a refusal does: without usage."""
    plain: dict[str, object] = {"outcome": "error", "usage": None, "cost": Cost(status="free", amount=0)}
    return call(**(plain | fields))


def written(*calls: Call) -> Ledger:
    """Return a ledger of these calls."""
    ledger = Ledger.open(":memory:")
    ledger.write(calls)
    return ledger


def test_each_failure_is_of_one_kind() -> None:
    """By its status, or by the code in a stream that began well; no status at all is no answer."""
    kinds: dict[str, list[tuple[int | None, str | None]]] = {
        "rate_limited": [(429, "429"), (429, "insufficient_quota"), (200, "rate_limit_error"), (400, "ThrottlingEx")],
        "overloaded": [(529, "529"), (200, "overloaded_error"), (503, "model_overloaded")],
        "server_error": [(500, "500"), (503, "503"), (200, "server_error"), (504, None)],
        "no_answer": [(None, "ReadTimeout"), (None, "ConnectError")],
        "refused": [(None, "budget_exceeded")],
        "other": [(400, "invalid_request_error"), (404, "404"), (200, "content_filter")],
    }
    with written(
        call(),
        call(outcome="cancelled", status=None),
        *(failed(status=status, error_type=code) for pairs in kinds.values() for status, code in pairs),
    ) as ledger:
        (line,) = ledger.failures(("provider",))
    assert {kind: getattr(line, kind) for kind in KINDS} == {kind: len(pairs) for kind, pairs in kinds.items()}
    assert (line.key, line.failed, line.attempts) == (("openai",), 17, 19)


def test_time_is_lost_until_the_next_attempt_begins() -> None:
    """The wait between them too; where none came, until the failure itself. Tokens and money count as well."""
    first = failed(status=429, error_type="429")
    second = failed(
        start=START + 21 * SECOND,
        status=500,
        error_type="500",
        attempt=2,
        retry_of=first.id,
        usage=Usage(classes={"input": 100, "output": 3}),
        cost=Cost(status="priced", amount=7),
    )
    last = call(start=START + 25 * SECOND, attempt=3, retry_of=second.id)
    alone = failed(start=START + 60 * SECOND, status=None, error_type="ReadTimeout")
    with written(first, second, last, alone) as ledger:
        (line,) = ledger.failures(("model",))
        (before,) = ledger.failures((), until=START + 10 * SECOND)
    assert (line.failed, line.retried, line.attempts) == (3, 2, 4)
    assert (line.lost_ns, line.lost_tokens, line.lost_cost) == ((21 + 4 + 1) * SECOND, 103, 7)
    assert (before.failed, before.lost_ns) == (1, 21 * SECOND)


STATUSES = st.sampled_from([None, 200, 400, 429, 500, 503, 529])
CALLS = st.builds(
    lambda provider, model, status, error: (failed if error else call)(
        provider=provider, request_model=model, status=status
    ),
    st.sampled_from(["openai", "anthropic"]),
    st.sampled_from(["a", "b"]),
    STATUSES,
    st.booleans(),
)


@given(st.lists(CALLS, max_size=12))
def test_the_kinds_add_up_whatever_failures_are_broken_down_by(calls: list[Call]) -> None:
    """To the failures, and each line to the total, which is what a report counts as errors."""
    with written(*calls) as ledger:
        report = ledger.report().total
        totals = [total_of(ledger.failures(by)) for by in ((), ("provider",), ("provider", "model"), ("tag:user",))]
    for total in totals:
        assert (total.attempts, total.failed) == (report.attempts, report.errors)
        assert sum(getattr(total, kind) for kind in KINDS) == total.failed
        assert total == totals[0]


def test_conditions_narrow_what_failed() -> None:
    """Fields and tags, and those without a tag."""
    with written(
        failed(status=429, tags={"user": "u-1"}), failed(status=429), failed(status=429, provider="anthropic")
    ) as ledger:
        assert total_of(ledger.failures(filters={"provider": "openai"})).failed == 2
        assert total_of(ledger.failures(filters={"tag:user": "u-1"})).failed == 1
        assert total_of(ledger.failures(filters={"tag:user": None})).failed == 2
