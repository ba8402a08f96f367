"""How much a request can cost at most, by what its body says: tokens of input, tokens of output, or why nothing does.

No tokenizer that models are sold with makes more than one token of a byte of text, so the bytes of a body bound the
tokens of its input, whatever the model. What a provider puts around them is bounded by ``AROUND``.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import msgspec

from outlay.wire.api import Bounds, Request
from outlay.wire.attachments import AUDIO_BYTES_PER_TOKEN, NOTHING, SIGNS, Attached, attached
from outlay.wire.paths import UNREADABLE, Fields

AROUND = 128
"""Tokens of a chat's template and of a system prompt of the provider's own, over what its JSON takes."""

AROUND_TOOLS = 1024
"""Tokens of the instructions that come with tools (Anthropic adds up to 804, and up to 735 for a tool of its own)."""

Known = tuple[tuple[str, int], ...]
"""Patterns of models, each with a number."""

NO_BODY = "its body can't be read"


class Asked(msgspec.Struct, kw_only=True):
    """What a request asks for, as far as money goes."""

    text: int = 0
    """Bytes of the body that are text: the most tokens that they can be."""
    added: int = 0
    """Tokens that the provider puts around them."""
    attached: Attached
    limit: int | None = None
    """Output tokens per answer."""
    answers: int = 1
    thinking: int = 0
    """Thinking tokens that the limit must be above."""
    unbounded: str | None = None
    """Why the body does not bound the cost."""
    terms: dict[str, str] = {}
    """Price terms as asked for."""
    limited_at: tuple[str, ...] = ()
    """Where the request names its limit."""
    without: frozenset[str] = frozenset()
    """Usage classes of which there can be none."""


class BoundsReader:
    """Read what bounds the cost of one format's requests; made with the first that a budget asks about."""

    def __init__(self, table: Request) -> None:
        bounds = self.table = table.bounds or Bounds()
        self.bounded = table.bounds is not None
        self._limits, self._reasons = table.limits, tuple(bounds.reasons.items())
        self._terms = tuple(bounds.terms)
        self._images, self._longest = tuple(bounds.images.items()), tuple(bounds.longest.items())
        self._prompts = () if bounds.prompts is None else (bounds.prompts,)
        groups = (
            table.limits, bounds.choices, bounds.thinking, tuple(bounds.reasons), tuple(bounds.terms.values()),
            self._prompts, (bounds.tools,),
        )  # fmt: skip
        self._sizes = [len(group) for group in groups]
        self._fields = Fields(tuple(path for group in groups for path in group), raw=(bounds.tools,))
        texts = {name: text.encode() for name, text in bounds.only_with.items()}
        self._without = frozenset(name for name, text in texts.items() if SIGNS.match(text))
        """Usage classes of which there are none where a body is all text."""
        self._sought = [(name, text) for name, text in texts.items() if name not in self._without]
        self._signs = [(name, texts[name]) for name in self._without]

    def read(self, body: bytes | None) -> Asked:
        """Return what a request asks for; of one that can't be read, that nothing bounds it."""
        values = self._fields.read(body) if body else None
        if body is None or values is None or not self.bounded:
            return Asked(attached=Attached(), unbounded=NO_BODY if self.bounded else "nothing in its format bounds it")
        limits, choices, thinking, reasons, terms, prompts, (tools,) = self._groups(values)
        found = attached(body)
        asked = Asked(
            text=len(body) - found.data,
            added=AROUND,
            attached=found,
            limit=max(filter(_counts, limits), default=None),
            answers=max(filter(_counts, choices), default=1) * _prompts(prompts),
            thinking=max(filter(_counts, thinking), default=0),
            terms={name: term for name, term in zip(self._terms, terms, strict=True) if isinstance(term, str)},
            limited_at=tuple(path for path, limit in zip(self._limits, limits, strict=True) if limit is not None),
            without=self._missing(body, found),
        )
        said = next((why for (_, why), value in zip(self._reasons, reasons, strict=True) if value), None)
        asked.unbounded = said or found.unbounded
        self._add_tools(asked, tools)
        return asked

    def _missing(self, body: bytes, found: Attached) -> frozenset[str]:
        """Return the usage classes of which there can be none."""
        missing = [name for name, text in self._sought if body.find(text) < 0]
        if found is not NOTHING:
            return frozenset(missing + [name for name, text in self._signs if body.find(text) < 0])
        return self._without.union(missing) if missing else self._without

    def tokens(self, asked: Asked, model: str | None, ratio: float | None = None) -> int | None:
        """Return the input tokens at most; None for pictures where nothing is known of how the model bills them.

        With a ``ratio`` that many tokens are made of a byte of text, in place of one.
        """
        found = asked.attached
        text = asked.text if ratio is None else min(asked.text, int(asked.text * ratio) + 1)
        tokens = text + asked.added + found.sound // AUDIO_BYTES_PER_TOKEN
        if found.pictures:
            each = _of(self._images, model)
            if each is None:
                return None
            tokens += found.pictures * each
        return tokens

    def longest(self, asked: Asked, model: str | None, limit: int | None) -> int | None:
        """Return the output tokens at most, of all answers together, with ``limit`` on top of the request's own.

        None where neither the request nor what is known of the model limits them.
        """
        if not self.table.writes:
            return 0
        limits = [most for most in (asked.limit, limit, _of(self._longest, model)) if most is not None]
        return min(limits) * asked.answers if limits else None

    def _groups(self, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return the values in the groups in which they were asked for."""
        groups, at = [], 0
        for size in self._sizes:
            groups.append(values[at : at + size])
            at += size
        return groups

    def _add_tools(self, asked: Asked, tools: Any) -> None:
        if not tools or bytes(tools) in (b"null", b"[]"):
            return
        asked.added += AROUND_TOOLS
        try:
            listed = _tools.decode(tools)
        except UNREADABLE:
            asked.unbounded = asked.unbounded or "its tools can't be read"
            return
        for tool in listed:
            kinds = [str(tool["type"])] if "type" in tool else list(tool)
            if self.table.callers and "type" not in tool and "name" in tool:  # Anthropic's, where the caller names it
                kinds = ["custom"]
            foreign = [kind for kind in kinds if not any(fnmatchcase(kind, own) for own in self.table.callers)]
            if foreign:
                asked.unbounded = asked.unbounded or f"the provider runs a tool of it ({foreign[0]})"
            elif kinds and kinds[0] not in ("function", "custom"):
                asked.added += AROUND_TOOLS


_tools = msgspec.json.Decoder(list[dict[str, Any]])


@lru_cache(maxsize=1024)
def _of(known: Known, model: str | None) -> int | None:
    """Return what is known of a model, by the first pattern that it matches."""
    return next((number for pattern, number in known if fnmatchcase(model or "", pattern)), None)


def _counts(value: Any) -> bool:
    return type(value) is int and value > 0


def _prompts(values: tuple[Any, ...]) -> int:
    """Return how many prompts a list holds: texts, or lists of tokens."""
    (given,) = values or (None,)
    if not isinstance(given, list) or not given or isinstance(given[0], int):
        return 1
    return len(given)
