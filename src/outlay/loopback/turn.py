"""One request as an API's body builder sees it, and the answer that the builder gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from outlay.loopback.behaviour import MISSING, Behaviour
from outlay.loopback.reply import DEFAULT_TEXT, Json, Reply, Tokens, count_tokens, limit_words
from outlay.loopback.schema import structured_text

EPOCH = 1_760_000_000
"""Every ``created`` is this time plus the request's number: answers do not depend on the clock."""

SNAPSHOTS: Mapping[str, str] = {
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4": "gpt-4-0613",
    "gpt-4-turbo": "gpt-4-turbo-2024-04-09",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-3.5-turbo-instruct": "gpt-3.5-turbo-instruct:20230824-v2",
    "o1": "o1-2024-12-17",
    "o3": "o3-2025-04-16",
    "o3-mini": "o3-mini-2025-01-31",
    "o4-mini": "o4-mini-2025-04-16",
    "claude-sonnet-4-0": "claude-sonnet-4-20250514",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-opus-4-1": "claude-opus-4-1-20250805",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    "claude-3-7-sonnet-latest": "claude-3-7-sonnet-20250219",
    "claude-3-5-haiku-latest": "claude-3-5-haiku-20241022",
}
"""The snapshot that answers for an alias: https://platform.openai.com/docs/models and
https://docs.anthropic.com/en/docs/about-claude/models. Any other name is echoed."""

Event = tuple[str | None, Json | str]
"""Name and data of a server-sent event."""


class Refused(Exception):
    """The request is answered with an error; the message is the provider's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Answer:
    """What an API's builder makes of a turn: a plain body or the events of a stream, and what it bills."""

    body: Json | None = None
    events: tuple[Event, ...] = ()
    usage: Json | None = None
    """The true usage in the provider's own terms; None where nothing is billed."""
    model: str = ""
    id: str | None = None
    tier: str | None = None


@dataclass(frozen=True)
class Turn:
    """A request's JSON, the reply that a script chose for it, and its number at the host (from 1)."""

    number: int
    body: Json
    behaviour: Behaviour

    @property
    def reply(self) -> Reply:
        """What the model says."""
        return self.behaviour.reply

    @property
    def created(self) -> int:
        """Seconds since the epoch at which the answer claims to be made."""
        return EPOCH + self.number

    @property
    def streamed(self) -> bool:
        """Whether the request asks for a stream."""
        return self.body.get("stream") is True

    @property
    def choices(self) -> int:
        """How many answers the request asks for."""
        return int(self.body.get("n") or 1)

    @cached_property
    def model(self) -> str:
        """The model that answers."""
        asked = str(self.body.get("model", ""))
        return self.reply.model or SNAPSHOTS.get(asked, asked)

    @cached_property
    def _limited(self) -> tuple[str, bool]:
        reply = self.reply
        if reply.refusal is not None or reply.tool_calls:
            return reply.text or "", False
        text = reply.text if reply.text is not None else structured_text(self.body) or DEFAULT_TEXT
        limits = [self.body.get(key) for key in ("max_tokens", "max_completion_tokens", "max_output_tokens")]
        return limit_words(text, min((limit for limit in limits if isinstance(limit, int)), default=None))

    @property
    def text(self) -> str:
        """The text of the answer, cut at the request's output limit (in words)."""
        return self._limited[0]

    @property
    def truncated(self) -> bool:
        """Whether the output limit cut the text."""
        return self._limited[1]

    @cached_property
    def tokens(self) -> Tokens:
        """The tokens that the turn takes."""
        calls = " ".join(f"{call.name} {' '.join(map(str, call.arguments.values()))}" for call in self.reply.tool_calls)
        written = " ".join((self.text, self.reply.refusal or "", self.reply.thinking or "", calls))
        return count_tokens(self.reply.tokens, self.body, written, self.choices)

    def id(self, prefix: str) -> str:
        """Return the provider's id for something of this turn."""
        return f"{prefix}loopback{self.number:06d}"

    def told(self, usage: Json) -> Json:
        """Return what an answer says of ``usage``, as a mapping to merge into it: empty where it says nothing."""
        said: Any = self.behaviour.tell(usage)
        return {} if said is MISSING else {"usage": said}
