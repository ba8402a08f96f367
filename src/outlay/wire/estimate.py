"""What a call used whose provider never said: an estimate from the bytes, marked as one, between bounds.

The figures are rules of thumb with stated bounds, not a tokenizer: four bytes a token is what the common tokenizers
make of English, 16 is more than they make of natural text, and none makes more than one token of a byte.
"""

from __future__ import annotations

import msgspec

from outlay.records import Quantity, Usage
from outlay.wire.paths import UNREADABLE

BYTES_PER_TOKEN = 4
MOST_BYTES_PER_TOKEN = 16
TOKENS_PER_ATTACHMENT = 1000
"""What an image or a file in a request is taken for; its upper bound is its bytes, and none if it is only linked."""

LONGEST_TEXT = 1 << 20
_ATTACHMENTS = frozenset(
    ("image_url", "input_image", "image", "input_audio", "audio", "file", "input_file", "document", "source",
     "imageUrl", "inlineData", "inline_data", "fileData", "file_data")
)  # fmt: skip


def estimate(
    known: dict[str, Quantity] | None, body: bytes | None, text: int | None, limit: int | None, *, answered: bool
) -> Usage | None:
    """Return an estimate of a call's usage, or None where nothing is known at all.

    ``known``: the classes that the answer did say (Anthropic tells the input at a stream's start). ``body``: the
    request. ``text``: bytes of generated text that were delivered. ``limit``: the output limit. ``answered``: whether
    the provider took the request at all; if nobody knows, the lower bound is nothing.
    """
    if body is None and known is None:
        return None
    given = dict(known or {})
    said = given.pop("output", 0)
    classes, lower, upper = dict(given), dict(given), dict(given)
    bounded = limit is not None
    if not given and body is not None:
        size, attachments = _text_of(body)
        classes["input"] = _tokens(size, BYTES_PER_TOKEN) + attachments * TOKENS_PER_ATTACHMENT
        lower["input"] = _tokens(size, MOST_BYTES_PER_TOKEN)
        upper["input"] = len(body)
        bounded = bounded and not attachments
    delivered = text or 0
    classes["output"] = max(said, _tokens(delivered, BYTES_PER_TOKEN))
    lower["output"] = max(said, _tokens(delivered, MOST_BYTES_PER_TOKEN))
    upper["output"] = max(limit or 0, classes["output"])
    if not answered:
        lower = {}
    return Usage(classes=_some(classes), estimated=True, lower=_some(lower), upper=_some(upper) if bounded else None)


def _some(classes: dict[str, Quantity]) -> dict[str, Quantity]:
    return {name: quantity for name, quantity in classes.items() if quantity}


def _tokens(size: int, per: int) -> int:
    return -(-size // per)


def _text_of(body: bytes) -> tuple[int, int]:
    """Return the bytes of text in a request's body and the number of its attachments."""
    if len(body) > LONGEST_TEXT:
        return len(body), 0
    try:
        document = msgspec.json.decode(body)
    except UNREADABLE:
        return len(body), 0
    size = attachments = 0
    stack = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            size += len(node.encode(errors="replace"))
        elif isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            if not _ATTACHMENTS.isdisjoint(node):
                attachments += 1
            stack.extend(value for key, value in node.items() if key not in _ATTACHMENTS)
    return size, attachments
