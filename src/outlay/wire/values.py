"""Single values of an answer: what providers write as a time, an amount, an error, a usage object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from outlay.money import pico
from outlay.wire.paths import UNREADABLE
from outlay.wire.usage import ABSURD

_CODE = re.compile(r"[\w.:-]{1,64}")


def text(value: Any) -> str:
    """Return a text; nothing of what is none."""
    return value if isinstance(value, str) else ""


def texts(said: Any) -> Iterator[str]:
    """Yield the texts in values and lists of them."""
    for value in said:
        if isinstance(value, list):
            yield from texts(value)
        elif isinstance(value, str):
            yield value


def length(said: Any) -> int:
    """Return the bytes of a text, or of all texts in a list of any depth: two stars in a path make lists of lists."""
    if isinstance(said, list):
        return sum(map(length, said))
    return len(said.encode(errors="replace")) if isinstance(said, str) else 0


def uses(said: Any, kind: str) -> int:
    """Return how many texts of a list (of lists) are ``kind``.

    ``=``: any that is not empty, equal ones once; ``?``: any, but one at most.
    """
    said = [*texts([said])]
    if kind == "?":
        return min(len(said), 1)
    return len({*said} - {""}) if kind == "=" else said.count(kind)


def moment(said: Any) -> int | None:
    """Return a time, in seconds or by RFC 3339, in nanoseconds since the epoch; None for what is none."""
    if isinstance(said, str):
        try:
            at = datetime.fromisoformat(said)
            said = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    return round(said * 10**6) * 1000 if type(said) in (int, float) and 0 < said < ABSURD else None


def charged_usd(said: str | None) -> int | None:
    """Return the pico-USD that a header tells; None where it tells none."""
    try:
        return None if not said else pico_usd(float(said))
    except ValueError:
        return None


def pico_usd(value: Any, per: int = 1) -> int | None:
    """Return an amount in pico-USD, of which ``per`` make a USD; None for what is none."""
    if type(value) not in (int, float) or not 0 <= value < ABSURD * per:
        return None
    return pico(Decimal(str(value)) / per)


def one_line(raw: bytes) -> bytes:
    """Return a usage object without its line breaks (OpenAI indents its answers), in valid UTF-8."""
    if not raw.isascii():
        raw = raw.decode(errors="replace").encode()
    try:
        return msgspec.json.format(raw, indent=-1)
    except msgspec.DecodeError:
        return raw


def merged(usages: list[bytes]) -> bytes:
    """Lay later usage objects over earlier ones, key by key: Anthropic's message_delta is cumulative, never added."""
    merged: dict[str, Any] = {}
    for raw in usages:
        try:
            usage = msgspec.json.decode(raw)
        except UNREADABLE:
            continue
        if isinstance(usage, dict):
            merged.update((key, value) for key, value in usage.items() if value is not None or key not in merged)
    return msgspec.json.encode(merged)


def code(error: Any) -> str:
    """Return the provider's short code of an error, never its message: that may quote the prompt."""
    candidates = [error.get("code"), error.get("type")] if isinstance(error, dict) else [error]
    for candidate in candidates:
        if isinstance(candidate, str | int) and _CODE.fullmatch(str(candidate)):
            return str(candidate)
    return "error"
