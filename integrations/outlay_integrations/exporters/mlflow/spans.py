"""Records as MLflow reads them from OTLP spans: types, usage, cost, and on a trace's root its name and tags.

Usage and cost are JSON texts; MLflow adds them up over a trace. Where the cost is left out it may put one of its own
price list there, so a call whose cost is not known says so in ``outlay.cost.status``, and its trace in a tag.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from outlay.integration import Batch, Call, Span, Usage
from outlay_integrations.exporters import genai
from outlay_integrations.exporters.costs import costs
from outlay_integrations.exporters.otlp.spans import span
from outlay_integrations.exporters.trees import parent_of

SPAN_TYPE = "mlflow.spanType"
USAGE = "mlflow.chat.tokenUsage"
COST = "mlflow.llm.cost"
TRACE_TAG = "mlflow.traceTag."
SESSION_LENGTH = 250
"""Characters of a session, past which MLflow refuses the whole request."""

TYPES = {"chat": "CHAT_MODEL", "embeddings": "EMBEDDING", "rerank": "RERANKER"}
"""MLflow's type of a span by the operation; a model of any other is an LLM, a tracked function a CHAIN."""


def spans(batch: Batch, *, adopt: bool) -> list[ReadableSpan]:
    """Return the spans of ``batch``; with ``adopt``, one whose parent goes elsewhere is a trace's root."""
    made = []
    for record in batch.records:
        parent = parent_of(batch, record) if adopt else record.parent_id
        found = genai.attributes(record, batch.content.get(record.id)) | dict(_own(record))
        if genai.SESSION in found:
            found[genai.SESSION] = found[genai.CONVERSATION] = str(found[genai.SESSION])[:SESSION_LENGTH]
        if parent is None:
            found |= _root(record, batch)
        made.append(span(record, found, Resource({"service.name": record.project or "outlay"}), parent))
    return made


def _own(record: Call | Span) -> Iterator[tuple[str, genai.Value]]:
    yield SPAN_TYPE, "CHAIN" if isinstance(record, Span) else TYPES.get(record.operation, "LLM")
    if isinstance(record, Span):
        return
    yield "mlflow.llm.provider", record.provider
    if model := record.response_model or record.request_model:
        yield "mlflow.llm.model", model
    if record.usage is not None:
        yield USAGE, json.dumps(_usage(record.usage))
    if (cost := costs(record)) is not None:
        yield COST, json.dumps({"input_cost": cost.input, "output_cost": cost.output, "total_cost": cost.total})


def _usage(usage: Usage) -> dict[str, int]:
    parts = {
        "cache_read_input_tokens": usage.cache_read_input_tokens,
        "cache_creation_input_tokens": usage.cache_write_input_tokens,
        "cache_creation_input_tokens_above_1hr": usage.cache_write_1h_input_tokens,
    }
    totals = {name: getattr(usage, name) for name in ("input_tokens", "output_tokens", "total_tokens")}
    return totals | {name: count for name, count in parts.items() if count}


def _root(record: Call | Span, batch: Batch) -> dict[str, genai.Value]:
    inside = [call for call in batch.calls if call.trace_id == record.trace_id]
    unpriced = sum(call.cost.status in ("unknown", "partial") for call in inside)
    tags = {
        **record.tags,
        "mlflow.traceName": genai.name(record),
        "outlay.project": record.project,
        "outlay.feature": record.feature,
        "outlay.release": record.release or "",
        "outlay.unpriced_calls": str(unpriced) if unpriced else "",
    }
    return {TRACE_TAG + name: value for name, value in tags.items() if value}
