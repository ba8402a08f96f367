"""Server-sent events, on bytes: what a stream's chunks say, wherever they were cut."""

from __future__ import annotations

from collections.abc import Iterator

DONE = b"[DONE]"


def events(body: bytes) -> Iterator[bytes]:
    """Yield the data of each whole event of ``body``, a last one without its blank line included.

    Any mix of LF, CRLF and CR; a BOM, comments, other fields and a missing space after the colon are as the standard
    has them. ``bytes.splitlines`` only: ``str.splitlines`` also splits at U+2028, which JSON may carry as it is.
    """
    return _events(body.removeprefix(b"\xef\xbb\xbf"))


def _events(body: bytes) -> Iterator[bytes]:
    data: list[bytes] = []
    for line in body.splitlines():
        if not line:
            if data:
                yield b"\n".join(data)
                data = []
        elif line.startswith(b"data:"):
            data.append(line[6:] if line[5:6] == b" " else line[5:])
    if data:
        yield b"\n".join(data)


def edges(body: bytes, head: int, tail: int) -> list[bytes] | None:
    """Return the data of the events in the first ``head`` and the last ``tail`` blocks; the others are not looked at.

    A block ends with a blank line, so each is read as it would be in its place. None where ``body`` is too short to
    save anything, where its lines end with CR, and where a block at its end has no event: comments stand between them.
    """
    line = body.find(b"\n")
    blank = b"\n\r\n" if body[line - 1 : line] == b"\r" else b"\n\n"
    end, begin = 0, len(body)
    for _ in range(head):
        end = body.find(blank, end) + len(blank)
        if end < len(blank):
            return None
    for _ in range(tail + 1):
        begin = body.rfind(blank, end, begin)
        if begin < 0:
            return None
    begin += len(blank)
    last = [*_events(body[begin:])]
    return [*events(body[:end]), *last] if len(last) >= tail else None
