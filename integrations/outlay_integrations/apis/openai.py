"""OpenAI's formats, and every host's that speaks them.

Usage counts include their parts: ``prompt_tokens`` the cached ones, ``completion_tokens`` the thinking.
Reference: https://platform.openai.com/docs/api-reference
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from outlay.integration import API, Answer, Beside, Bounds, Request, Stream, Total, UsageTable
from outlay_integrations.apis.charged import CHARGED
from outlay_integrations.apis.openai_media import IMAGES

LONG_WRITES = "input_tokens_details.cache_write_tokens_details.ttl_12h_tokens"
"""What was written to the cache for 12 hours, at twice the price of the rest, which is kept for 30 minutes."""

_PROMPT = Total(
    path="prompt_tokens",
    rest="input",
    parts={
        "cache_read": "prompt_tokens_details.cached_tokens",
        "cache_write_5m": "prompt_tokens_details.cache_write_tokens",
        "input_audio": "prompt_tokens_details.audio_tokens",
    },
)
_COMPLETION = Total(
    path="completion_tokens", rest="output", parts={"output_audio": "completion_tokens_details.audio_tokens"}
)
_COMPLETION_USAGE = UsageTable(
    totals=(_PROMPT, _COMPLETION), reasoning="completion_tokens_details.reasoning_tokens", sum="total_tokens"
)

# High detail: at most 8 tiles of 170 tokens, of 5,667 for gpt-4o-mini; original: 10,000 patches, times up to 2.46.
# https://platform.openai.com/docs/guides/images-vision#calculating-costs
PICTURES = {
    "gpt-4o-mini*": 50_000,
    **dict.fromkeys(("gpt-*", "chatgpt-*", "o1*", "o3*", "o4*", "computer-use-*"), 25_000),
}

# https://platform.openai.com/docs/models
LONGEST = {
    "gpt-4o*": 16_384,
    "chatgpt-4o*": 16_384,
    "gpt-4.1*": 32_768,
    "gpt-4.5*": 16_384,
    "gpt-4-*": 8_192,
    "gpt-4": 8_192,
    "gpt-3.5*": 4_096,
    **dict.fromkeys(("o1*", "o3*", "o4*"), 100_000),
    "gpt-5*": 128_000,
}

_BOUNDS = Bounds(
    limit="max_tokens",
    limit_of=dict.fromkeys(("openai", "azure.ai.openai", "groq", "x_ai", "cerebras"), "max_completion_tokens"),
    choices=("n",),
    thinking=("thinking.budget_tokens",),
    reasons={
        "web_search_options": "it may search the web",
        "search_parameters": "it may search the web",
        "prediction": "what is predicted wrongly is billed on top of the output limit",
        "plugins": "its router may run plugins",
        "models": "its router may choose another model",
    },
    callers=("function", "custom"),
    only_with={
        "input_audio": '"input_audio"',
        "cache_read_audio": '"input_audio"',
        "output_audio": '"audio"',
        "input_video": '"video',
    },
    images=PICTURES,
    longest=LONGEST,
    terms={"tier": "service_tier"},
)

CHAT = API(
    name="openai.chat",
    operation="chat",
    paths=("chat/completions",),
    request=Request(
        tier="service_tier",
        limits=("max_completion_tokens", "max_tokens"),
        choices="n",
        ask_usage=("stream_options", "include_usage"),
        bounds=_BOUNDS,
    ),
    answer=Answer(
        finish=("choices.*.finish_reason",),
        terms={"tier": ("service_tier",)},
        reported=CHARGED,
        text=(
            "choices.*.message.content",
            "choices.*.message.tool_calls.*.function.arguments",
            "choices.*.delta.content",
            "choices.*.delta.reasoning_content",
            "choices.*.delta.refusal",
            "choices.*.delta.tool_calls.*.function.arguments",
        ),
        tools={
            '"tool_calls"': (
                *("choices.*.message.tool_calls.*.function.name", "choices.*.message.tool_calls.*.function.arguments"),
                *("choices.*.delta.tool_calls.*.function.name", "choices.*.delta.tool_calls.*.function.arguments"),
            )
        },
        tools_finish=("tool_calls",),
    ),
    stream=Stream(ends_with_usage=True),
    usage=_COMPLETION_USAGE,
)

COMPLETIONS = API(
    name="openai.completions",
    operation="text_completion",
    paths=("completions",),
    strangers=("v1/completions",),
    request=Request(
        limits=("max_tokens",),
        choices="n",
        ask_usage=("stream_options", "include_usage"),
        bounds=Bounds(limit="max_tokens", choices=("n", "best_of"), prompts="prompt", terms={"tier": "service_tier"}),
    ),
    answer=Answer(finish=("choices.*.finish_reason",), reported=CHARGED, text=("choices.*.text",)),
    stream=Stream(ends_with_usage=True),
    usage=_COMPLETION_USAGE,
)

# Of a search tool's actions only the search is billed, not the opening of a page that it found. Older answers tell no
# action, of a search. Containers are billed
# by the minute, which no answer tells: that there were some, and how many, is all there is.
UNBILLED = ("open_page", "find_in_page", "find")
_TOOLS: dict[str, Any] = {
    "uses": {
        "web_search": ("output.*.type | response.output.*.type", "web_search_call"),
        "file_search": ("output.*.type | response.output.*.type", "file_search_call"),
        "containers": ("output.*.container_id | response.output.*.container_id", "="),
    },
    "unbilled_uses": {"web_search": ("output.*.action.type | response.output.*.action.type", *UNBILLED)},
    "used": {"web_search": ("tool_usage.web_search.num_requests", "response.tool_usage.web_search.num_requests")},
    "beside": Beside(
        path=("tool_usage.image_gen", "response.tool_usage.image_gen"),
        model=("tools.*.model", "response.tools.*.model"),
        usage=IMAGES.usage,
    ),
}

_KEPT_ELSEWHERE = {
    "previous_response_id": "it goes on with what the provider has kept (previous_response_id)",
    "conversation": "it goes on with what the provider has kept (conversation)",
    "prompt": "its prompt is kept by the provider (prompt)",
    "background": "it runs in the background",
    "context_management": "the provider may sum up its context (context_management)",
}
"""Why what a request says does not bound what it costs."""

RESPONSES = API(
    name="openai.responses",
    operation="chat",
    paths=("responses",),
    strangers=("v1/responses",),
    polls=("responses/*",),
    request=Request(
        tier="service_tier",
        limits=("max_output_tokens",),
        bounds=Bounds(
            limit="max_output_tokens",
            reasons=_KEPT_ELSEWHERE,
            callers=("function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview"),
            only_with={"input_audio": '"input_audio"', "cache_read_audio": '"input_audio"', "output_audio": '"audio"'},
            images=PICTURES,
            longest=LONGEST,
            terms={"tier": "service_tier"},
        ),
    ),
    answer=Answer(
        model=("model", "response.model"),
        id=("id", "response.id"),
        usage=("usage", "response.usage"),
        status=("status", "response.status"),
        finish=("incomplete_details.reason", "response.incomplete_details.reason"),
        error=("error", "response.error"),
        background=("background", "response.background"),
        created=("created_at", "response.created_at"),
        running=("queued", "in_progress"),
        terms={"tier": ("service_tier", "response.service_tier")},
        reported=CHARGED,
        **_TOOLS,
        text=("delta", "output.*.content.*.text"),
        tools={
            '_call"': (
                *("output.*.name", "output.*.arguments", "output.*.input"),
                *("response.output.*.name", "response.output.*.arguments", "response.output.*.input"),
            ),
            '_call_output"': (),
        },
    ),
    stream=Stream(final=("response.completed", "response.incomplete", "response.failed", "response.cancelled")),
    usage=UsageTable(
        totals=(
            Total(
                path="input_tokens",
                rest="input",
                parts={
                    "cache_read": "input_tokens_details.cached_tokens",
                    "cache_write_12h": LONG_WRITES,
                    "cache_write_5m": f"input_tokens_details.cache_write_tokens - {LONG_WRITES}",
                },
            ),
            Total(path="output_tokens", rest="output"),
        ),
        reasoning="output_tokens_details.reasoning_tokens",
        sum="total_tokens",
    ),
)

# A conversation summed up: it is billed as what was read and written.
COMPACT = replace(
    RESPONSES,
    paths=("responses/compact",),
    strangers=("v1/responses/compact",),
    polls=(),
    request=Request(),
)

EMBEDDINGS = API(
    name="openai.embeddings",
    operation="embeddings",
    paths=("embeddings",),
    strangers=("v1/embeddings",),
    request=Request(bounds=Bounds(writes=False)),
    answer=Answer(reported=CHARGED),
    usage=UsageTable(totals=(_PROMPT,), sum="total_tokens"),
)

APIS = (CHAT, COMPLETIONS, RESPONSES, COMPACT, EMBEDDINGS)
