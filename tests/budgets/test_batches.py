"""A batch is asked about when it is submitted, and counted once, when its output is fetched."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx
import openai
import pytest

import outlay
import outlay.testing
from outlay.errors import BudgetExceeded
from outlay.loopback import Behaviour
from tests.budgets.double import CountingGate, gated
from tests.conformance import batch_shapes
from tests.conformance.batch_shapes import Job
from tests.conformance.canned import Canned, FieldHost
from tests.conformance.gemini_batches import GEMINI_JOBS
from tests.conformance.runs import address

JOBS = batch_shapes.JOBS | GEMINI_JOBS
INLINE = {name: job for name, job in JOBS.items() if name.startswith(("anthropic", "gemini"))}

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # google-genai leaves a client to the collector
    pytest.mark.filterwarnings("ignore:batches.create_embeddings"),
]


def metered(job: Job, host: Any, **budget: Any) -> Any:
    """Meter under a budget that blocks."""
    given = outlay.Budget("strict", limit=1, block=True, **budget)
    return outlay.testing.ledger(hosts={address(host): job.provider}, budgets=(given,))


@pytest.mark.parametrize("name", [name for name in JOBS if name not in INLINE])
def test_a_batch_whose_requests_are_in_a_file_follows_the_budgets_policy(name: str) -> None:
    """Nothing in its submission bounds it: it is refused, unless the budget has a ceiling for it, or allows it."""
    job = JOBS[name]
    with job.host() as host:
        with metered(job, host) as ledger, pytest.raises(BudgetExceeded, match="file that the provider keeps"):
            job.submit(host)
        assert host.requests == []
        assert [(call.outcome, call.error_type, call.cost.amount) for call in ledger.calls] == [
            ("error", "budget_exceeded", 0)
        ]
        for policy in ({"ceiling": "0.50"}, {"unbounded": "allow"}):
            with metered(job, host, **policy) as ledger:
                job.submit(host)
                assert ledger.calls == []
        assert len(host.requests) == 2


@pytest.mark.parametrize("name", INLINE)
def test_a_batch_that_holds_its_requests_is_bounded_by_them(name: str) -> None:
    """Each by its own model, text and limit; it is not rewritten."""
    job, gate = JOBS[name], CountingGate()
    with job.host() as host, gated(gate, host, job.provider):
        job.submit(host)
        ask = gate.only
        assert ask.unbounded is None
        assert (ask.quote() or 0) > 0
        assert (ask.can_limit, ask.can_downgrade) == (False, False)


def test_requests_of_a_batch_are_added_up() -> None:
    """Twice the requests may cost twice as much."""
    job, gate = JOBS["anthropic"], CountingGate()
    asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "What?"}]}
    with (
        job.host() as host,
        gated(gate, host, job.provider),
        anthropic.Anthropic(api_key="none", base_url=host.url, max_retries=0) as client,
    ):
        for count in (1, 2):
            batch_shapes._batches(client).create(  # noqa: SLF001 - where this SDK has them
                requests=[{"custom_id": f"mine-{number}", "params": asked} for number in range(count)]
            )
    one, two = (ask.quote() for ask in gate.asks)
    assert one
    assert two == 2 * one


@pytest.mark.parametrize("job", [
    pytest.param(job, id=name, marks=() if name in ("openai", "anthropic", "gemini") else pytest.mark.slow)
    for name, job in JOBS.items()
])  # fmt: skip
def test_what_a_batch_may_cost_is_held_until_its_output_is_counted(job: Job) -> None:
    """Fetched twice, it is counted once."""
    gate = CountingGate()
    with job.host() as host, gated(gate, host, job.provider) as ledger:
        job.submit(host)
        assert (len(gate.held), gate.settled) == (1, [])
        for _ in range(2):
            job.fetch(host)
            ledger.settle()
        assert (gate.held, gate.settled) == ({}, [0])
        assert gate.counted == sum(call.cost.amount or 0 for call in ledger.calls)


def test_a_batch_that_was_not_taken_on_costs_nothing() -> None:
    """The provider has said so."""
    job, gate = JOBS["openai"], CountingGate()
    with job.host() as host, gated(gate, host, job.provider):
        host.script("500")
        with pytest.raises(openai.InternalServerError):
            job.submit(host)
        assert (gate.held, gate.settled) == ({}, [0])


def status(job: str, **said: Any) -> tuple[str, str, Any]:
    """Return a job, the path of its own object, and what that says of it now."""
    canned = next(answer for answer in JOBS[job].answers if answer.method == "POST")
    metadata = {**canned.body.get("metadata", {}), **said.pop("metadata", {})}
    path = {"openai": "/batches/batch_1", "mistral": "/v1/batch/jobs/job_1", "gemini": "/v1beta/batches/b1"}
    return job, path.get(job, "/v1/messages/batches/msgbatch_1"), {**canned.body, "metadata": metadata, **said}


def counts(completed: int) -> dict[str, int]:
    """Return OpenAI's counts of three requests."""
    return {"total": 3, "completed": completed, "failed": 3 - completed}


NONE = {"processing": 0, "succeeded": 0, "errored": 1, "canceled": 2, "expired": 0}
OVER = {
    "failed": status("openai", status="failed"),
    "failed, and shouted": status("openai", status="FAILED"),
    "cancelled": status("openai", status="cancelled", request_counts=counts(0)),
    "nothing but errors": status("openai", status="completed", error_file_id="file-err", request_counts=counts(0)),
    "anthropic": status("anthropic", processing_status="ended", request_counts=NONE),
    "mistral": status("mistral", status="TIMEOUT_EXCEEDED"),
    "gemini": status("gemini", done=True, metadata={"state": "BATCH_STATE_FAILED"}, error={"code": 3}),
}
BILLED = {
    "in progress": status("openai", status="in_progress", request_counts=counts(0)),
    "to be cancelled": status("openai", status="cancelling", request_counts=counts(0)),
    "cancelled too late": status("openai", status="cancelled", output_file_id="file-out", request_counts=counts(1)),
    "expired": status("openai", status="expired", output_file_id="file-out"),
    "anthropic": status("anthropic", processing_status="canceling", request_counts=NONE),
    "anthropic, in part": status("anthropic", processing_status="ended", request_counts={**NONE, "succeeded": 1}),
    "mistral": status("mistral", status="CANCELLED", succeeded_requests=1, output_file="file-out"),
    "gemini": status("gemini", metadata={"state": "BATCH_STATE_RUNNING"}),
}


@pytest.mark.parametrize(("name", "path", "said", "held"), [
    pytest.param(*said, held, id=f"{name}: {'held' if held else 'given back'}")
    for held, told in enumerate((OVER, BILLED)) for name, said in told.items()
])  # fmt: skip
def test_what_is_held_for_a_batch_is_given_back_when_it_is_over_with_nothing_billed(
    name: str, path: str, said: Any, held: int
) -> None:
    """As soon as an answer says so, whoever asked; for as long as any of it may be billed it is held."""
    job, gate = JOBS[name], CountingGate()
    with FieldHost((Canned(path, said, method="GET"), *job.answers)) as host, gated(gate, host, job.provider) as ledger:
        job.submit(host)
        httpx.get(f"{host.url}{path}").raise_for_status()
        ledger.settle()
        assert (len(gate.held), gate.settled) == (held, [] if held else [0])


def test_what_is_held_for_a_batch_is_given_back_at_the_end() -> None:
    """Another process will fetch its output, and counts it."""
    job, gate = JOBS["openai"], CountingGate()
    with job.host() as host, gated(gate, host, job.provider):
        job.submit(host)
        assert len(gate.held) == 1
    assert (gate.held, gate.settled) == ({}, [0])


def test_a_batch_of_which_nobody_knows_whether_it_was_taken_on_stays_spent() -> None:
    """As any call whose answer never came."""
    job, gate = JOBS["openai"], CountingGate()
    with job.host() as host:
        host.script(Behaviour(cut_at=0))
        with gated(gate, host, job.provider), pytest.raises(openai.APIConnectionError):
            job.submit(host)
    assert (gate.held, gate.settled) == ({}, [None])
