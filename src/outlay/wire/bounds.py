"""How much a request can cost at most, by what its body says: tokens of input, tokens of output, or why nothing does.

No tokenizer that models are sold with makes more than one token of a byte of text, so the bytes of a body bound the
tokens of its input, whatever the model. Names, quotes and braces are counted with the text: they pay for the special
tokens that a provider puts around each message (``{"role":"user","content":""},`` has 29 bytes, ChatML 7 tokens), and a
text is never shorter when it is escaped. What comes once a call, whatever it says, is bounded by ``AROUND``.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from outlay.wire.api import Bounds, Request
from outlay.wire.attachments import AUDIO_BYTES_PER_TOKEN, NOTHING, SIGNS, Attached, attached
from outlay.wire.gist import CUT, gist
from outlay.wire.paths import UNREADABLE, Fields
from outlay.wire.request import TEXT

AROUND = 128
"""Tokens of a chat's template and of a system prompt of the provider's own, over what its JSON takes."""

AROUND_TOOLS = 1024
"""Tokens of the instructions that come with tools (Anthropic adds up to 804, and up to 735 for a tool of its own)."""

KEPT, KEPT_BYTES = 256, 4096
"""Requests that are remembered but for their texts, and the bytes that one of them may then have."""

KEPT_THERE = "its requests are in a file that the provider keeps"
NO_BODY = "its body can't be read"


class Asked(msgspec.Struct, kw_only=True):
    """What a request asks for, as far as money goes."""

    text: int = 0
    """Bytes of the body that are text: the most tokens that they can be."""
    added: int = 0
    """Tokens that the provider puts around them."""
    attached: Attached
    model: str | None = None
    tier: str | None = None
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
    parts: tuple[Asked, ...] = ()
    """The requests of a batch, each for itself."""
    ceilings: dict[tuple[str, str | None, str | None], Any] = {}
    """(provider, model, region) → the dearest price of such a request: shared by all that ask for the same."""


class BoundsReader:
    """Read what bounds the cost of one format's requests; made with the first that a budget asks about."""

    def __init__(self, table: Request) -> None:
        bounds = self.table = table.bounds or Bounds()
        self.bounded, self._writes = table.bounds is not None, bounds.writes
        self._limits, self._reasons = table.limits, tuple(bounds.reasons.items())
        self._terms = tuple(bounds.terms)
        self._images, self._longest = _Known(bounds.images), _Known(bounds.longest)
        self._prompts = () if bounds.prompts is None else (bounds.prompts,)
        groups = (
            table.limits, bounds.choices, bounds.thinking, tuple(bounds.reasons), tuple(bounds.terms.values()),
            self._prompts, (bounds.tools,), (table.model, table.tier or "tier"),
        )  # fmt: skip
        self._sizes = [len(group) for group in groups]
        self._fields = Fields(tuple(path for group in groups for path in group), raw=(bounds.tools,))
        texts = {name: text.encode() for name, text in bounds.only_with.items()}
        self._without = frozenset(name for name, text in texts.items() if SIGNS.match(text))
        """Usage classes of which there are none where a body is all text."""
        self._sought = [(name, text) for name, text in texts.items() if name not in self._without]
        self._signs = [(name, texts[name]) for name in self._without]
        self._known: dict[bytes, Asked] = {}
        self._each = Fields(bounds.each, raw=bounds.each) if bounds.each else None

    def read(self, body: bytes | None) -> Asked:
        """Return what a request asks for; of one that can't be read, that nothing bounds it."""
        if not body or not self.bounded:
            return Asked(attached=Attached(), unbounded=NO_BODY if self.bounded else "nothing in its format bounds it")
        return self._one(body) if self._each is None else self._batch(body, self._each)

    def _batch(self, body: bytes, each: Fields) -> Asked:
        """Return what a batch asks for: what its requests do, or, where these are elsewhere, what nothing bounds."""
        found = next((listed for listed in each.read(body) or () if listed), ())
        parts = tuple(self._one(bytes(one)) for one in found)
        why = next((part.unbounded for part in parts if part.unbounded), None if parts else KEPT_THERE)
        return Asked(attached=Attached(), parts=parts, unbounded=why, model=parts[0].model if parts else None)

    def _one(self, body: bytes) -> Asked:
        short = gist(body)
        known = self._known.get(short)
        if known is None:
            known = self._look(short, body)
        asked = copy(known)
        if asked.attached is NOTHING:
            asked.text = len(body)
        return asked

    def _look(self, short: bytes, body: bytes) -> Asked:
        """Read a request that was not seen before; remember one that is all text, for those that differ in it alone."""
        if SIGNS.search(short) is not None:
            return self._read(body, attached(body))
        asked = self._read(short, NOTHING)
        if short is not body and (asked.unbounded == NO_BODY or asked.model == CUT):
            return self._read(body, NOTHING)
        if len(short) <= KEPT_BYTES:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[short] = asked
        return asked

    def _read(self, body: bytes, found: Attached) -> Asked:
        values = self._fields.read(body)
        if values is None:
            return Asked(attached=Attached(), unbounded=NO_BODY)
        limits, choices, thinking, reasons, terms, prompts, (tools,), (model, tier) = self._groups(values)
        asked = Asked(
            text=len(body) - found.data,
            added=AROUND,
            attached=found,
            model=model[:TEXT] if isinstance(model, str) else None,
            tier=tier[:TEXT] if isinstance(tier, str) else None,
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
            each = self._images.of(model)
            if each is None:
                return None
            tokens += found.pictures * each
        return tokens

    def longest(self, asked: Asked, model: str | None, limit: int | None) -> int | None:
        """Return the output tokens at most, of all answers together, with ``limit`` on top of the request's own.

        None where neither the request nor what is known of the model limits them.
        """
        if not self._writes:
            return 0
        most = self._longest.of(model)
        if asked.limit is not None and (most is None or asked.limit < most):
            most = asked.limit
        if limit is not None and (most is None or limit < most):
            most = limit
        return None if most is None else most * asked.answers

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


class _Known:
    """What is known of models, by the first pattern that one matches."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._numbers = numbers
        self._found: dict[str | None, int | None] = {}

    def of(self, model: str | None) -> int | None:
        """Return the number of a model; None where nothing is known of it."""
        try:
            return self._found[model]
        except KeyError:
            if len(self._found) >= KEPT:
                self._found.clear()
            name = model or ""
            found = next((number for pattern, number in self._numbers.items() if fnmatchcase(name, pattern)), None)
            self._found[model] = found
            return found


def _counts(value: Any) -> bool:
    return type(value) is int and value > 0


def _prompts(values: tuple[Any, ...]) -> int:
    """Return how many prompts a list holds: texts, or lists of tokens."""
    (given,) = values or (None,)
    if not isinstance(given, list) or not given or isinstance(given[0], int):
        return 1
    return len(given)
