"""The parts of messages, each text of them redacted and cut to size."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from outlay.guard import failure_of

WHOLE = 8
"""How many times the limit of one text all texts of a call may have together."""
REDACTED = "[redacted]"
"""What stands for a text whose redaction failed: the text itself must not."""

Part = dict[str, Any]


class Trim:
    """What every text passes on its way into the store."""

    def __init__(self, limit: int, redact: Callable[[str], str] | None = None) -> None:
        """Make one for a call: ``limit`` is in characters, ``redact`` returns a text without what must not be kept."""
        self._limit = limit
        self._left = limit * WHOLE
        self._redact = redact
        self.truncated = False

    @property
    def full(self) -> bool:
        """Whether nothing more of the call can be kept."""
        return self._left <= 0

    def __call__(self, text: Any) -> str:
        """Return a text as it may be kept."""
        kept = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False, default=str)
        if self._redact is not None:
            kept = self._redacted(self._redact, kept)
        allowed = min(self._limit, self._left)
        if len(kept) > allowed:
            kept, self.truncated = kept[:allowed], True
        self._left -= len(kept)
        return kept

    def _redacted(self, redact: Callable[[str], str], text: str) -> str:
        found: list[Any] = []
        failed = failure_of(lambda: found.append(redact(text)))
        return REDACTED if failed or not isinstance(found[0], str) else found[0]


class Said(msgspec.Struct):
    """What a request says."""

    system: list[Part] = []
    messages: list[Any] = []


def text(content: Any, trim: Trim) -> Part:
    """Return a text."""
    return {"type": "text", "content": trim(content)}


def thought(content: Any, trim: Trim) -> Part:
    """Return what a model thought."""
    return {"type": "reasoning", "content": trim(content)}


def tool_call(number: Any, name: Any, arguments: Any, trim: Trim) -> Part:
    """Return a tool that the model asks for."""
    return {"type": "tool_call", "id": number, "name": name, "arguments": trim(arguments)}


def tool_answer(number: Any, response: Any, trim: Trim) -> Part:
    """Return what a tool answered."""
    return {"type": "tool_call_response", "id": number, "response": trim(response)}


def other(kind: Any) -> Part:
    """Return a part of which only the kind is kept: a picture, a sound, a file."""
    return {"type": str(kind or "unknown")}


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; nothing of what is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
