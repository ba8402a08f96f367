"""Events of a stream, whatever freedoms the server takes; and the short way to those at its edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.wire import sse

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
TEXTS = st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=12).map(str.encode)
COMMENTS = TEXTS.map(lambda text: b":" + text)
NAMES = TEXTS.map(lambda text: b"event: " + text)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """Write events with any line ends, comments and names among them; return the bytes and the data of the events."""
    body, told = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])), []
    for _ in range(draw(st.integers(0, 12))):
        data = draw(st.lists(TEXTS, min_size=1, max_size=3))
        colon = draw(st.sampled_from([b"data: ", b"data:"]))
        # A text that begins with a space needs the space of the format before it.
        lines = [(b"data: " if text.startswith(b" ") else colon) + text for text in data]
        for extra in draw(st.lists(COMMENTS | NAMES, max_size=2)):
            lines.insert(draw(st.integers(0, len(lines))), extra)
        body += b"".join(line + draw(ENDS) for line in lines)
        # A CR and an LF would be one line end: the blank line ends as the line before it did, or with CR LF.
        body += b"\r" if body.endswith(b"\r") else draw(st.sampled_from([b"\n", b"\r\n"]))
        told.append(b"\n".join(data))
    return body, told


@given(stream=streams())
def test_any_form_of_a_stream_gives_its_events(stream: tuple[bytes, list[bytes]]) -> None:
    """Mixed line ends, a byte order mark, comments, names, no space, data on several lines, any character."""
    body, told = stream
    assert list(sse.events(body)) == told


@given(stream=streams(), data=st.data())
def test_a_cut_stream_gives_its_whole_events_first(stream: tuple[bytes, list[bytes]], data: st.DataObject) -> None:
    """What is cut is at most the last one."""
    body, told = stream
    found = list(sse.events(body[: data.draw(st.integers(0, len(body)))]))
    assert found[:-1] == told[: max(0, len(found) - 1)]


@given(stream=streams(), head=st.integers(0, 3), tail=st.integers(0, 4))
def test_the_edges_are_the_first_and_the_last_of_all_events(
    stream: tuple[bytes, list[bytes]], head: int, tail: int
) -> None:
    """Never another event, never one twice, never one torn; or None, and all are read."""
    body, told = stream
    edges = sse.edges(body, head, tail)
    if edges is not None:
        assert len(edges) <= len(told)
        assert any(edges == told[:n] + told[len(told) - (len(edges) - n) :] for n in range(len(edges) + 1))


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_edges_of_a_usual_stream_are_found(end: bytes) -> None:
    """Two first and four last of a hundred."""
    body = b"".join(b"data: %d" % n + end + end for n in range(100))
    assert sse.edges(body, 2, 4) == [b"0", b"1", b"96", b"97", b"98", b"99"]
    assert sse.edges(b"\xef\xbb\xbf" + body, 1, 1) == [b"0", b"99"]


def test_a_short_stream_has_no_edges() -> None:
    """All of it is read then."""
    assert sse.edges(b"data: 1\n\ndata: 2\n\n", 2, 4) is None
    assert sse.edges(b"", 2, 4) is None
    assert sse.edges(b"data: 1\r\rdata: 2\r\r" * 50, 2, 4) is None


def test_line_separators_of_unicode_are_no_line_ends() -> None:
    """JSON may carry U+2028 and U+0085 as they are; ``str.splitlines`` would tear the event there."""
    text = '{"content":"a\u2028b\u0085c\u000bd"}'.encode()
    assert list(sse.events(b"data: " + text + b"\n\n")) == [text]


def test_a_stream_with_comments_between_its_events_is_read_whole() -> None:
    """A reason of the end may stand before as many keep-alive comments as there are places at the edge."""
    body = b"".join(b": keep-alive\n\ndata: %d\n\n" % n for n in range(100))
    assert sse.edges(body, 2, 4) is None
