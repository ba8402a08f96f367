"""A model call is told from any other request by method, path and host; what is missed is counted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlay import plugins
from outlay.wire import recognise
from outlay.wire.recognise import Recogniser, template
from outlay_integrations.apis import anthropic, assistants, openai
from outlay_integrations.providers import PROVIDERS

APIS = (*openai.APIS, *anthropic.APIS)


def recogniser(**hosts: str) -> Recogniser:
    """Make one as ``init()`` does; ``hosts`` with ``_`` for dots."""
    return Recogniser(APIS, PROVIDERS, {host.replace("_", "."): name for host, name in hosts.items()})


def found(method: str, host: str, path: str, **hosts: str) -> tuple[str, str] | None:
    """Return the format and the provider of a request."""
    match = recogniser(**hosts).find(method, host, path)
    return None if match is None else (match.reader.api.name, match.provider.name)


CALLS = [
    ("api.openai.com", "/v1/chat/completions", "openai.chat", "openai"),
    ("api.openai.com", "/v1/completions", "openai.completions", "openai"),
    ("api.openai.com", "/v1/responses", "openai.responses", "openai"),
    ("api.openai.com", "/v1/embeddings", "openai.embeddings", "openai"),
    ("eu.api.openai.com", "/v1/responses", "openai.responses", "openai"),
    ("api.anthropic.com", "/v1/messages", "anthropic.messages", "anthropic"),
    ("api.groq.com", "/openai/v1/chat/completions", "openai.chat", "groq"),
    ("x.openai.azure.com", "/openai/deployments/d/chat/completions", "openai.chat", "azure.ai.openai"),
    ("x.openai.azure.com", "/openai/deployments/d/embeddings", "openai.embeddings", "azure.ai.openai"),
    ("API.OpenAI.com", "/v1/chat/completions", "openai.chat", "openai"),
    ("api.openai.com:443", "/v1/chat/completions", "openai.chat", "openai"),
    ("api.openai.com", "/v1/chat/completions/", "openai.chat", "openai"),
    ("api.openai.com", "//v1//chat/completions", "openai.chat", "openai"),
    ("gateway.test", "/any/prefix/chat/completions", "openai.chat", "unknown"),
    ("gateway.test", "/v1/completions", "openai.completions", "unknown"),
    ("gateway.test", "/v1/responses", "openai.responses", "unknown"),
    ("gateway.test", "/v1/embeddings", "openai.embeddings", "unknown"),
    ("gateway.test", "/v1/messages", "anthropic.messages", "unknown"),
    ("127.0.0.1:8000", "/v1/chat/completions", "openai.chat", "unknown"),
    ("[::1]:8000", "/v1/chat/completions", "openai.chat", "unknown"),
]


@pytest.mark.parametrize("host, path, api, provider", CALLS)
def test_a_model_call_is_recognised(host: str, path: str, api: str, provider: str) -> None:
    """On known hosts, on hosts known by their endings, and by its path on any other."""
    assert found("POST", host, path) == (api, provider)


@pytest.mark.parametrize(
    "method, host, path",
    [
        ("POST", "api.anthropic.com", "/v1/messages/count_tokens"),
        ("POST", "api.openai.com", "/v1/responses/input_tokens"),
        ("POST", "api.openai.com", "/v1/responses/resp_1/cancel"),
        ("POST", "api.anthropic.com", "/v1/messages/batches"),
        ("GET", "api.openai.com", "/v1/models"),
        ("GET", "api.openai.com", "/v1/responses"),
        ("GET", "api.openai.com", "/v1/responses/resp_1/input_items"),
        ("GET", "api.openai.com", "/v1/chat/completions"),
        ("GET", "api.openai.com", "/v1/chat/completions/chatcmpl-1"),
        ("DELETE", "api.openai.com", "/v1/responses/resp_1"),
        ("HEAD", "api.openai.com", "/v1/chat/completions"),
        ("POST", "api.openai.com", "/v1/chat%2Fcompletions"),
        ("POST", "gateway.test", "/forum/messages"),
        ("POST", "gateway.test", "/survey/responses"),
        ("GET", "gateway.test", "/survey/responses/17"),
        ("POST", "gateway.test", "/"),
        ("POST", "gateway.test", ""),
        ("GET", "gateway.test", "/" * 5000),
        ("POST", "notapi.openai.com.evil.test", "/v1/other"),
    ],
)
def test_any_other_request_is_no_call(method: str, host: str, path: str) -> None:
    """Counting, listing, cancelling, another method, or a path that other services have too."""
    assert found(method, host, path) is None


@pytest.mark.parametrize("host", ["api.openai.com", "gateway.test"])
def test_a_poll_of_a_background_answer_is_one_that_may_settle_a_call(host: str) -> None:
    """On any host that speaks the format."""
    match = recogniser().find("GET", host, "/v1/responses/resp_1")
    assert match is not None
    assert match.poll


def test_what_goes_on_with_a_call_is_a_poll_of_it() -> None:
    """An assistant's run is begun by one request, and gone on with by another; both are answered by the run."""
    made = Recogniser(assistants.APIS, PROVIDERS, {})
    begun = made.find("POST", "api.openai.com", "/v1/threads/t_1/runs")
    resumed = made.find("POST", "api.openai.com", "/v1/threads/t_1/runs/run_1/submit_tool_outputs")
    polled = made.find("GET", "api.openai.com", "/v1/threads/t_1/runs/run_1")
    assert [match is not None and match.poll for match in (begun, resumed, polled)] == [False, True, True]
    assert made.find("GET", "api.openai.com", "/v1/threads/t_1/runs") is None


def test_a_call_of_a_host_with_terms_of_its_own_is_read_again_with_them() -> None:
    """After a kill: xAI's host in the US, among those of the same provider."""
    made = recogniser()
    named = [made.named("openai.chat", "x_ai", host) for host in ("us.api.x.ai", "api.x.ai", "")]
    assert [match.provider.terms.get("region") for match in named if match] == ["us", None, None]


def test_a_request_that_only_ends_like_a_models_is_missed_each_time() -> None:
    """Coverage counts it, however often it is sent."""
    made = Recogniser(assistants.APIS, PROVIDERS, {})
    for _ in range(3):
        assert made.find("POST", "api.openai.com", "/v1/evals/runs") is None
    (missed,) = made.coverage(0)
    assert (missed.path, missed.requests, missed.metered, missed.free) == ("/v1/evals/runs", 3, 0, 0)


def test_a_host_that_is_set_wins_over_the_shipped_ones() -> None:
    """Also for a part of what a wildcard names, with a port or without, for providers of our own or the user's."""
    path = "/v1/chat/completions"
    assert found("POST", "api.openai.com", path, api_openai_com="groq") == ("openai.chat", "groq")
    assert found("POST", "x.openai.azure.com", path, x_openai_azure_com="mine") == ("openai.chat", "mine")
    both = Recogniser(APIS, PROVIDERS, {"localhost:8000": "ollama", "localhost": "vllm", "*.llm.test": "anthropic"})
    named = [both.provider(host) for host in ("localhost:8000", "localhost:8001", "a.b.llm.test:8", "llm.test")]
    assert [provider and provider.name for provider in named] == ["ollama", "vllm", "anthropic", None]


def test_a_path_of_a_host_that_is_set_needs_no_version() -> None:
    """A gateway may leave it out; a stranger may not."""
    assert found("POST", "gateway.test", "/anthropic/messages", gateway_test="anthropic") is not None


@given(
    method=st.text(max_size=4) | st.sampled_from(["GET", "POST"]), host=st.text(max_size=8), path=st.text(max_size=20)
)
def test_any_request_is_told(method: str, host: str, path: str) -> None:
    """Never an exception."""
    recogniser().find(method, host, path)


@pytest.mark.parametrize(
    "path, expected",
    [
        ("/v1/responses/resp_68af4030592c81938ec0a5fbab4a3e9f06946435d7cfab58", "/v1/responses/*"),
        ("/v1beta1/x", "/v1beta1/x"),
        ("/openai/deployments/gpt-4o/chat/completions", "/openai/deployments/*/chat/completions"),
        ("/accounts/averyverylongaccountnamethatidentifies/ai", "/accounts/*/ai"),
        ("/v2025/x", "/v2025/x"),
    ],
)
def test_identifiers_do_not_reach_the_coverage(path: str, expected: str) -> None:
    """Whatever has a digit or is long; versions stay."""
    assert template(path) == expected


def test_coverage_counts_what_was_met_and_what_was_missed_once() -> None:
    """Requests, metered, free, by host and template; a second look finds nothing new."""
    tried = recogniser()
    for _ in range(3):
        match = tried.find("POST", "api.openai.com", "/v1/chat/completions")
        assert match is not None
        match.requests += 1
        match.metered += 1
    for number in range(4):
        poll = tried.find("GET", "api.openai.com", f"/v1/responses/resp_{number}")
        assert poll is not None
        poll.requests += 1
        poll.metered += number == 3
    tried.find("POST", "api.openai.com", "/v1/images/generations")
    tried.find("POST", "api.anthropic.com", "/v1/messages/count_tokens")
    tried.find("GET", "api.openai.com", "/v1/models")
    tried.find("POST", "example.test", "/orders")
    taken = {(seen.method, seen.path): (seen.requests, seen.metered, seen.free) for seen in tried.coverage(1)}
    assert taken == {
        ("POST", "/v1/chat/completions"): (3, 3, 0),
        ("GET", "/v1/responses/*"): (4, 1, 3),
        ("POST", "/v1/images/generations"): (1, 0, 0),
        ("POST", "/v1/messages/count_tokens"): (1, 0, 1),
        ("GET", "/v1/models"): (1, 0, 1),
    }
    assert tried.coverage(2) == []


def test_a_call_without_an_end_yet_is_no_miss() -> None:
    """It is counted with its end, also where the end comes in a time without any other request."""
    tried = recogniser()
    match = tried.find("POST", "api.openai.com", "/v1/responses")
    assert match is not None
    match.requests += 3
    match.metered += 1
    (seen,) = tried.coverage(1, in_flight=[match, match])
    assert (seen.requests, seen.metered) == (1, 1)
    match.metered += 1
    (seen,) = tried.coverage(2, in_flight=[match])
    assert (seen.requests, seen.metered) == (1, 1)
    (seen,) = tried.coverage(3)
    assert (seen.requests, seen.metered) == (1, 0), "lost: its end was seen, and no call came of it"
    match.metered += 1
    (seen,) = tried.coverage(4)
    assert (seen.requests, seen.metered) == (0, 1), "an answer that the worker read after its end was counted"
    assert tried.coverage(5) == []


def test_no_count_is_lost_when_the_memory_of_paths_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many identifiers are many paths, and one template."""
    monkeypatch.setattr(recognise, "CACHED", 10)
    tried = recogniser()
    for number in range(100):
        match = tried.find("GET", "api.openai.com", f"/v1/responses/resp_{number}")
        assert match is not None
        match.requests += 1
    assert [seen.requests for seen in tried.coverage(1)] == [100]


PARTS = [
    "v1",
    "responses",
    "resp_1",
    "chat",
    "completions",
    "messages",
    "users",
    "a:b",
    "m:generateContent",
    "",
    "batches",
]


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST"]),
    host=st.sampled_from(["gateway.test", "api.openai.com", "app.test:81"]),
    parts=st.lists(st.sampled_from(PARTS), max_size=4),
)
def test_the_first_look_lets_by_only_what_a_second_would(method: str, host: str, parts: list[str]) -> None:
    """A host that was seen before is known to be no model host; its paths are told by their ends as on any other."""
    path = "/" + "/".join(parts)
    fresh, seen = (Recogniser(plugins.apis(), PROVIDERS, {}) for _ in range(2))
    seen.find("GET", host, "/health")
    first, again = (
        None if match is None else (match.reader.api.name, match.path, match.poll)
        for match in (fresh.find(method, host, path), seen.find(method, host, path))
    )
    assert first == again
