"""Spans that others make: their calls are priced once, and their usage stands on one span."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer

import outlay
import outlay.testing
from outlay.foreign import figures
from outlay.loopback import ModelHost
from outlay_integrations.exporters import genai


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Yield a model host."""
    with ModelHost() as running:
        yield running


@pytest.fixture
def provider() -> TracerProvider:
    """Return a tracer provider of the application's, with outlay's processor."""
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(outlay.SpanProcessor())
    return made


@pytest.fixture
def tracer(provider: TracerProvider) -> Tracer:
    """Return the tracer of somebody's instrumentation."""
    return provider.get_tracer("somebody")


GENAI: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1_000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.usage.cache_read.input_tokens": 400,
}
OPENINFERENCE: dict[str, Any] = {
    "openinference.span.kind": "LLM",
    "llm.system": "openai",
    "llm.model_name": "gpt-4o-mini",
    "llm.token_count.prompt": 1_000,
    "llm.token_count.completion": 100,
    "llm.token_count.prompt_details.cache_read": 400,
}


@pytest.mark.parametrize("said", [GENAI, OPENINFERENCE], ids=["gen_ai", "openinference"])
def test_a_call_that_a_span_tells_of_is_priced(tracer: Tracer, said: dict[str, Any]) -> None:
    """By either convention, with the span's own id, trace and place."""
    with outlay.testing.ledger() as ledger, tracer.start_as_current_span("outer") as outer:
        with tracer.start_as_current_span("chat", attributes=said) as span:
            pass
        (call,) = ledger.calls
    assert call.usage is not None
    assert call.usage.classes == {"input": 600, "cache_read": 400, "output": 100}
    assert str(call.cost.usd) == "0.00018"
    assert (call.provider, call.api, call.marks) == ("openai", "otel", ("told_by_span",))
    assert call.id == f"{span.get_span_context().span_id:016x}"
    assert call.parent_id == f"{outer.get_span_context().span_id:016x}"
    assert call.trace_id == f"{outer.get_span_context().trace_id:032x}"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {**GENAI, "gen_ai.operation.name": "invoke_agent"},
        {**OPENINFERENCE, "openinference.span.kind": "CHAIN"},
        {"gen_ai.request.model": "gpt-4o-mini"},
        {**GENAI, "outlay.cost.status": "priced"},
    ],
    ids=["plain", "agent", "chain", "without usage", "ours"],
)
def test_a_span_that_is_no_call_is_left_alone(tracer: Tracer, said: dict[str, Any]) -> None:
    """Usage of agents and chains is that of the calls inside."""
    with outlay.testing.ledger() as ledger:
        with tracer.start_as_current_span("x", attributes=said):
            pass
        assert ledger.calls == []


def test_counts_apart_from_the_total_are_added_to_it() -> None:
    """Anthropic's own input leaves the caches out, and some hand that on as it is."""
    found = figures({**GENAI, "gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_creation.input_tokens": 50})
    assert found is not None
    assert found.input_tokens == 460


@pytest.mark.skipif(
    "open_telemetry" not in inspect.signature(anthropic.Anthropic).parameters, reason="anthropic < 2 makes no spans"
)
def test_an_sdk_that_makes_spans_itself_is_metered_once(host: ModelHost, provider: TracerProvider) -> None:
    """The call on the wire counts; its span of ours leaves the tokens to the SDK's, and keeps the cost."""
    asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
    told: Any = {"tracer_provider": provider, "traces": True}
    with (
        outlay.testing.ledger(hosts={f"127.0.0.1:{host.port}": "anthropic"}) as ledger,
        anthropic.Anthropic(api_key="none", base_url=host.anthropic_url, open_telemetry=told) as client,
    ):
        client.messages.create(**asked)
        (call,) = ledger.calls
    assert "others_span" in call.marks
    assert call.usage is not None
    attributes = genai.attributes(call)
    assert [name for name in attributes if name.startswith("gen_ai.usage")] == []
    assert attributes["outlay.cost.total_usd"] == float(call.cost.usd or 0) > 0


def test_a_span_that_ends_where_outlay_was_not_started_does_no_harm(tracer: Tracer, tmp_path: Path) -> None:
    """Nothing is kept anywhere."""
    assert not list(tmp_path.iterdir())
    with tracer.start_as_current_span("chat", attributes=GENAI):
        pass


@pytest.mark.parametrize("tokens", [-5, 10**13])
def test_a_span_whose_usage_cannot_be_is_a_call_of_unknown_cost(tracer: Tracer, tokens: int) -> None:
    """That there was one is true all the same."""
    with outlay.testing.ledger() as ledger:
        with tracer.start_as_current_span("chat", attributes=GENAI | {"gen_ai.usage.output_tokens": tokens}):
            pass
        (call,) = ledger.calls
    assert (call.usage, call.cost.status, call.marks) == (None, "unknown", ("told_by_span", "usage_invalid"))


def test_an_error_that_is_told_as_a_number_is_kept_as_text(tracer: Tracer) -> None:
    """A status, say: against the conventions, and no reason to lose the call."""
    with outlay.testing.ledger() as ledger:
        with tracer.start_as_current_span("chat", attributes=GENAI | {"error.type": 429}):
            pass
        (call,) = ledger.calls
    assert (call.outcome, call.error_type, call.usage is not None) == ("error", "429", True)


def test_a_span_that_ends_before_it_began_is_a_call(tracer: Tracer) -> None:
    """Somebody has set the clock back meanwhile."""
    with outlay.testing.ledger() as ledger:
        tracer.start_span("chat", attributes=GENAI, start_time=2_000_000_000).end(1_000_000_000)
        (call,) = ledger.calls
    assert (call.start, call.duration) == (2_000_000_000, 0)
