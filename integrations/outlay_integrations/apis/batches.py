"""Batches: what their objects say of their output, and its lines, each the answer of a call at the batch price.

References: https://platform.openai.com/docs/api-reference/batch, https://console.groq.com/docs/batch,
https://docs.together.ai/reference/batch-create, https://docs.mistral.ai/api/#tag/batch,
https://docs.anthropic.com/en/api/creating-message-batches, https://ai.google.dev/api/batch-api
"""

from __future__ import annotations

from msgspec.structs import replace

from outlay.integration import API, Answer, Bounds, Jobs, Request, Total, UsageTable
from outlay_integrations.apis.anthropic import BOUNDS, DECLINED, MESSAGES
from outlay_integrations.apis.gemini import BOUNDS as GEMINI_BOUNDS
from outlay_integrations.apis.gemini import EMBED, GENERATE
from outlay_integrations.apis.mistral import by_the_second
from outlay_integrations.apis.openai import LONG_WRITES, UNBILLED

_BODY = "response.body"
_CACHED = "prompt_tokens_details.cached_tokens | input_tokens_details.cached_tokens"
_WRITTEN = f"prompt_tokens_details.cache_write_tokens | input_tokens_details.cache_write_tokens - {LONG_WRITES}"
_THINKING = "completion_tokens_details.reasoning_tokens | output_tokens_details.reasoning_tokens"

OPENAI = API(
    name="openai.batch",
    operation="chat",
    paths=("batches",),
    polls=("batches/*", "batches", "files/*/content"),
    providers=("openai", "azure.ai.openai", "groq", "together", "fireworks"),
    request=Request(bounds=Bounds(each=("requests.*.body",))),
    batch=Jobs(
        id=("id", "job.id"),
        created=("created_at", "job.created_at"),
        outputs=("output_file_id", "error_file_id"),
        over=("completed", "failed", "expired", "cancelled"),
        succeeded=("request_counts.completed",),
    ),
    answer=Answer(
        model=(f"{_BODY}.model",),
        id=(f"{_BODY}.id", "id"),
        usage=(f"{_BODY}.usage",),
        error=("error", f"{_BODY}.error"),
        finish=(f"{_BODY}.choices.*.finish_reason",),
        created=(f"{_BODY}.created", f"{_BODY}.created_at"),
        uses={
            "web_search": (f"{_BODY}.output.*.type", "web_search_call"),
            "file_search": (f"{_BODY}.output.*.type", "file_search_call"),
        },
        unbilled_uses={"web_search": (f"{_BODY}.output.*.action.type", *UNBILLED)},
    ),
    usage=UsageTable(
        totals=(
            Total(
                path="prompt_tokens | input_tokens",
                rest="input",
                parts={
                    "cache_read": _CACHED,
                    "cache_write_12h": LONG_WRITES,
                    "cache_write_5m": _WRITTEN,
                    "input_audio": "prompt_tokens_details.audio_tokens",
                },
            ),
            Total(
                path="completion_tokens | output_tokens",
                rest="output",
                parts={"output_audio": "completion_tokens_details.audio_tokens"},
            ),
        ),
        reasoning=_THINKING,
        sum="total_tokens",
    ),
)

# Its own names for the same; a small output may stand in the job itself.
MISTRAL = replace(
    OPENAI,
    name="mistral.batch",
    paths=("batch/jobs",),
    polls=("batch/jobs/*", "batch/jobs", "files/*/content"),
    providers=("mistral_ai",),
    batch=Jobs(
        outputs=("output_file", "error_file"),
        inline=("outputs",),
        over=("success", "failed", "timeout_exceeded", "cancelled"),
        succeeded=("succeeded_requests",),
    ),
    usage=by_the_second(OPENAI.usage),
)

_MESSAGE = "result.message"

ANTHROPIC = replace(
    MESSAGES,
    name="anthropic.batch",
    paths=("messages/batches",),
    strangers=(),
    polls=("messages/batches/*", "messages/batches", "messages/batches/*/results"),
    providers=("anthropic",),
    request=replace(MESSAGES.request, bounds=replace(BOUNDS, each=("requests.*.params",))),
    batch=Jobs(status=("processing_status",), over=("ended",), succeeded=("request_counts.succeeded",)),
    answer=replace(
        MESSAGES.answer,
        model=(f"{_MESSAGE}.model",),
        id=(f"{_MESSAGE}.id",),
        usage=(f"{_MESSAGE}.usage",),
        finish=(f"{_MESSAGE}.stop_reason",),
        error=("result.error.error", "result.error"),
        status=("result.type",),
        unbilled=("errored", "canceled", "expired"),
        declined=replace(
            DECLINED, category=(f"{_MESSAGE}.stop_details.category",), output=(f"{_MESSAGE}.content.*.type",)
        ),
        text=(),
    ),
    stream=None,
)

_REQUESTS = tuple(f"batch.{config}.requests.requests.*.request" for config in ("inputConfig", "input_config"))
_INLINE = "inlinedResponses.inlinedResponses"

GEMINI = replace(
    GENERATE,
    name="gemini.batch",
    paths=("models/*:batchGenerateContent",),
    polls=("batches/*", "batches", "files/*"),
    providers=("gcp.gemini",),
    request=replace(GENERATE.request, bounds=replace(GEMINI_BOUNDS, each=_REQUESTS)),
    batch=Jobs(
        id=("name",),
        model=("metadata.model",),
        created=("metadata.createTime",),
        listed="operations",
        outputs=("response.responsesFile", "metadata.output.responsesFile"),
        inline=(f"response.{_INLINE}", f"metadata.output.{_INLINE}"),
        status=("metadata.state",),
        over=("batch_state_failed", "batch_state_cancelled", "batch_state_expired"),
        key=("key", "metadata.key"),
    ),
    answer=Answer(
        model=("response.modelVersion",),
        id=("response.responseId",),
        usage=("response.usageMetadata",),
        error=("error.status", "error"),
        finish=("response.candidates.*.finishReason",),
        counts={"promptTokenCount": "response.tokenCount"},
        uses={"web_search": ("response.candidates.*.groundingMetadata.webSearchQueries", "=")},
    ),
    stream=None,
)

GEMINI_EMBEDDINGS = replace(
    GEMINI,
    paths=("models/*:asyncBatchEmbedContent",),
    polls=(),
    request=replace(EMBED.request, bounds=Bounds(writes=False, each=_REQUESTS)),
)

APIS = (OPENAI, MISTRAL, ANTHROPIC, GEMINI, GEMINI_EMBEDDINGS)
