"""IBM watsonx.ai: text generation counts beside each result, chat as OpenAI does.

Reference: https://cloud.ibm.com/apidocs/watsonx-ai
"""

from __future__ import annotations

from msgspec.structs import replace

from outlay.integration import API, Answer, Bounds, Request, Stream, Total, UsageTable
from outlay_integrations.apis import openai

_MODEL = Request(
    model="model_id", limits=("parameters.max_new_tokens",), bounds=Bounds(limit="parameters.max_new_tokens")
)


def _paths(*ways: str) -> tuple[str, ...]:
    """Return the paths of a model that all share, and of one that was deployed for its owner."""
    return tuple(f"ml/v1/{place}text/{way}" for place in ("", "deployments/*/") for way in ways)


GENERATION = API(
    name="watsonx.generation",
    operation="text_completion",
    paths=_paths("generation", "generation_stream"),
    request=_MODEL,
    answer=Answer(
        model=("model_id",),
        id=(),
        usage=(),
        counts={
            "input_token_count": "results.*.input_token_count",
            "generated_token_count": "results.*.generated_token_count",
        },
        finish=("results.*.stop_reason",),
        error=("errors",),
        request_id="x-global-transaction-id",
        text=("results.*.generated_text",),
    ),
    usage=UsageTable(
        totals=(Total(path="input_token_count", rest="input"), Total(path="generated_token_count", rest="output"))
    ),
)

CHAT = replace(
    openai.CHAT,
    paths=_paths("chat", "chat_stream"),
    strangers=(),
    request=Request(
        model="model_id",
        limits=("max_tokens",),
        bounds=Bounds(limit="max_tokens", choices=("n",), callers=("function",)),
    ),
    answer=replace(openai.CHAT.answer, model=("model_id", "model"), request_id="x-global-transaction-id"),
    stream=Stream(ends_with_usage=True),
)

EMBEDDINGS = API(
    name="watsonx.embeddings",
    operation="embeddings",
    paths=("ml/v1/text/embeddings",),
    request=Request(model="model_id", bounds=Bounds(writes=False)),
    answer=Answer(model=("model_id",), id=(), usage=(), counts={"input_token_count": "input_token_count"}),
    usage=UsageTable(totals=(Total(path="input_token_count", rest="input"),)),
)

RERANK = replace(EMBEDDINGS, name="watsonx.rerank", operation="rerank", paths=("ml/v1/text/rerank",))

APIS = (GENERATION, CHAT, EMBEDDINGS, RERANK)
