"""Gemini's own formats, by its API and by Vertex AI, and what Vertex AI serves for other makers of models.

``promptTokenCount`` includes the cached content; the results of tools that the server ran, and thinking, stand beside
the prompt and the answer. Every chunk of a stream tells the usage so far.
Reference: https://ai.google.dev/api/generate-content#UsageMetadata
"""

from __future__ import annotations

from msgspec.structs import replace

from outlay.integration import API, Answer, Bounds, Request, Stream, Total, UsageTable
from outlay_integrations.apis.anthropic import MESSAGES
from outlay_integrations.apis.openai import CHAT

_ANSWER = Answer(
    model=("modelVersion",),
    id=("responseId",),
    usage=("usageMetadata",),
    finish=("candidates.*.finishReason", "promptFeedback.blockReason"),
    usage_terms={"tier": "trafficType | serviceTier"},
    called={
        "ON_DEMAND": "standard",
        "ON_DEMAND_FLEX": "flex",
        "ON_DEMAND_PRIORITY": "priority",
        "ON_DEMAND_OFFPEAK": "offpeak",
        "PROVISIONED_THROUGHPUT": "provisioned",
    },
    header_terms={"tier": "x-gemini-service-tier"},
    request_id="x-goog-request-id",
    text=("candidates.*.content.parts.*.text",),
    tools={
        '"functionCall"': (
            "candidates.*.content.parts.*.functionCall.name",
            "candidates.*.content.parts.*.functionCall.args",
        )
    },
)


def _of(details: str, modality: str) -> str:
    return f"{details}TokensDetails[modality={modality}].tokenCount"


def _uncached(modality: str) -> str:
    return f"{_of('prompt', modality)} - {_of('cache', modality)}"


BOUNDS = Bounds(
    limit="generationConfig.maxOutputTokens",
    choices=("generationConfig.candidateCount", "generation_config.candidate_count"),
    thinking=("generationConfig.thinkingConfig.thinkingBudget", "generationConfig.thinkingConfig.thinking_budget"),
    reasons={
        "cachedContent": "it goes on with what the provider has kept (cachedContent)",
        "cached_content": "it goes on with what the provider has kept (cachedContent)",
    },
    callers=("functionDeclarations", "function_declarations"),
    only_with={"input_audio": '"audio/', "cache_read_audio": '"audio/', "input_video": '"video/'},
    # https://ai.google.dev/gemini-api/docs/models
    longest={"gemini-1.5*": 8_192, "gemini-2.0*": 8_192, "gemini-2.5*": 65_536, "gemini-3*": 65_536},
    images={"gemini-3*": 2_240},  # at the highest resolution; for older ones their sides decide
)

# Models tuned by their users: the answer says which model that was, whose price they have.
_TUNED = tuple(
    f"{place}/*:{method}"
    for place in ("endpoints", "tunedModels")
    for method in ("generateContent", "streamGenerateContent")
)

GENERATE = API(
    name="gemini.generate_content",
    operation="generate_content",
    paths=("models/*:generateContent", "models/*:streamGenerateContent", *_TUNED),
    request=Request(
        in_path="models/*:",
        limits=("generationConfig.maxOutputTokens", "generation_config.max_output_tokens"),
        bounds=BOUNDS,
    ),
    # Of equal queries one is billed, of empty ones none: https://ai.google.dev/gemini-api/docs/google-search#pricing
    answer=replace(_ANSWER, uses={"web_search": ("candidates.*.groundingMetadata.webSearchQueries", "=")}),
    stream=Stream(ends_with_usage=True),
    usage=UsageTable(
        totals=(
            Total(
                path="promptTokenCount",
                rest="input",
                parts={
                    "cache_read_audio": _of("cache", "AUDIO"),
                    "cache_read_image": _of("cache", "IMAGE"),
                    "cache_read": f"cachedContentTokenCount - {_of('cache', 'AUDIO')} - {_of('cache', 'IMAGE')}",
                    "input_audio": _uncached("AUDIO"),
                    "input_image": _uncached("IMAGE"),
                    "input_video": _uncached("VIDEO"),
                },
            ),
            Total(path="toolUsePromptTokenCount", rest="tool_use_input"),
            Total(
                path="candidatesTokenCount",
                rest="output",
                parts={"output_audio": _of("candidates", "AUDIO"), "output_image": _of("candidates", "IMAGE")},
            ),
            Total(path="thoughtsTokenCount", rest="output"),
        ),
        reasoning="thoughtsTokenCount",
        sum="totalTokenCount",
    ),
)

EMBED = API(
    name="gemini.embed_content",
    operation="embeddings",
    paths=("models/*:embedContent", "models/*:batchEmbedContents"),
    request=Request(in_path="models/*:", bounds=Bounds(writes=False)),
    answer=_ANSWER,
    usage=UsageTable(totals=(Total(path="promptTokenCount", rest="input"),)),
)

PREDICT = API(
    name="gemini.predict",
    operation="embeddings",
    paths=("publishers/google/models/*:predict",),
    estimable=False,  # pictures come by this path as well
    request=Request(in_path="models/*:"),
    answer=Answer(model=(), id=(), usage=(), counts={"token_count": "predictions.*.embeddings.statistics.token_count"}),
    usage=UsageTable(totals=(Total(path="token_count", rest="input"),)),
)

# Pictures that were filtered out have no bytes, and are not billed.
IMAGEN = replace(
    PREDICT,
    operation="image_generation",
    paths=("models/imagen-*:predict", "publishers/google/models/imagen-*:predict"),
    answer=Answer(
        model=(),
        id=(),
        usage=(),
        counts={"images": "predictions.*.bytesBase64Encoded | predictions.*.gcsUri"},
    ),
    usage=UsageTable(totals=(), others={"images": "images"}),
)

# What comes of it is told to polls that don't say how long a film is: it is billed as it was asked for.
VEO = API(
    name="gemini.predict_long_running",
    operation="video_generation",
    paths=("models/veo-*:predictLongRunning",),
    estimable=False,
    request=Request(
        in_path="models/*:",
        choices="parameters.sampleCount",
        asks={"video_seconds": ("parameters.durationSeconds", 8)},
        terms={"resolution": ("parameters.resolution", "720p")},
    ),
    answer=Answer(model=(), id=("name",), usage=()),
    usage=UsageTable(totals=()),
)

CLAUDE = replace(
    MESSAGES,
    paths=(
        "publishers/anthropic/models/claude-*:rawPredict",  # not count-tokens
        "publishers/anthropic/models/claude-*:streamRawPredict",
    ),
    strangers=(),
    unless=(),
    request=replace(MESSAGES.request, in_path="models/*:"),
)

OTHERS = replace(
    CHAT,
    paths=tuple(
        f"publishers/{maker}/models/*:{method}"
        for maker in ("mistralai", "ai21")
        for method in ("rawPredict", "streamRawPredict")
    ),
    request=replace(CHAT.request, in_path="models/*:", ask_usage=None),
)

APIS = (GENERATE, EMBED, PREDICT, IMAGEN, VEO, CLAUDE, OTHERS)
