"""The gist of a request's JSON: the same document with its long texts cut, far faster than it can be decoded.

What a request asks for stands in names, numbers and short texts; its bytes are those of a few long texts, which are
passed over at the speed at which a processor searches for one byte: the quote that ends them.
"""

from __future__ import annotations

import re

LONG = 128
"""Bytes from which on a text is cut."""

CUT = "~"
"""What stands for such a text."""

SMALL = 4096
"""Bytes up to which one pass over all of them is faster than a step to each quote."""

QUOTES, EACH = 32, 1024
"""Quotes that are looked at in any larger document, and the bytes for each of which there may be one more."""

PROBE, MANY = 1024, 16
"""Bytes in the middle of it that are looked at first, and the quotes in them that say that there are too many."""

_LONG = re.compile(rb'[^"]{%d,}[^"\\]' % LONG)


def gist(body: bytes) -> bytes:
    """Return a JSON document with ``~`` for each long text; the document itself where it is mostly short ones.

    The backslashes at the end of what is cut stay, so that the quote after them is what it was: escaped, or the end of
    the text. If what is cut stood outside of a text, two texts follow each other in the gist: that is no JSON, and who
    finds that out reads the document.
    """
    size = len(body)
    if size <= SMALL:
        return _LONG.sub(b"~", body) if size > LONG else body
    middle = size // 2
    if body.count(b'"', middle, middle + PROBE) > MANY:
        return body
    kept: list[bytes] = []
    begin, at, left = 0, body.find(b'"'), QUOTES + size // EACH
    while (end := body.find(b'"', at + 1)) > 0:
        if end - at > LONG:
            kept += (body[begin : at + 1], _cut(body, end))
            begin = end
        at = end
        left -= 1
        if not left:
            return body
    kept.append(body[begin:])
    return b"".join(kept)


def _cut(body: bytes, end: int) -> bytes:
    """Return what stands for the text that ends before ``end``."""
    begin = end
    while body[begin - 1] == _BACKSLASH:
        begin -= 1
    return b"~" + body[begin:end]


_BACKSLASH = ord("\\")
