"""OpenAI's formats as some providers speak them: only what differs, each for its own provider.

References: https://ai.google.dev/gemini-api/docs/openai, https://docs.x.ai/docs/api-reference,
https://api-docs.deepseek.com/api/create-chat-completion, https://console.groq.com/docs/api-reference,
https://docs.perplexity.ai/api-reference, https://docs.voyageai.com/reference, https://platform.moonshot.ai/docs/api/chat
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from outlay.integration import API, Answer, Bounds, Request, Total, UsageTable
from outlay_integrations.apis.openai import CHAT, EMBEDDINGS, RESPONSES

_PROMPT, _COMPLETION = CHAT.usage.totals


def _cached_as(*paths: str) -> UsageTable:
    """Return the table of chats whose cached tokens stand elsewhere in the usage object."""
    parts = {**_PROMPT.parts, "cache_read": " | ".join((_PROMPT.parts["cache_read"], *paths))}
    return replace(CHAT.usage, totals=(replace(_PROMPT, parts=parts), _COMPLETION))


# Thinking stands in no count but the grand total: output is what that leaves.
_WITHOUT_THINKING = replace(
    CHAT.usage,
    totals=(_PROMPT, replace(_COMPLETION, path="total_tokens - prompt_tokens | completion_tokens")),
)

GEMINI = replace(
    CHAT,
    providers=("gcp.gemini", "gcp.vertex_ai"),
    usage=replace(_WITHOUT_THINKING, reasoning="total_tokens - prompt_tokens - completion_tokens"),
)

_TICKS: dict[str, Any] = {"reported": "cost_in_usd_ticks", "reported_per": 10**10}
_SERVER_TOOLS = "server_side_tool_usage_details"

XAI = replace(
    CHAT,
    providers=("x_ai",),
    answer=replace(CHAT.answer, accepted=("request_id",), **_TICKS),
    usage=replace(_WITHOUT_THINKING, others={"search_sources": "num_sources_used"}),
)

# A chat that was to be deferred, asked for until it is there.
XAI_DEFERRED = replace(
    XAI,
    paths=(),
    polls=("chat/deferred-completion/*",),
    asks_for="",
    answer=replace(XAI.answer, deferred=True),
    stream=None,
)

XAI_RESPONSES = replace(
    RESPONSES,
    providers=("x_ai",),
    answer=replace(RESPONSES.answer, uses={}, unbilled_uses={}, used={}, beside=None, **_TICKS),
    usage=replace(
        RESPONSES.usage,
        others={
            "web_search": f"{_SERVER_TOOLS}.web_search_calls",
            "social_search": f"{_SERVER_TOOLS}.x_search_calls",
            "code_execution": f"{_SERVER_TOOLS}.code_interpreter_calls",
            "file_search": f"{_SERVER_TOOLS}.file_search_calls",
        },
    ),
)

DEEPSEEK = replace(CHAT, providers=("deepseek",), usage=_cached_as("prompt_cache_hit_tokens"))

CACHED_BESIDE = replace(CHAT, providers=("moonshotai", "together"), usage=_cached_as("cached_tokens"))

GROQ = replace(CHAT, providers=("groq",), answer=replace(CHAT.answer, usage=("usage", "x_groq.usage")))

_TOTAL_COST = "cost.total_cost"
_SEARCHES = Bounds(limit="max_tokens", reasons={"model": "it may search the web"})

PERPLEXITY = replace(
    CHAT,
    providers=("perplexity",),
    paths=("chat/completions", "v1/sonar"),
    request=replace(CHAT.request, bounds=_SEARCHES),
    answer=replace(CHAT.answer, reported=_TOTAL_COST, usage_terms={"search_context": "search_context_size"}),
    usage=replace(
        CHAT.usage,
        others={"web_search": "num_search_queries", "citation": "citation_tokens"},
        reasoning="reasoning_tokens",
        sum=None,
    ),
)

PERPLEXITY_ASYNC = replace(
    PERPLEXITY,
    paths=("async/chat/completions", "async/sonar"),
    polls=("async/chat/completions/*", "async/sonar/*"),
    estimable=False,
    request=Request(model="request.model"),
    answer=replace(
        PERPLEXITY.answer,
        model=("response.model", "model"),
        usage=("response.usage",),
        finish=("response.choices.*.finish_reason",),
        status=("status",),
        error=("error_message",),
        deferred=True,
        created=("created_at",),
        running=("CREATED", "IN_PROGRESS"),
        unbilled=("FAILED",),
        text=(),
    ),
    stream=None,
)

PERPLEXITY_RESPONSES = replace(
    RESPONSES,
    providers=("perplexity",),
    paths=("responses", "v1/agent"),
    strangers=(),
    polls=("responses/*", "v1/agent/*"),
    answer=replace(RESPONSES.answer, reported=_TOTAL_COST, uses={}, unbilled_uses={}, used={}, beside=None),
)

PERPLEXITY_EMBEDDINGS = replace(
    EMBEDDINGS, providers=("perplexity",), answer=replace(EMBEDDINGS.answer, reported=_TOTAL_COST)
)

_ALL_IN_TOTAL = UsageTable(totals=(Total(path="total_tokens", rest="input"),), others={"input_pixels": "image_pixels"})

VOYAGE = replace(
    EMBEDDINGS,
    providers=("voyageai",),
    paths=("embeddings", "multimodalembeddings", "contextualizedembeddings"),
    strangers=(),
    usage=_ALL_IN_TOTAL,
)

VOYAGE_RERANK = API(
    name="voyage.rerank",
    operation="rerank",
    paths=("v1/rerank",),
    providers=("voyageai", "together", "fireworks"),
    answer=Answer(id=()),
    usage=_ALL_IN_TOTAL,
)

# Whatever model is served there answers as OpenAI's would.
DATABRICKS = replace(
    CHAT,
    providers=("databricks",),
    paths=("serving-endpoints/*/invocations",),
    request=replace(CHAT.request, in_path="serving-endpoints/*/"),
)

APIS = (
    GEMINI, XAI, XAI_DEFERRED, XAI_RESPONSES, DEEPSEEK, CACHED_BESIDE, GROQ, PERPLEXITY, PERPLEXITY_ASYNC,
    PERPLEXITY_RESPONSES, PERPLEXITY_EMBEDDINGS, VOYAGE, VOYAGE_RERANK, DATABRICKS,
)  # fmt: skip
