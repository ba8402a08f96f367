"""Anthropic's messages."""

from __future__ import annotations

from typing import Any

from outlay.content.parts import Part, Said, Trim, objects, other, text, thought, tool_answer, tool_call


def request_of_messages(body: dict[str, Any], trim: Trim) -> Said:
    """Return the system prompt, which stands apart, and the messages."""
    return Said(
        system=_parts(body.get("system"), trim),
        messages=[
            {"role": one.get("role"), "parts": _parts(one.get("content"), trim)}
            for one in objects(body.get("messages"))
        ],
    )


def _parts(content: Any, trim: Trim) -> list[Part]:
    if isinstance(content, str):
        return [text(content, trim)] if content else []
    return [_part(one, trim) for one in objects(content)]


def _part(one: dict[str, Any], trim: Trim) -> Part:
    kind = one.get("type")
    if kind == "text":
        return text(one.get("text") or "", trim)
    if kind == "thinking":
        return thought(one.get("thinking") or "", trim)
    if kind in ("tool_use", "server_tool_use"):
        return tool_call(one.get("id"), one.get("name"), one.get("input"), trim)
    if kind == "tool_result":
        return tool_answer(one.get("tool_use_id"), _texts(one.get("content")), trim)
    return other(kind)


def _texts(content: Any) -> Any:
    """Return a tool's answer, whose pictures are left out."""
    if not isinstance(content, list):
        return content
    return [one.get("text") if one.get("type") == "text" else {"type": one.get("type")} for one in objects(content)]


def answer_of_messages(answers: list[dict[str, Any]], streamed: bool, trim: Trim) -> list[Any]:  # noqa: FBT001 - as the table calls it
    """Return the answer's one message, or what a stream's events add up to."""
    answer = _joined(answers) if streamed else answers[0]
    if "content" not in answer:
        return []
    return [{"role": "assistant", "parts": _parts(answer["content"], trim), "finish_reason": answer.get("stop_reason")}]


_PIECES = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_FIELDS = {"text": "text", "thinking": "thinking", "partial_json": "input"}


def _joined(events: list[dict[str, Any]]) -> dict[str, Any]:
    blocks: dict[Any, dict[str, Any]] = {}
    reason = None
    for event in events:
        delta = event.get("delta")
        if event.get("type") == "content_block_start" and isinstance(event.get("content_block"), dict):
            block = dict(event["content_block"])
            if block.get("type") in ("tool_use", "server_tool_use"):
                block["input"] = ""  # it comes in pieces
            blocks[event.get("index")] = block
        elif isinstance(delta, dict) and event.get("type") == "content_block_delta":
            piece, block = _PIECES.get(delta.get("type", "")), blocks.setdefault(event.get("index"), {"type": "text"})
            if piece is not None:
                field = _FIELDS[piece]
                block[field] = str(block.get(field) or "") + str(delta.get(piece) or "")
        elif isinstance(delta, dict) and event.get("type") == "message_delta":
            reason = delta.get("stop_reason")
    return {"content": list(blocks.values()), "stop_reason": reason}
