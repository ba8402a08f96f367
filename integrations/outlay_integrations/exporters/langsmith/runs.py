"""Records as LangSmith's runs."""

from __future__ import annotations

import json
from typing import Any

from outlay.integration import Batch, Call, Content, Span, Usage
from outlay_integrations.exporters import genai
from outlay_integrations.exporters.costs import costs
from outlay_integrations.exporters.ids import moment, uuid_of

TYPES = {"embeddings": "embedding", "rerank": "retriever"}
"""LangSmith's type of a run by the operation; any other call is an ``llm``, a tracked function a ``chain``."""

PROVIDERS = {
    "aws.bedrock": "amazon_bedrock",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google_genai",
    "gcp.vertex_ai": "google_vertexai",
    "mistral_ai": "mistral",
    "x_ai": "xai",
}
"""What LangSmith calls a provider, where it does not as we do."""

Run = dict[str, Any]


def run(batch: Batch, record: Call | Span, project: str) -> Run:
    """Return the run of ``record``, whole: it is sent once, when it has ended.

    Its trace is the one of the outermost span that is known; ids and order are the same each time.
    """
    above = batch.lineage(record)
    found: Run = {
        "id": uuid_of(record),
        "trace_id": uuid_of(above[0] if above else record),
        "parent_run_id": uuid_of(above[-1]) if above else None,
        "dotted_order": _order(*above, record),
        "session_name": project,
        "name": genai.name(record),
        "start_time": moment(record.start),
        "end_time": moment(max(record.end, record.start)),
        "inputs": {},
        "extra": {"metadata": _metadata(record), "runtime": {"library": "outlay"}},
    }
    if isinstance(record, Span):
        return found | {"run_type": "chain", "error": record.error_type}
    return found | _call(record) | _content(record, batch.content.get(record.id))


def _order(*lineage: Call | Span) -> str:
    """Return the last one's place in its trace: the start and the id of each from the root on, which sort as a tree."""
    return ".".join(f"{moment(one.start):%Y%m%dT%H%M%S%fZ}{uuid_of(one)}" for one in lineage)


def _call(call: Call) -> Run:
    found: Run = {"run_type": TYPES.get(call.operation, "llm")}
    if call.outcome in genai.FAILED:
        found["error"] = call.error_type or call.outcome
    if call.first_chunk is not None:
        found["events"] = [{"name": "new_token", "time": moment(call.start + call.first_chunk).isoformat()}]
    if call.cost.status in ("unknown", "partial"):
        found["tags"] = [f"cost:{call.cost.status}"]
    return found


def _metadata(record: Call | Span) -> dict[str, Any]:
    found: dict[str, Any] = {
        **record.tags,
        "session_id": record.tags.get("session"),
        "user_id": record.tags.get("user"),
        "outlay_project": record.project or None,
        "outlay_feature": record.feature or None,
        "outlay_path": record.path or None,
        "outlay_release": record.release,
        "outlay_id": record.id,
        "outlay_trace_id": record.trace_id or None,
    }
    if isinstance(record, Call):
        found |= _model(record)
        if record.usage is not None:
            found["usage_metadata"] = _usage(record.usage) | _costs(record)
    return {name: value for name, value in found.items() if value is not None}


def _model(call: Call) -> dict[str, Any]:
    return {
        "ls_provider": PROVIDERS.get(call.provider, call.provider),
        "ls_model_name": call.response_model or call.request_model,
        "ls_model_type": "chat" if call.operation == "chat" else None,
        "ls_invocation_params": {"model": call.request_model} if call.request_model else None,
        "response_id": call.response_id,
        "finish_reasons": list(call.finish_reasons) or None,
        "stream": call.streamed or None,
        "outlay_outcome": call.outcome,
        "outlay_attempt": call.attempt,
        "outlay_cost_status": call.cost.status,
        "outlay_cost_source": call.cost.source,
        "outlay_unpriced": list(call.cost.unpriced) or None,
        "outlay_usage_estimated": True if call.usage is not None and call.usage.estimated else None,
    }


def _usage(usage: Usage) -> dict[str, Any]:
    read, written = usage.cache_read_input_tokens, usage.cache_write_input_tokens
    hour = usage.cache_write_1h_input_tokens
    inputs = {
        "cache_read": read,
        "cache_creation": written,
        "ephemeral_5m_input_tokens": written - hour if hour else 0,
        "ephemeral_1h_input_tokens": hour,
        "audio": int(usage.classes.get("input_audio", 0)),
    }
    outputs = {
        "reasoning": usage.reasoning_output_tokens,
        "audio": int(usage.classes.get("output_audio", 0)),
    }
    found: dict[str, Any] = {name: getattr(usage, name) for name in ("input_tokens", "output_tokens", "total_tokens")}
    details = {"input_token_details": inputs, "output_token_details": outputs}
    return found | _filled(details)


def _costs(call: Call) -> dict[str, Any]:
    """Return what is known of a call's cost: three floats and their parts, or nothing at all."""
    cost, parts = costs(call), call.cost.by_class
    if cost is None:
        return {}
    found: dict[str, Any] = {"input_cost": cost.input, "output_cost": cost.output, "total_cost": cost.total}
    if cost.shared:
        return found

    def dollars(*classes: str) -> float:
        return sum(parts.get(name, 0) for name in classes) / 1e12

    inputs = {
        "cache_read": dollars("cache_read", "cache_read_audio", "cache_read_image"),
        "cache_creation": dollars("cache_write_5m", "cache_write_1h", "cache_write_12h"),
        "audio": dollars("input_audio"),
    }
    outputs = {"reasoning": dollars("reasoning"), "audio": dollars("output_audio")}
    return found | _filled({"input_cost_details": inputs, "output_cost_details": outputs})


def _filled(details: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the details that there are any of."""
    kept = {name: {part: value for part, value in found.items() if value} for name, found in details.items()}
    return {name: found for name, found in kept.items() if found}


def _content(call: Call, content: Content | None) -> Run:
    """Return what was said, as messages of a role and a text each; without content, the model that was asked."""
    inputs: dict[str, Any] = {"model": call.request_model} if call.request_model else {}
    outputs: dict[str, Any] = {}
    if content is not None:
        instructions = _parts(content.system_instructions)
        system = [{"role": "system", "parts": instructions}] if instructions else []
        if messages := [*system, *_parts(content.input_messages)]:
            inputs["messages"] = [_message(message) for message in messages]
        if answers := _parts(content.output_messages):
            outputs["messages"] = [_message(message) for message in answers]
    return {"inputs": inputs, "outputs": outputs} if outputs else {"inputs": inputs}


def _parts(text: str) -> list[Any]:
    found = json.loads(text) if text else []
    return found if isinstance(found, list) else [found]


def _message(message: Any) -> Any:
    """Return a message of OpenTelemetry's as LangSmith shows one; what is not only text stays as it is."""
    parts = message.get("parts") if isinstance(message, dict) else None
    if not parts or not all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        return message
    return {"role": message.get("role", ""), "content": "\n".join(str(part.get("content", "")) for part in parts)}
