"""OpenAI's chat completions and responses, which many other hosts speak too, some with words of their own."""

from __future__ import annotations

from typing import Any

from outlay.content.parts import Part, Said, Trim, objects, other, text, thought, tool_answer, tool_call

TEXTS = frozenset(("text", "input_text", "output_text", "refusal", "summary_text", "reasoning_text"))
THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""What hosts call the thoughts beside an answer, which OpenAI's own chats keep to themselves; the first counts."""


def request_of_chat(body: dict[str, Any], trim: Trim) -> Said:
    """Return the messages of a chat."""
    return Said(messages=[_message(one, trim) for one in objects(body.get("messages"))])


def _message(one: dict[str, Any], trim: Trim) -> dict[str, Any]:
    if one.get("role") == "tool":
        parts = [tool_answer(one.get("tool_call_id"), one.get("content"), trim)]
    else:
        parts = [thought(_text(one[name]), trim) for name in THOUGHTS if one.get(name)][:1]
        parts += [*_parts(one.get("content"), trim), *_calls(one.get("tool_calls"), trim)]
        parts += [other("image") for _ in _list(one.get("images"))]
    return {"role": one.get("role"), "parts": parts}


def _parts(content: Any, trim: Trim) -> list[Part]:
    if isinstance(content, str):
        return [text(content, trim)] if content else []
    return [_part(part, trim) for part in objects(content)]


def _part(part: dict[str, Any], trim: Trim) -> Part:
    kind = part.get("type")
    if kind in TEXTS:
        return text(part.get("text") or part.get("refusal") or "", trim)
    return thought(_text(part.get("thinking")), trim) if kind == "thinking" else other(kind)


def _text(told: Any) -> str:
    """Return what a model thought, which some tell in parts."""
    return "".join(_word(part.get("text")) for part in objects(told)) if isinstance(told, list) else _word(told)


def _calls(calls: Any, trim: Trim) -> list[Part]:
    found = [(call.get("id"), call.get("function")) for call in objects(calls)]
    return [
        tool_call(number, function.get("name"), function.get("arguments") or "", trim)
        for number, function in found
        if isinstance(function, dict)
    ]


def answer_of_chat(answers: list[dict[str, Any]], streamed: bool, trim: Trim) -> list[Any]:  # noqa: FBT001 - as the table calls it
    """Return the choices of an answer, or of a stream's events."""
    choices = _joined(answers) if streamed else objects(answers[0].get("choices"))
    return [
        {
            **_message({"role": "assistant", **_object(one.get("message"))}, trim),
            "finish_reason": one.get("finish_reason"),
        }
        for one in choices
    ]


def _joined(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the choices that the events of a stream add up to."""
    choices: dict[Any, dict[str, Any]] = {}
    for piece in (piece for event in events for piece in objects(event.get("choices"))):
        choice = choices.setdefault(piece.get("index"), {"message": {"content": "", "tool_calls": []}})
        delta, message = _object(piece.get("delta")), choice["message"]
        message["content"] += _word(delta.get("content"))
        for name in THOUGHTS:
            if delta.get(name):
                message[name] = _word(message.get(name)) + _text(delta[name])
        choice["finish_reason"] = piece.get("finish_reason") or choice.get("finish_reason")
        for call in objects(delta.get("tool_calls")):
            _add_call(message["tool_calls"], call)
    return list(choices.values())


def _add_call(calls: list[dict[str, Any]], call: dict[str, Any]) -> None:
    function = _object(call.get("function"))
    if call.get("id") or not calls:
        calls.append({"id": call.get("id"), "function": {"name": function.get("name"), "arguments": ""}})
    calls[-1]["function"]["arguments"] += _word(function.get("arguments"))


def request_of_responses(body: dict[str, Any], trim: Trim) -> Said:
    """Return the instructions and the input of a response."""
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else objects(given)
    instructions = body.get("instructions")
    return Said(
        system=[text(instructions, trim)] if isinstance(instructions, str) else [],
        messages=[_item(one, trim) for one in items],
    )


def _item(one: dict[str, Any], trim: Trim) -> dict[str, Any]:
    kind = one.get("type", "message")
    if kind == "message":
        return {"role": one.get("role", "assistant"), "parts": _parts(one.get("content"), trim)}
    if kind == "function_call":
        part = tool_call(one.get("call_id"), one.get("name"), one.get("arguments") or "", trim)
        return {"role": "assistant", "parts": [part]}
    if kind == "function_call_output":
        return {"role": "tool", "parts": [tool_answer(one.get("call_id"), one.get("output"), trim)]}
    if kind == "reasoning":
        summaries = [thought(part.get("text") or "", trim) for part in objects(one.get("summary"))]
        return {"role": "assistant", "parts": summaries}
    return {"role": "assistant", "parts": [other(kind)]}


def answer_of_responses(answers: list[dict[str, Any]], streamed: bool, trim: Trim) -> list[Any]:  # noqa: FBT001 - as above
    """Return the output of a response; a stream tells it whole in its last event, or else in pieces of text."""
    final = [_object(one.get("response")) for one in answers if one.get("type") in _FINAL] if streamed else answers
    if final:
        return [_item(one, trim) for one in objects(final[-1].get("output"))]
    pieces = "".join(str(one.get("delta", "")) for one in answers if one.get("type") == "response.output_text.delta")
    return [{"role": "assistant", "parts": [text(pieces, trim)]}] if pieces else []


_FINAL = ("response.completed", "response.incomplete", "response.failed")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
