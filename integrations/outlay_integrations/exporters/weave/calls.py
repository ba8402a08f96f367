"""Records as Weave's calls."""

from __future__ import annotations

import json
from typing import Any

from outlay.integration import Batch, Call, Content, Span, Usage
from outlay_integrations.exporters import genai
from outlay_integrations.exporters.costs import costs
from outlay_integrations.exporters.ids import moment, uuid_of


def call(batch: Batch, record: Call | Span, project: str, difference: str | None = None) -> dict[str, Any]:
    """Return the call of ``record``, whole: it is sent once, when it has ended.

    ``project``: ``entity/project``. ``difference``: why the cost that Weave computes is not ours, if it is not.
    """
    above = batch.lineage(record)
    session = record.tags.get("session")
    attributes, summary = _attributes(record), {"status_counts": {"success": 1, "error": 0}}
    found: dict[str, Any] = {
        "project_id": project,
        "id": str(uuid_of(record)),
        "trace_id": record.trace_id or record.id * 2,  # who was forgotten has no trace any more
        "parent_id": str(uuid_of(above[-1])) if above else None,
        "op_name": record.name if isinstance(record, Span) else f"outlay.{record.operation}",
        "display_name": genai.name(record),
        "started_at": moment(record.start).isoformat(),
        "ended_at": moment(max(record.end, record.start)).isoformat(),
        "thread_id": session,
        "turn_id": str(uuid_of(above[0] if above else record)) if session else None,
        "attributes": attributes,
        "inputs": {},
        "output": None,
        "summary": summary,
    }
    if error := _error(record):
        found["exception"] = error
        summary["status_counts"] = {"success": 0, "error": 1}
    if isinstance(record, Call):
        _add_call(found, record, difference)
        _add_content(found, record, batch.content.get(record.id))
    return found


def model_of(call: Call) -> str:
    """Return the name that Weave counts and prices a call's tokens under."""
    return call.response_model or call.request_model or "unknown"


def _error(record: Call | Span) -> str | None:
    if isinstance(record, Span):
        return record.error_type
    return (record.error_type or record.outcome) if record.outcome in genai.FAILED else None


def _attributes(record: Call | Span) -> dict[str, Any]:
    own = {
        "id": record.id,
        "trace_id": record.trace_id,
        "project": record.project or None,
        "feature": record.feature or None,
        "path": record.path or None,
        "release": record.release,
    }
    tags = {name.replace(".", "_"): value for name, value in record.tags.items()}
    kind = "function" if isinstance(record, Span) else "llm"
    return {**tags, "kind": kind, "outlay": {name: value for name, value in own.items() if value is not None}}


def _add_call(found: dict[str, Any], call: Call, difference: str | None) -> None:
    attributes, own = found["attributes"], found["attributes"]["outlay"]
    known = {
        "provider": call.provider,
        "stream": call.streamed or None,
        "finish_reasons": list(call.finish_reasons) or None,
        "response_id": call.response_id,
    }
    attributes |= {name: value for name, value in known.items() if value is not None}
    usage = call.usage
    told = {
        "outcome": call.outcome,
        "attempt": call.attempt,
        "cost_status": call.cost.status,
        "cost_source": call.cost.source,
        "weave_cost": difference,
        "ttft_ms": None if call.first_chunk is None else call.first_chunk / 1e6,
        "usage_estimated": True if usage is not None and usage.estimated else None,
        "cache_write_1h_input_tokens": None if usage is None else usage.cache_write_1h_input_tokens or None,
        "reasoning_output_tokens": None if usage is None else usage.reasoning_output_tokens or None,
    }
    own |= {name: value for name, value in told.items() if value is not None}
    if (cost := costs(call)) is not None:
        own["cost_usd"] = cost.total
        found["summary"]["outlay"] = {"cost_usd": cost.total}
    if usage is not None:
        found["summary"]["usage"] = {model_of(call): _usage(usage)}


def _usage(usage: Usage) -> dict[str, int]:
    """Return what Weave counts; under these names alone, since it adds those of other SDKs to them."""
    return {
        "requests": 1,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "cache_read_input_tokens": usage.cache_read_input_tokens,
        "cache_creation_input_tokens": usage.cache_write_input_tokens,
    }


def _add_content(found: dict[str, Any], call: Call, content: Content | None) -> None:
    if call.request_model:
        found["inputs"]["model"] = call.request_model
    if content is not None:
        said = {"system_instructions": content.system_instructions, "messages": content.input_messages}
        found["inputs"] |= {name: json.loads(text) for name, text in said.items() if text}
        found["output"] = json.loads(content.output_messages) if content.output_messages else None
        if content.truncated:
            found["attributes"]["outlay"]["content_truncated"] = True
