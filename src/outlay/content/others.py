"""Cohere's, Ollama's and Bedrock's own chats, and legacy completions: where they differ from what they resemble."""

from __future__ import annotations

from typing import Any

from outlay.content.anthropic import answer_of_messages, request_of_messages
from outlay.content.keyed import CONVERSE, answer_of_converse
from outlay.content.openai import answer_of_chat, request_of_chat
from outlay.content.parts import Said, Trim, objects, text
from outlay.content.texts import GENERATED, OLLAMA, values

Events = list[dict[str, Any]]


def request_of_completions(body: dict[str, Any], trim: Trim) -> Said:
    """Return the prompt, or the prompts."""
    return GENERATED.request(body, trim)


def answer_of_completions(answers: Events, streamed: bool, trim: Trim) -> list[Any]:  # noqa: FBT001 - as the table calls it
    """Return the choices, whose text stands where a chat has a message."""
    chats = [{"choices": [_as_chat(one) for one in objects(event.get("choices"))]} for event in answers]
    return answer_of_chat(chats, streamed, trim)


def _as_chat(choice: dict[str, Any]) -> dict[str, Any]:
    message = {"content": choice.get("text")}
    return {**choice, "message": message, "delta": message}


_ROLES = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}


def request_of_cohere(body: dict[str, Any], trim: Trim) -> Said:
    """Return the messages of version 2; of version 1 the history, the message, and the preamble apart."""
    if "message" not in body:
        return request_of_chat(body, trim)
    history = [
        {"role": _ROLES.get(str(one.get("role")), "user"), "content": one.get("message")}
        for one in objects(body.get("chat_history"))
    ]
    found = request_of_chat({"messages": [*history, {"role": "user", "content": body["message"]}]}, trim)
    preamble = body.get("preamble")
    return Said(system=[text(preamble, trim)] if isinstance(preamble, str) else [], messages=found.messages)


def answer_of_cohere(answers: Events, streamed: bool, trim: Trim) -> list[Any]:  # noqa: FBT001 - as the table calls it
    """Return the answer of either version, or what a stream's events add up to."""
    if streamed:
        ended = [one["response"] for one in answers if isinstance(one.get("response"), dict)]
        if not ended:
            return answer_of_chat([{"choices": [_piece(one)]} for one in answers], streamed, trim)
        answers = ended[-1:]
    one = answers[0]
    message = one.get("message")
    if not isinstance(message, dict):
        tools = [
            {"id": tool.get("id"), "function": {"name": tool.get("name"), "arguments": tool.get("parameters")}}
            for tool in objects(one.get("tool_calls"))
        ]
        message = {"content": one.get("text"), "tool_calls": tools}
    return answer_of_chat([{"choices": [{**one, "message": message}]}], False, trim)  # noqa: FBT003 - as above


def _piece(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event as one of OpenAI's: its text, or a piece of it, stands at several places."""
    delta: dict[str, Any] = {
        "content": _first(event, "text", "delta.message.content.text"),
        "reasoning_content": _first(event, "delta.message.content.thinking"),
        "tool_calls": [*values(event, "delta.message.tool_calls")],
    }
    return {"index": 0, "delta": delta, "finish_reason": _first(event, "delta.finish_reason", "finish_reason")}


def _first(event: dict[str, Any], *paths: str) -> Any:
    return next((found for path in paths for found in values(event, path)), None)


def request_of_ollama(body: dict[str, Any], trim: Trim) -> Said:
    """Return the messages of a chat, whose pictures stand beside their texts; or the prompt of ``api/generate``."""
    return request_of_chat(body, trim) if "messages" in body else OLLAMA.request(body, trim)


def answer_of_ollama(answers: Events, streamed: bool, trim: Trim) -> list[Any]:  # noqa: FBT001 - as the table calls it
    """Return the answer; of a stream each line has a piece."""
    if not any("message" in one for one in answers):
        return OLLAMA.answer(answers, streamed, trim)
    chats = [
        {"choices": [{"index": 0, name: one.get("message"), "finish_reason": one.get("done_reason")}]}
        for one in answers
        for name in ("delta" if streamed else "message",)
    ]
    return answer_of_chat(chats, streamed, trim)


def request_of_invoke(body: dict[str, Any], trim: Trim) -> Said:
    """Return what a maker's own body says: Anthropic's, one of messages as Converse's, or a prompt."""
    if "anthropic_version" in body:
        return request_of_messages(body, trim)
    return CONVERSE.request(body, trim) if "messages" in body else GENERATED.request(body, trim)


def answer_of_invoke(answers: Events, streamed: bool, trim: Trim) -> list[Any]:  # noqa: FBT001 - as the table calls it
    """Return what a maker's own answer says."""
    if any("contentBlockDelta" in one or "output" in one for one in answers):
        return answer_of_converse(answers, streamed, trim)
    if any("content" in one or one.get("type") == "content_block_delta" for one in answers):
        return answer_of_messages(answers, streamed, trim)
    if any("choices" in one for one in answers):
        return answer_of_chat(answers, streamed, trim)
    return GENERATED.answer(answers, streamed, trim)
