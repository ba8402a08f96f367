"""Take the answer to our asking out again, so that the caller sees the stream they asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from outlay.wire import sse
from outlay.wire.encodings import Codec, codec
from outlay.wire.paths import top_level

_NULL = re.compile(rb'"usage"\s*:\s*null')
_SCALAR = rb'(?:"(?:[^"\\\r\n]|\\.)*"|[-+.0-9eE]+|true|false|null)'
_NULL_LAST = re.compile(_NULL.pattern + rb'((?:\s*,\s*"\w+"\s*:\s*' + _SCALAR + rb")*\s*\}\s*)$")
"""With only scalars between it and the end, so that it stands at the top level: OpenAI's place for it."""

_SCALARS = re.compile(rb'(?:,"(?!usage")\w+":' + _SCALAR + rb")+\}\n\n").fullmatch
"""What OpenAI has behind it: ``"obfuscation"``."""

_LAST = b',"usage":null'
_LF, _CR = ord("\n"), ord("\r")

_EVENT_END = re.compile(rb"\n\n")
_ANY_EVENT_END = re.compile(rb"(?:\r\n|\n)(?:\r\n|\n|\r(?=[^\n]))|\r(?:\r\n|\r)")
"""A blank line of any kind; of CR LF, CR LF the last may be still to come."""

_BOM = b"\xef\xbb\xbf"


class UsageFilter:
    """Take the event that only carries usage out of a chat stream, and ``"usage": null`` out of the others.

    At most one event is held back: bytes go on as soon as the event that they belong to is whole.
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what of the stream so far can go on."""
        if not self._held:
            before, null, rest = chunk.rpartition(_LAST)
            if null:
                # One event of one line, whose null is at the top level as only scalars stand behind it: the usual case.
                if (
                    (rest == b"}\n\n" or _SCALARS(rest))
                    and not (_LF in before or _CR in before)
                    and before.startswith(b"data: {")
                ):
                    return before + rest
            elif chunk.endswith(b"\n\n") and chunk.rfind(b'"usage"') < 0:
                return chunk
        data = self._held + chunk
        out, at = [], 0
        for end in (_ANY_EVENT_END if b"\r" in data else _EVENT_END).finditer(data):
            out.append(_without_usage(data[at : end.end()]))
            at = end.end()
        self._held = data[at:]
        return b"".join(out)

    def flush(self) -> bytes:
        """Return what was held back when the stream ended inside an event."""
        held, self._held = self._held, b""
        return _without_usage(held)


def _without_usage(event: bytes) -> bytes:
    at = event.rfind(b'"usage"')
    if at < 0:
        return event
    last = _NULL_LAST.match(event, at)
    if last and event.startswith(b"data:") and event[at - 1] == _COMMA and len(event.splitlines()) == 2:
        return event[: at - 1] + last[1]
    data = b"".join(sse.events(event))
    members = top_level(data)
    usage = members.pop("usage", None) if members else None
    if members is None or usage is None:
        return event
    if usage != _RAW_NULL:
        only = members.get("choices") in _NO_CHOICES
        return event[: len(_BOM) * event.startswith(_BOM)] if only else event
    for left in _without_null(data):
        # One in a nested object would leave the outer one where it is, and change the object that it stands in.
        if top_level(left) == members:
            return event.replace(data, left, 1)
    return event


def _without_null(data: bytes) -> Iterator[bytes]:
    """Yield ``data`` without one ``"usage": null`` and one comma beside it, for each that there is."""
    for null in _NULL.finditer(data):
        before, after = data[: null.start()].rstrip(), data[null.end() :]
        yield before[:-1] + after if before.endswith(b",") else before + after.lstrip().removeprefix(b",").lstrip()


_COMMA = ord(",")
_RAW_NULL = msgspec.Raw(b"null")
_NO_CHOICES = (msgspec.Raw(b"[]"), msgspec.Raw(b"[ ]"))


class Recoder:
    """Filter a stream that came compressed though it was asked to come as it is: decode, filter, encode again."""

    def __init__(self, codec: Codec) -> None:
        self._inner = UsageFilter()
        self._decode = codec.decoder()
        self._encoder = codec.encoder()
        self._error = codec.error
        self._unread = b""
        """What came before anything could be decoded."""
        self._clear = False
        """Whether the stream goes on as it is, as it can't be decoded."""

    def feed(self, chunk: bytes) -> bytes:
        """Return the filtered stream so far, compressed and flushed, so that the caller can decode it at once."""
        if self._clear:
            return chunk
        self._unread += chunk
        try:
            decoded = self._decode(chunk)
        except self._error:
            self._clear = True  # the caller's own decoder shall say so
            return self._encoded(self._inner.flush()) + self._unread
        if decoded:
            self._unread = b""
        return self._encoded(self._inner.feed(decoded))

    def flush(self) -> bytes:
        """Return the compressed stream's end."""
        return b"" if self._clear else self._encoded(self._inner.flush()) + self._encoder.finish()

    def _encoded(self, left: bytes) -> bytes:
        return self._encoder.compress(left) + self._encoder.flush() if left else b""


def make_filter(encoding: str) -> UsageFilter | Recoder | None:
    """Return a filter for a stream of this Content-Encoding; None where there can be none, and the event stays in."""
    name = encoding and encoding.strip().lower()
    if name in ("", "identity"):
        return UsageFilter()
    found = codec(name)
    return None if found is None else Recoder(found)
