"""Whatever a host answers: the caller sees what a bare client sees, and one record says what could be known."""

from __future__ import annotations

import json
from typing import Any

import httpx
import httpx2
import pytest

from outlay.loopback import Behaviour, ModelHost
from outlay.records import Call
from tests.wire.clients import KINDS, ask
from tests.wire.conftest import Metered

HAS_ZSTD = "zstd" in httpx2._decoders.SUPPORTED_DECODERS  # noqa: SLF001 - depends on what is installed
EXACT, GUESS, NOTHING = "exact", "estimate", "none"


def figures(call: Call) -> str:
    """Return what kind of usage a record holds."""
    if call.usage is None:
        return NOTHING
    return GUESS if call.usage.estimated else EXACT


PLAIN: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "ok": ("ok", EXACT, ()),
    "not_json": ("ok", GUESS, ("unreadable",)),
    "truncated": ("ok", GUESS, ("unreadable",)),
    "charset=utf-16": ("ok", EXACT, ()),
    "charset=latin-1": ("ok", EXACT, ()),
    "gzip": ("ok", EXACT, ()),
    "deflate": ("ok", EXACT, ()),
    "br": ("ok", EXACT, ()),
    "zstd": ("ok", EXACT, ()),
    "gzip+split=1": ("ok", EXACT, ()),
    "usage=missing": ("ok", GUESS, ("usage_missing",)),
    "usage=null": ("ok", GUESS, ("usage_missing",)),
    "usage=empty": ("ok", GUESS, ("usage_missing",)),
    "usage=negative": ("ok", GUESS, ("usage_invalid", "usage_missing")),
    "usage=absurd": ("ok", GUESS, ("usage_invalid", "usage_missing")),
    "usage=strings": ("ok", GUESS, ("usage_invalid", "usage_missing")),
    "usage=list": ("ok", GUESS, ("usage_invalid", "usage_missing")),
    "204": ("ok", GUESS, ("unreadable",)),
    "307": ("error", NOTHING, ()),
    "html": ("error", NOTHING, ()),
    "400": ("error", NOTHING, ()),
    "429": ("error", NOTHING, ()),
    "500": ("error", NOTHING, ()),
    "drop": ("error", GUESS, ()),
    "cut=1": ("error", GUESS, ()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", sorted(PLAIN))
def test_a_plain_answer_of_any_kind_is_one_record(metered: Metered, kind: str, steps: str) -> None:
    """Marked as it should be; status, headers, bytes, request and exception are the bare client's."""
    with metered.off():
        bare = ask(kind, steps)
    same = ask(kind, steps) == bare  # apart, as pytest takes long to explain long answers
    assert same
    call = metered.only()
    outcome, usage, marks = PLAIN[steps]
    if steps == "zstd" and kind.startswith("httpx2") and not HAS_ZSTD:
        usage, marks = GUESS, ("unreadable",)  # the caller can't read it either
    assert (call.outcome, figures(call), call.marks) == (outcome, usage, marks)


STREAMS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "ok": ("ok", EXACT, ()),
    "split=1": ("ok", EXACT, ()),
    "split=7+crlf": ("ok", EXACT, ()),
    "split=3+cr": ("ok", EXACT, ()),
    "bom+comments+nospace": ("ok", EXACT, ()),
    "random=5": ("ok", EXACT, ()),
    "gzip": ("ok", EXACT, ()),
    "gzip+split=1": ("ok", EXACT, ()),
    "deflate": ("ok", EXACT, ()),
    "br": ("ok", EXACT, ()),
    "br+split=2": ("ok", EXACT, ()),
    "zstd": ("ok", EXACT, ()),
    "zstd+split=2": ("ok", EXACT, ()),
    "usage=negative": ("ok", GUESS, ("usage_invalid", "usage_missing")),
    "usage=strings": ("ok", GUESS, ("usage_invalid", "usage_missing")),
    "error=3": ("error", GUESS, ()),
    "cut=3": ("error", GUESS, ()),
    "cut=3+gzip": ("error", GUESS, ()),
    "cut=3+br": ("error", GUESS, ()),
    "cut=3+zstd": ("error", GUESS, ()),
    "drop": ("error", GUESS, ()),
    "refuse": ("ok", GUESS, ("usage_refused", "usage_missing")),
    "429": ("error", NOTHING, ()),
    "html": ("error", NOTHING, ()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", sorted(STREAMS))
def test_a_stream_of_any_kind_is_one_record(metered: Metered, kind: str, steps: str) -> None:
    """It was asked for its usage on the way, and the caller can't tell."""
    with metered.off():
        bare = ask(kind, steps, stream=True)
    same = ask(kind, steps, stream=True) == bare
    assert same
    call = metered.only()
    outcome, usage, marks = STREAMS[steps]
    assert (call.outcome, figures(call), call.marks) == (outcome, usage, ("usage_requested", *marks))


@pytest.mark.parametrize("kind, stream", [("httpx", True), ("httpx2 async", False)])
def test_an_answer_of_fifty_megabytes_is_read(metered: Metered, kind: str, stream: bool) -> None:
    """Plain, and plain but read as it comes."""
    metered.meter._asking = None  # noqa: SLF001 - a plain answer that is read like a stream
    seen = ask(kind, "huge", stream=stream, body={"stream": False})
    assert len(seen[2]) > 50_000_000
    del seen
    call = metered.only()
    assert (call.outcome, figures(call), call.marks) == ("ok", EXACT, ())


def test_a_redirect_that_is_followed_is_one_call(metered: Metered) -> None:
    """One send, one record; the caller sees where it ended."""
    for stream in (False, True):
        with metered.off():
            bare = ask("httpx", "307,ok", stream=stream, follow_redirects=True)
        seen = ask("httpx", "307,ok", stream=stream, follow_redirects=True)
        same = seen[:4] == bare[:4]
        assert same
        assert seen[-1] == bare[-1] == b"1"
        assert figures(metered.only()) == EXACT


def test_an_error_inside_a_good_answer_costs_nothing(metered: Metered) -> None:
    """Some gateways say 200 and put the error into the body: no usage, no text, no bill."""
    body = json.dumps({"error": {"code": 429, "message": "a prompt may stand here"}}).encode()
    with ModelHost(Behaviour(body=lambda _: body)) as gateway:
        _post(gateway)
    call = metered.only()
    assert (call.outcome, call.error_type, call.cost.status) == ("error", "429", "free")


def _post(host: ModelHost) -> Any:
    with httpx.Client(verify=False) as client:
        return client.post(f"{host.openai_url}/chat/completions", json={"model": "gpt-4o-mini", "messages": []})
