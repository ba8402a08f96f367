"""Cohere's own formats, versions 1 and 2: it bills ``billed_units``, not the ``tokens`` that it counts beside them.

Reference: https://docs.cohere.com/reference/chat
"""

from __future__ import annotations

from outlay.integration import API, Answer, Bounds, Request, Stream, Total, UsageTable

_BILLED = UsageTable(
    totals=(
        Total(path="billed_units.input_tokens", rest="input", parts={"cache_read": "cached_tokens"}),
        Total(path="billed_units.output_tokens", rest="output"),
    ),
    others={
        "rerank": "billed_units.search_units",
        "classifications": "billed_units.classifications",
        "images": "billed_units.images",
    },
)

CHAT = API(
    name="cohere.chat",
    operation="chat",
    paths=("v2/chat", "v1/chat"),
    providers=("cohere",),
    request=Request(
        limits=("max_tokens",),
        bounds=Bounds(
            limit="max_tokens",
            thinking=("thinking.token_budget",),
            reasons={"connectors": "it may search (connectors)", "conversation_id": "it goes on with what is kept"},
            callers=("function",),
        ),
    ),
    answer=Answer(
        model=(),
        id=("generation_id", "response_id", "id"),
        usage=("usage", "delta.usage", "meta", "response.meta"),
        finish=("finish_reason", "delta.finish_reason"),
        error=("error", "delta.error"),
        request_id="x-request-id",
        text=("message.content.*.text", "delta.message.content.text", "text"),
        tools={
            '"tool_calls"': (
                *("message.tool_calls.*.function.name", "message.tool_calls.*.function.arguments"),
                *("delta.message.tool_calls.function.name", "delta.message.tool_calls.function.arguments"),
                *("tool_calls.*.name", "tool_calls.*.parameters"),
            )
        },
        tools_finish=("TOOL_CALL",),
    ),
    stream=Stream(ends_with_usage=True),
    usage=_BILLED,
)

EMBED = API(
    name="cohere.embed",
    operation="embeddings",
    paths=("v2/embed", "v1/embed", "v1/classify"),
    providers=("cohere",),
    answer=Answer(model=(), usage=("meta",)),
    usage=_BILLED,
)

RERANK = API(
    name="cohere.rerank",
    operation="rerank",
    paths=("v2/rerank", "v1/rerank"),
    providers=("cohere",),
    answer=Answer(model=(), usage=("meta",)),
    usage=_BILLED,
)

APIS = (CHAT, EMBED, RERANK)
