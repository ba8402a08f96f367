"""The bodies are those of the providers' references, and their figures are a known function of the request."""

from __future__ import annotations

import httpx
import pytest

from outlay.loopback import Behaviour, ModelHost, Reply, Tokens, ToolCall
from outlay.loopback.reply import DEFAULT_TEXT
from tests.loopback.bodies import CHAT, MESSAGE, STREAM, chat, read_events, stream

EVERYTHING = Tokens(
    input=2000, output=500, cache_read=1000, cache_write=200, cache_write_1h=100, reasoning=300, web_searches=2
)


def test_a_token_is_a_word(client: httpx.Client) -> None:
    """Prompt and answer are counted alike; no figure is left to chance."""
    usage = chat(client).json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (3, len(DEFAULT_TEXT.split()))


def test_a_model_answers_under_the_name_of_its_snapshot(client: httpx.Client) -> None:
    """An unknown name is echoed."""
    assert chat(client).json()["model"] == "gpt-4o-mini-2024-07-18"
    assert chat(client, model="llama-9").json()["model"] == "llama-9"


def test_a_stream_speaks_of_usage_only_when_asked(client: httpx.Client) -> None:
    """Not asked: no chunk has the key. Asked: it is null in each, and whole in a last chunk without choices."""
    told = stream(client)
    assert told[-1] == "[DONE]"
    assert told[-2]["choices"] == []
    assert told[-2]["usage"]["total_tokens"] == 13
    assert all(chunk["usage"] is None for chunk in told[:-2])
    for options in (None, {}, {"include_usage": False}):
        silent = stream(client, stream_options=options)
        assert len(silent) == len(told) - 1
        assert all("usage" not in chunk and chunk["choices"] for chunk in silent[:-1])


def test_openai_indents_its_plain_answers_and_anthropic_does_not(client: httpx.Client) -> None:
    """As the real ones do, so that a reader of bytes meets both."""
    assert b'{\n  "id": "chatcmpl-' in chat(client).content
    assert b"\n" not in client.post("/v1/messages", json=MESSAGE).content


def test_openai_counts_parts_inside_totals(client: httpx.Client, host: ModelHost) -> None:
    """Cached and reasoning tokens are in the totals."""
    host.script(Behaviour(reply=Reply(tokens=EVERYTHING)))
    usage = client.post("/v1/chat/completions", json=CHAT).json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (2000, 500, 2500)
    assert usage["prompt_tokens_details"] == {"cached_tokens": 1000, "audio_tokens": 0, "cache_write_tokens": 300}
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 300


def test_anthropic_counts_cached_input_apart(client: httpx.Client, host: ModelHost) -> None:
    """Its classes do not overlap."""
    host.script(Behaviour(reply=Reply(tokens=EVERYTHING)))
    usage = client.post("/v1/messages", json=MESSAGE).json()["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (700, 1000, 500)
    assert usage["cache_creation_input_tokens"] == 300
    assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100}
    assert usage["server_tool_use"] == {"web_search_requests": 2, "web_fetch_requests": 0}


def test_anthropics_last_usage_overrides_the_first(client: httpx.Client, host: ModelHost) -> None:
    """``message_delta`` is cumulative, and may say more input than ``message_start`` did."""
    host.script(Behaviour(reply=Reply(thinking="well then", tokens=Tokens(input=900, input_first=100))))
    events = read_events(client.post("/v1/messages", json=MESSAGE | {"stream": True}))
    assert [event["type"] for event in events[:3]] == ["message_start", "content_block_start", "ping"]
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    first, last = events[0]["message"]["usage"], events[-2]["usage"]
    assert (first["input_tokens"], first["output_tokens"]) == (100, 1)
    assert (last["input_tokens"], last["output_tokens"]) == (900, 12)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_a_streamed_answer_says_what_the_plain_one_does(client: httpx.Client, host: ModelHost, path: str) -> None:
    """Both bill the same usage."""
    body = MESSAGE | {"input": "three words here"}
    if path == "/v1/responses":
        del body["messages"]
    reply = Reply(thinking="let me see", tool_calls=(ToolCall("look_up", {"what": "a price"}),))
    host.script(Behaviour(reply=reply), Behaviour(reply=reply))
    client.post(path, json=body).raise_for_status()
    client.post(path, json=body | {"stream": True}).raise_for_status()
    plain, streamed = host.billed
    assert plain.usage == streamed.usage
    assert (plain.streamed, streamed.streamed) == (False, True)


def test_an_output_limit_cuts_the_answer(client: httpx.Client) -> None:
    """The limit is in tokens, which are words."""
    answer = chat(client, max_tokens=4).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 4
    message = client.post("/v1/messages", json=MESSAGE | {"max_tokens": 4}).json()
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("max_tokens", 4)
    response = client.post("/v1/responses", json={"model": "gpt-4o", "input": "hi", "max_output_tokens": 4}).json()
    assert (response["status"], response["usage"]["output_tokens"]) == ("incomplete", 4)


def test_the_served_tier_is_told(client: httpx.Client) -> None:
    """It is the one asked for, unless the script serves another."""
    assert chat(client).json()["service_tier"] == "default"
    assert chat(client, service_tier="flex").json()["service_tier"] == "flex"
    assert chat(client, "tier=default", service_tier="priority").json()["service_tier"] == "default"


def test_the_host_keeps_requests_and_bills(client: httpx.Client, host: ModelHost) -> None:
    """Every request as it came; a bill for each that a provider charges for."""
    chat(client, "429")
    response = chat(client)
    client.post("/v1/messages/count_tokens", json=MESSAGE)
    client.post("/v1/responses/input_tokens", json={"model": "gpt-4o", "input": "hi"}).raise_for_status()
    client.get("/v1/models")
    assert [request.method for request in host.requests] == ["POST", "POST", "POST", "POST", "GET"]
    assert host.requests[1].json() == CHAT
    assert host.requests[1].header("x-loopback") == "ok"
    (bill,) = host.billed
    assert (bill.api, bill.model, bill.request) == ("openai.chat", "gpt-4o-mini-2024-07-18", host.requests[1])
    assert bill.request_id == response.headers["x-request-id"]
    assert (bill.id, bill.usage) == (response.json()["id"], response.json()["usage"])


def test_any_prefix_leads_to_the_api(client: httpx.Client, host: ModelHost) -> None:
    """Gateways and Azure have paths of their own before the API's."""
    client.post("/openai/deployments/mine/chat/completions?api-version=1", json=STREAM).raise_for_status()
    assert host.requests[0].query == "api-version=1"


def test_a_bad_request_is_refused_in_the_providers_words(client: httpx.Client, host: ModelHost) -> None:
    """Both providers' errors, and nothing billed."""
    openai = client.post("/v1/chat/completions", json={"model": "gpt-4o"})
    anthropic = client.post("/v1/messages", json=CHAT)
    nonsense = client.post("/v1/chat/completions", content=b"{")
    missing = client.post("/v1/images/generations", json={})
    assert [answer.status_code for answer in (openai, anthropic, nonsense, missing)] == [400, 400, 400, 404]
    assert openai.json()["error"]["type"] == "invalid_request_error"
    assert anthropic.json()["error"] == {"type": "invalid_request_error", "message": "max_tokens: Field required"}
    assert host.billed == []
