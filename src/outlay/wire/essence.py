"""What of an answer is enough to make its record of later: no content, and little to hold in memory."""

from __future__ import annotations

import msgspec

from outlay.wire import framing, sse
from outlay.wire.paths import UNREADABLE
from outlay.wire.reader import HEAD, TAIL, Reader
from outlay.wire.reading import Reading
from outlay.wire.values import merged

NEAR = 8
"""Chunks at a stream's end, each an event as a rule, that are looked at for its last events; at its start, two."""

_NULL = msgspec.Raw(b"null")
_encode = msgspec.json.Encoder().encode


def reduced(reader: Reader, body: bytes, *, for_good: bool) -> bytes | None:
    """Return a JSON answer with nothing in it but what ``reader.plain`` reads.

    None where an answer is not as it usually is: no model or no usage, an error, a refusal, one made in the background,
    one that more than its usage is needed for. With
    ``for_good`` the rest won't be there any more to estimate from: then None also where that might be needed.
    """
    if reader.usual is None or (reader.refused is not None and reader.refused.possible(body)):
        return None
    try:
        document = reader.fields.decode(body)
        model, usage, *unusual = reader.usual(document)
    except (AttributeError, *UNREADABLE):
        return None
    if model.__class__ is not str or not usage or usage == _NULL or any(unusual):
        return None
    return _encode(document) if not for_good or reader.counts.certain(bytes(usage)) else None


def last_words(reader: Reader, chunks: list[bytes]) -> Reading | None:
    """Read a stream by its first and its last chunks, its usage uncounted as yet (``reader.counted``).

    None unless they say all there is, as usual, so that nothing else of the stream is needed any more.
    """
    if not framing.is_sse(chunks[0]):
        return None
    head, parts = 0 if reader.ends_with_usage else HEAD, chunks
    if len(chunks) > NEAR + 2:
        # A blank line between the two, so that what is left of one event can't be read together with another.
        parts = [*chunks[:2], b"\n\n", *chunks[-NEAR:]] if head else chunks[-NEAR:]
    edges = sse.edges(b"".join(parts), head, TAIL)
    if edges is None:
        return None
    reading, usages = reader.scan(edges)
    if not (reading.whole and usages and reading.model) or reading.error or reading.background or reading.told:
        return None
    reading.raw_usage = usages[0] if len(usages) == 1 else merged(usages)
    if reader.refused is not None and reader.refused.taken(reading):
        return None
    return None if reading.status in reader.uncounted or not reader.counts.certain(reading.raw_usage) else reading
