"""Server-sent events, on bytes: what a stream's chunks say, wherever they were cut."""

from __future__ import annotations

from collections.abc import Iterator

DONE = b"[DONE]"


def events(body: bytes) -> Iterator[bytes]:
    """Yield the data of each whole event of ``body``, a last one without its blank line included.

    Any mix of LF, CRLF and CR; a BOM, comments, other fields and a missing space after the colon are as the standard
    has them. ``bytes.splitlines`` only: ``str.splitlines`` also splits at U+2028, which JSON may carry as it is.
    """
    data: list[bytes] = []
    for line in body.removeprefix(b"\xef\xbb\xbf").splitlines():
        if not line:
            if data:
                yield b"\n".join(data)
                data = []
        elif line.startswith(b"data:"):
            data.append(line[6:] if line[5:6] == b" " else line[5:])
    if data:
        yield b"\n".join(data)


def edges(body: bytes, head: int, tail: int) -> list[bytes] | None:
    """Return the data of the first ``head`` and the last ``tail`` one-line events, without reading what lies between.

    None where ``body`` is too short to save anything, or not made of LF lines of one event each.
    """
    first, at = _forward(body, head)
    last = _backward(body, tail, at)
    return None if first is None or last is None else first + last


def _forward(body: bytes, count: int) -> tuple[list[bytes] | None, int]:
    found: list[bytes] = []
    at = 0
    while len(found) < count:
        end = body.find(b"\n", at)
        if end < 0:
            return None, 0
        line = body[at:end].rstrip(b"\r")
        if line.startswith(b"data:"):
            found.append(line[5:].lstrip(b" "))
        at = end + 1
    return found, at


def _backward(body: bytes, count: int, stop: int) -> list[bytes] | None:
    found: list[bytes] = []
    end = len(body)
    while len(found) < count:
        at = body.rfind(b"\n", stop, end - 1) + 1
        if at <= stop:
            return None
        line = body[at:end].strip(b"\r\n")
        if line.startswith(b"data:"):
            found.append(line[5:].lstrip(b" "))
        end = at
    return found[::-1]
