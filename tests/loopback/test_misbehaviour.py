"""Each misbehaviour arrives as such at a client that knows nothing of model APIs."""

from __future__ import annotations

import json
import threading
from itertools import pairwise
from typing import Any

import httpx
import pytest

from outlay.loopback import Behaviour, ModelHost, SseForm, cut_randomly
from outlay.loopback.reply import DEFAULT_TEXT
from tests.loopback.bodies import CHAT, MESSAGE, STREAM, chat, read_events, stream


def text_of(events: list[Any]) -> str:
    """Join the text of a chat stream's chunks."""
    return "".join(choice["delta"].get("content") or "" for chunk in events[:-1] for choice in chunk["choices"])


@pytest.mark.parametrize("step,status", [("429", 429), ("500", 500), ("503", 503), ("529", 529), ("400", 400)])
def test_an_error_has_its_status_and_the_providers_form(client: httpx.Client, step: str, status: int) -> None:
    """OpenAI's has a type and a code, Anthropic's a type beside the request's id."""
    openai = chat(client, step)
    anthropic = client.post("/v1/messages", json=MESSAGE, headers={"x-loopback": step})
    assert openai.status_code == anthropic.status_code == status
    assert set(openai.json()["error"]) == {"message", "type", "param", "code"}
    assert anthropic.json()["request_id"] == anthropic.headers["request-id"]


def test_a_429_says_when_to_come_back(client: httpx.Client) -> None:
    """In seconds and in milliseconds, as OpenAI does."""
    headers = chat(client, "429+retry_after=1.5").headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("2", "1500")


def test_the_header_is_a_list_of_attempts(client: httpx.Client) -> None:
    """Its last step stays; an SDK's own count of retries decides where it is sent."""
    assert [chat(client, "429,500,ok").status_code for _ in range(4)] == [429, 500, 200, 200]
    headers = {"x-loopback": "429,ok", "x-stainless-retry-count": "0"}
    answers = [client.post("/v1/chat/completions", json=CHAT, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [429, 429]


def test_an_old_server_refuses_what_it_does_not_know(client: httpx.Client) -> None:
    """400 with the parameter's name where it is sent, an answer where it is not."""
    refused = client.post("/v1/chat/completions", json=STREAM, headers={"x-loopback": "refuse"})
    assert refused.status_code == 400
    assert "stream_options" in refused.json()["message"]
    assert chat(client, "refuse", stream=True).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_answers_are_compressed(client: httpx.Client, encoding: str) -> None:
    """Plain and streamed; a client that can decode them reads the same."""
    plain = chat(client, encoding)
    assert plain.headers["content-encoding"] == encoding
    assert plain.json()["usage"]["total_tokens"] == 13
    assert text_of(stream(client, encoding)) == DEFAULT_TEXT


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_compressed_stream_is_flushed_at_each_event(client: httpx.Client, encoding: str) -> None:
    """What has been sent before a cut can be read."""
    parts: list[bytes] = []
    headers = {"x-loopback": f"{encoding}+cut=4"}
    with (
        pytest.raises(httpx.RemoteProtocolError),
        client.stream("POST", "/v1/chat/completions", json=STREAM, headers=headers) as response,
    ):
        parts.extend(response.iter_bytes())
    assert b"".join(parts).count(b"data: ") == 4


@pytest.mark.parametrize("split", [1, 2, 7, cut_randomly(3), cut_randomly(4)], ids=lambda split: str(split)[:12])
def test_a_stream_is_cut_anywhere(client: httpx.Client, host: ModelHost, split: int | tuple[int, ...]) -> None:
    """Also inside a character and between the bytes of a line's end; joined it is what it was."""
    host.script(Behaviour(split=split, sse=SseForm(newline="\r\n")))
    with client.stream("POST", "/v1/chat/completions", json=STREAM) as response:
        pieces = list(response.iter_raw())
    body = b"".join(pieces)
    sizes = {len(piece) for piece in pieces[:-1]}
    assert sizes == {split} if isinstance(split, int) else len(sizes) > 10
    assert text_of(read_events(httpx.Response(200, content=body))) == DEFAULT_TEXT
    if split == 1:
        assert any(before[-1:] == b"\xc3" and after[0] >= 0x80 for before, after in pairwise(pieces))
        assert (b"\r", b"\n") in pairwise(pieces)


@pytest.mark.parametrize("form", ["crlf", "cr", "bom", "comments", "nospace", "cr+bom+comments+nospace"])
def test_a_stream_has_any_form_that_the_format_allows(client: httpx.Client, form: str) -> None:
    """The bytes differ from the providers' own, the events do not."""
    plain, other = (client.post("/v1/chat/completions", json=STREAM, headers={"x-loopback": s}) for s in ("ok", form))
    assert plain.content != other.content
    assert text_of(read_events(other)) == DEFAULT_TEXT


def test_a_stream_breaks_off_with_an_error(client: httpx.Client) -> None:
    """Each API says it in its own way, and says nothing after it."""
    assert stream(client, "error=2")[-1]["error"]["type"] == "server_error"
    for path, kind in (("/v1/responses", "error"), ("/v1/messages", "error")):
        body = MESSAGE | {"stream": True, "input": "hi"}
        events = read_events(client.post(path, json=body, headers={"x-loopback": "error=2"}))
        assert len(events) == 3
        assert events[-1]["type"] == kind


@pytest.mark.parametrize("steps", ["drop", "cut=0", "cut=3", "cut=1+split=1"])
def test_a_connection_is_cut(client: httpx.Client, host: ModelHost, steps: str) -> None:
    """Before the headers, after them, or in mid-stream; the next request finds the host well."""
    with pytest.raises(httpx.RemoteProtocolError):
        stream(client, steps)
    with pytest.raises(httpx.RemoteProtocolError):
        chat(client, steps)
    assert len(host.billed) == (0 if steps == "drop" else 2)
    assert chat(client).status_code == 200


@pytest.mark.parametrize(
    "step,told",
    [("null", None), ("list", [{}]), ("empty", {}), ("negative", -7), ("absurd", 10**30), ("strings", "13")],
)
def test_usage_is_told_wrong(client: httpx.Client, host: ModelHost, step: str, told: object) -> None:
    """The answer lies; the bill does not."""
    usage = chat(client, f"usage={step}").json()["usage"]
    said = usage["total_tokens"] if isinstance(usage, dict) and usage else usage
    assert said == told if step != "list" else isinstance(usage, list)
    assert host.billed[0].usage["total_tokens"] == 13


def test_usage_is_missing(client: httpx.Client) -> None:
    """From plain answers and from streams, of both providers."""
    assert "usage" not in chat(client, "usage=missing").json()
    events = read_events(
        client.post("/v1/messages", json=MESSAGE | {"stream": True}, headers={"x-loopback": "usage=missing"})
    )
    assert all("usage" not in event and "usage" not in event.get("message", {}) for event in events)


def test_bodies_are_not_what_they_say(client: httpx.Client) -> None:
    """No JSON, half a JSON, a page of a proxy's, nothing, too much, another charset."""
    for steps in ("not_json", "truncated"):
        with pytest.raises(json.JSONDecodeError):
            chat(client, steps).json()
    page = chat(client, "html")
    assert (page.status_code, page.headers["content-type"]) == (502, "text/html")
    assert b"<html>" in page.content
    nothing = chat(client, "204")
    assert (nothing.status_code, nothing.content) == (204, b"")
    assert len(chat(client, "huge").content) > 50_000_000
    foreign = chat(client, "charset=latin-1")
    assert foreign.headers["content-type"] == "application/json; charset=latin-1"
    assert json.loads(foreign.content.decode("latin-1"))["choices"][0]["message"]["content"] == DEFAULT_TEXT


def test_a_redirect_keeps_method_and_body(client: httpx.Client, host: ModelHost) -> None:
    """307: the client posts again, to the same host."""
    host.script("307")
    response = client.post("/v1/chat/completions", json=CHAT, follow_redirects=True)
    assert response.json()["usage"]["total_tokens"] == 13
    assert [request.query for request in host.requests] == ["", "redirected=1"]


@pytest.mark.parametrize("steps", ["hang", "hang=1"])
def test_a_hanging_request_goes_on_when_released(client: httpx.Client, host: ModelHost, steps: str) -> None:
    """Before the headers or in mid-body; until then nothing more comes."""
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=CHAT, headers={"x-loopback": steps}, timeout=0.1)
    threading.Timer(0.05, host.release).start()
    assert chat(client, steps).json()["usage"]["total_tokens"] == 13


def test_a_slow_stream_comes_bit_by_bit(client: httpx.Client) -> None:
    """The delay stands before each event."""
    response = client.post("/v1/chat/completions", json=STREAM, headers={"x-loopback": "slow=0.01"})
    assert response.elapsed.total_seconds() > 0.01 * len(read_events(response))


def test_an_unknown_step_is_named(client: httpx.Client, host: ModelHost) -> None:
    """A slip in a test shows itself at once, by header or by script."""
    answer = chat(client, "ok+gzzip")
    assert answer.status_code == 400
    assert "'gzzip'" in answer.json()["error"]["message"]
    with pytest.raises(ValueError, match="'gzzip'"):
        host.script("gzzip")
