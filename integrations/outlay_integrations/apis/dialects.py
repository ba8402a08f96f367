"""OpenAI's formats as some providers speak them: only what differs, each for its own provider.

References: https://ai.google.dev/gemini-api/docs/openai, https://docs.x.ai/docs/api-reference,
https://api-docs.deepseek.com/api/create-chat-completion, https://console.groq.com/docs/api-reference,
https://docs.perplexity.ai/api-reference, https://docs.voyageai.com/reference, https://platform.moonshot.ai/docs/api/chat
"""

from __future__ import annotations

from msgspec.structs import replace

from outlay.integration import API, Answer, Bounds, Total, UsageTable
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

_TICKS = {"reported": "cost_in_usd_ticks", "reported_per": 10**10}
_SERVER_TOOLS = "server_side_tool_usage_details"

XAI = replace(
    CHAT,
    providers=("x_ai",),
    answer=replace(CHAT.answer, **_TICKS),
    usage=replace(_WITHOUT_THINKING, others={"search_sources": "num_sources_used"}),
)

XAI_RESPONSES = replace(
    RESPONSES,
    providers=("x_ai",),
    answer=replace(RESPONSES.answer, uses={}, used={}, beside=None, **_TICKS),
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

_SEARCHES = Bounds(limit="max_tokens", reasons={"model": "it may search the web"})

PERPLEXITY = replace(
    CHAT,
    providers=("perplexity",),
    request=replace(CHAT.request, bounds=_SEARCHES),
    answer=replace(CHAT.answer, reported="cost.total_cost", usage_terms={"search_context": "search_context_size"}),
    usage=replace(
        CHAT.usage,
        others={"web_search": "num_search_queries", "citation": "citation_tokens"},
        reasoning="reasoning_tokens",
        sum=None,
    ),
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
    providers=("voyageai",),
    answer=Answer(id=()),
    usage=_ALL_IN_TOTAL,
)

APIS = (
    GEMINI, XAI, XAI_RESPONSES, DEEPSEEK, CACHED_BESIDE, GROQ, PERPLEXITY, VOYAGE, VOYAGE_RERANK,
)  # fmt: skip
