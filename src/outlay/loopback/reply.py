"""What the model at the loopback host says, and how many tokens that takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]

DEFAULT_TEXT = "Loopback here: a naïve model, one token for each word."
"""Ten words, with a character of two UTF-8 bytes among them, so that cut points can fall inside it."""

PROMPT_KEYS = ("system", "instructions", "messages", "input", "prompt")
SILENT_KEYS = frozenset({"role", "type", "id", "name", "cache_control", "call_id", "tool_use_id", "tool_call_id"})


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Token counts of one answer: ``input`` and ``output`` include their parts; None is counted from the words."""

    input: int | None = None
    output: int | None = None
    cache_read: int = 0
    cache_write: int = 0
    """With the default time to live (Anthropic: 5 minutes, OpenAI: 30 minutes)."""
    cache_write_1h: int = 0
    """Anthropic only; OpenAI's answers count it to ``cache_write``."""
    reasoning: int = 0
    input_audio: int = 0
    output_audio: int = 0
    input_first: int | None = None
    """What Anthropic's ``message_start`` says of ``input``, when a server tool makes it grow later."""
    web_searches: int = 0

    @property
    def read(self) -> int:
        """The input, once counted."""
        return self.input or 0

    @property
    def written(self) -> int:
        """The output, once counted."""
        return self.output or 0


@dataclass(frozen=True)
class ToolCall:
    """A function that the model wants called."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the model answers: the same to every request, unless a script says otherwise."""

    text: str | None = None
    """None is ``DEFAULT_TEXT``, or an instance of the JSON schema that the request asks for."""
    thinking: str | None = None
    """Shown by Anthropic as a thinking block and by OpenAI's Responses as a summary; chat completions hide it."""
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tokens: Tokens = field(default_factory=Tokens)
    model: str | None = None
    """None is the dated snapshot of the model asked for."""
    tier: str | None = None
    """The tier that served the request; None is the one asked for, or the provider's default."""


def count_words(value: object) -> int:
    """Count the words of every string in ``value`` (roles, types, names and ids apart); a token id counts as one."""
    if isinstance(value, str):
        return len(value.split())
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return 1
    if isinstance(value, Mapping):
        return sum(count_words(part) for key, part in value.items() if key not in SILENT_KEYS)
    if isinstance(value, list | tuple):
        return sum(count_words(part) for part in value)
    return 0


def count_tokens(tokens: Tokens, body: Mapping[str, Any], written: str, choices: int = 1) -> Tokens:
    """Fill in what ``tokens`` leaves open: the prompt's words and cached parts, the answer's words and reasoning."""
    cached = tokens.cache_read + tokens.cache_write + tokens.cache_write_1h
    prompt = sum(count_words(body.get(key)) for key in PROMPT_KEYS)
    answer = count_words(written) * choices
    return replace(
        tokens,
        input=prompt + cached + tokens.input_audio if tokens.input is None else tokens.input,
        output=answer + tokens.reasoning + tokens.output_audio if tokens.output is None else tokens.output,
    )


def split_words(text: str) -> list[str]:
    """Split ``text`` as a stream sends it: a word a piece, with the white space before it; joined it is the text."""
    pieces: list[str] = []
    word = ""
    for character in text:
        if character.isspace() and word.strip():
            pieces.append(word)
            word = ""
        word += character
    return [*pieces, word] if word else pieces


def limit_words(text: str, limit: int | None) -> tuple[str, bool]:
    """Cut ``text`` to ``limit`` words; return it, and whether it was cut."""
    if limit is None or count_words(text) <= limit:
        return text, False
    return "".join(split_words(text)[:limit]), True
