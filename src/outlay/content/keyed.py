"""Formats whose parts are named by a key, as tables: Gemini's and Bedrock's Converse.

A part is ``{"text": …}``, ``{"functionCall": {…}}``: what the key is tells what the part is.
https://ai.google.dev/api/caching#Part,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from outlay.content.parts import Part, Said, Trim, objects, other, text, thought, tool_answer, tool_call
from outlay.content.texts import values

Message = dict[str, Any]


class Keyed(msgspec.Struct, frozen=True, kw_only=True):
    """Where messages stand, and what the keys of their parts mean."""

    system: str
    """Path of the parts of the system prompt."""
    messages: str
    parts: str
    """Key of a message's parts."""
    roles: Mapping[str, str] = {}
    """What roles are called here → what OpenTelemetry calls them."""
    thoughts: tuple[str, ...] = ()
    """Paths in a part of what a model thought; or of ``True``, where the part's own text is that."""
    calls: Mapping[str, tuple[str, str, str]]
    """Key of a tool's call → keys of its id, its name and its arguments."""
    answers: Mapping[str, tuple[str, str]]
    """Key of a tool's answer → keys of its id and its content."""
    answer: str
    """Path of what answers, a message each, in the answer."""
    message: str
    """Path of the message in it."""
    finish: str
    """Key of the reason for its end, in it."""

    def request(self, body: dict[str, Any], trim: Trim) -> Said:
        """Return what a request says."""
        told = [one for path in (self.messages, f"{self.messages}.*") for one in values(body, path)]
        return Said(
            system=[self._part(one, trim) for one in objects([*values(body, f"{self.system}.*")])],
            messages=[self._message(one, trim) for one in objects(told)],
        )

    def answered(self, answers: list[dict[str, Any]], streamed: bool, trim: Trim) -> list[Any]:  # noqa: ARG002, FBT001 - as the table calls it
        """Return what an answer says; of a stream each event is an answer in pieces."""
        found: dict[Any, dict[str, Any]] = {}
        for place, one in (pair for event in answers for pair in enumerate(objects([*values(event, self.answer)]))):
            message = next(iter(objects([*values(one, self.message)])), {})
            choice = found.setdefault(one.get("index", place), {"role": "assistant", "parts": []})
            _join(choice["parts"], objects(message.get(self.parts)))
            choice["finish_reason"] = one.get(self.finish) or choice.get("finish_reason")
        return [
            {"role": "assistant", "parts": [self._part(part, trim) for part in one["parts"]],
             "finish_reason": one["finish_reason"]}
            for one in found.values()
            if one["parts"]
        ]  # fmt: skip

    def _message(self, one: Message, trim: Trim) -> Message:
        role = one.get("role") or "user"
        parts = [self._part(part, trim) for part in objects(one.get(self.parts))]
        return {"role": self.roles.get(role, role) if isinstance(role, str) else "user", "parts": parts}

    def _part(self, one: dict[str, Any], trim: Trim) -> Part:
        for found in (found for path in self.thoughts for found in values(one, path) if found):
            return thought(found if isinstance(found, str) else one.get("text") or "", trim)
        for key, (number, name, arguments) in self.calls.items():
            if isinstance(call := one.get(key), dict):
                return tool_call(call.get(number), call.get(name), call.get(arguments), trim)
        for key, (number, content) in self.answers.items():
            if isinstance(told := one.get(key), dict):
                return tool_answer(told.get(number), _texts(told.get(content)), trim)
        if isinstance(one.get("text"), str):
            return text(one["text"], trim)
        return other(next(iter(one), None))


def _texts(content: Any) -> Any:
    """Return a tool's answer, whose pictures and documents are left out."""
    if not isinstance(content, list):
        return content
    return [one.get("text", one.get("json", {"type": next(iter(one), None)})) for one in objects(content)]


def _join(parts: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    """Add the parts of an event; a text that goes on with the one before is joined to it."""
    for one in more:
        last = parts[-1] if parts else {}
        if isinstance(one.get("text"), str) and isinstance(last.get("text"), str) and _rest(one) == _rest(last):
            last["text"] += one["text"]
        else:
            parts.append(dict(one))


def _rest(part: dict[str, Any]) -> Any:
    return part.get("thought")


GEMINI = Keyed(
    system="systemInstruction.parts",
    messages="contents",
    parts="parts",
    roles={"model": "assistant", "function": "tool"},
    thoughts=("thought",),
    calls={"functionCall": ("id", "name", "args"), "executableCode": ("id", "language", "code")},
    answers={"functionResponse": ("id", "response"), "codeExecutionResult": ("id", "output")},
    answer="candidates.*",
    message="content",
    finish="finishReason",
)

CONVERSE = Keyed(
    system="system",
    messages="messages",
    parts="content",
    thoughts=("reasoningContent.reasoningText.text",),
    calls={"toolUse": ("toolUseId", "name", "input")},
    answers={"toolResult": ("toolUseId", "content")},
    answer="answer",
    message="output.message",
    finish="stopReason",
)


def answer_of_converse(answers: list[dict[str, Any]], streamed: bool, trim: Trim) -> list[Any]:  # noqa: FBT001 - as the table calls it
    """Return the answer's one message, or what a stream's events add up to."""
    whole = _added(answers) if streamed else answers[0]
    return CONVERSE.answered([{"answer": whole}], streamed, trim)


def _added(events: list[dict[str, Any]]) -> dict[str, Any]:
    blocks: dict[Any, dict[str, Any]] = {}
    reason = None
    for event in events:
        for name, told in ((name, told) for name, told in event.items() if isinstance(told, dict)):
            if name == "contentBlockStart":
                blocks[told.get("contentBlockIndex")] = _begun(told.get("start"))
            elif name == "contentBlockDelta":
                _add(blocks.setdefault(told.get("contentBlockIndex"), {}), told.get("delta"))
            elif name == "messageStop":
                reason = told.get("stopReason")
    return {"output": {"message": {"content": list(blocks.values())}}, "stopReason": reason}


def _begun(start: Any) -> dict[str, Any]:
    tool = start.get("toolUse") if isinstance(start, dict) else None
    return {"toolUse": {**tool, "input": ""}} if isinstance(tool, dict) else {}


def _add(block: dict[str, Any], delta: Any) -> None:
    for text_ in values(delta, "text"):
        block["text"] = block.get("text", "") + str(text_)
    for text_ in values(delta, "reasoningContent.text"):
        told = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
        told["text"] += str(text_)
    for arguments in values(delta, "toolUse.input"):
        tool = block.setdefault("toolUse", {"input": ""})
        tool["input"] = str(tool.get("input") or "") + str(arguments)
