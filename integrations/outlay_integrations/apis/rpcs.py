"""Formats by gRPC: what Google's generated clients and xai-sdk speak. Their messages are read as protobuf's JSON.

Google's RPCs stand for REST requests, whose formats they are. xAI's usage counts thinking apart from the answer, in the
grand total alone; the limit of a request holds for neither thinking nor function calls, so that it bounds nothing.
References: https://cloud.google.com/vertex-ai/docs/reference/rpc/google.cloud.aiplatform.v1,
https://ai.google.dev/api/all-methods, https://github.com/xai-org/xai-proto
"""

from __future__ import annotations

from msgspec.structs import replace

from outlay.integration import API, Answer, Request, Stream, Total, UsageTable
from outlay_integrations.apis.gemini import EMBED, GENERATE, PREDICT

_VERTEX = "google.cloud.aiplatform.*.PredictionService"
_GEMINI = "google.ai.generativelanguage.*.GenerativeService"


def _rpcs(api: API, rest: str, *methods: str) -> API:
    return replace(
        api, paths=tuple(f"{service}/{method}" for service in (_VERTEX, _GEMINI) for method in methods), rest=rest
    )


GENERATE_RPC = _rpcs(GENERATE, "v1/{model}:generateContent", "GenerateContent", "StreamGenerateContent")
EMBED_RPC = _rpcs(EMBED, "v1/{model}:embedContent", "EmbedContent", "BatchEmbedContents")
PREDICT_RPC = replace(PREDICT, paths=(f"{_VERTEX}/Predict",), rest="v1/{endpoint}:predict")

_TOOL = "serverSideToolsUsed[=SERVER_SIDE_TOOL_{}]"

XAI = API(
    name="x_ai.chat",
    operation="chat",
    paths=("xai_api.Chat/GetCompletion", "xai_api.Chat/GetCompletionChunk", "xai_api.Chat/CompactContext"),
    request=Request(choices="n", tier="serviceTier"),
    answer=Answer(
        finish=("outputs.*.finishReason",),
        error=("error",),
        reported="costInUsdTicks",
        reported_per=10**10,
        text=(
            "outputs.*.message.content",
            "outputs.*.message.reasoningContent",
            "outputs.*.message.toolCalls.*.function.arguments",
            "outputs.*.delta.content",
            "outputs.*.delta.reasoningContent",
            "outputs.*.delta.toolCalls.*.function.arguments",
        ),
        tools={
            '"toolCalls"': (
                *("outputs.*.message.toolCalls.*.function.name", "outputs.*.message.toolCalls.*.function.arguments"),
                *("outputs.*.delta.toolCalls.*.function.name", "outputs.*.delta.toolCalls.*.function.arguments"),
            )
        },
    ),
    stream=Stream(ends_with_usage=True),
    usage=UsageTable(
        totals=(
            Total(path="promptTokens", rest="input", parts={"cache_read": "cachedPromptTextTokens"}),
            Total(path="totalTokens - promptTokens | completionTokens", rest="output"),
        ),
        others={
            "search_sources": "numSourcesUsed",
            "web_search": _TOOL.format("WEB_SEARCH"),
            "social_search": _TOOL.format("X_SEARCH"),
            "code_execution": _TOOL.format("CODE_EXECUTION"),
            "file_search": _TOOL.format("COLLECTIONS_SEARCH"),
        },
        reasoning="reasoningTokens",
    ),
)

_START, _GET = "xai_api.Chat/StartDeferredCompletion", "xai_api.Chat/GetDeferredCompletion"

XAI_DEFERRED = replace(
    XAI,
    paths=(_START, _GET),
    resumes=(_GET,),
    asks_for="requestId",
    estimable=False,
    answer=replace(
        XAI.answer,
        model=("response.model",),
        id=(),
        usage=("response.usage",),
        finish=("response.outputs.*.finishReason",),
        status=("status",),
        accepted=("requestId",),
        deferred=True,
        running=("PENDING",),
        unbilled=("EXPIRED", "FAILED"),
        text=(),
    ),
    stream=None,
)

APIS = (GENERATE_RPC, EMBED_RPC, PREDICT_RPC, XAI, XAI_DEFERRED)
