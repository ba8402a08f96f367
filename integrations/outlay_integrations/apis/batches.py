"""The output files of batches, as OpenAI and those who follow it have them: a JSON line a call, at the batch price.

Reference: https://platform.openai.com/docs/api-reference/batch/request-output
"""

from __future__ import annotations

from outlay.integration import API, Answer, Total, UsageTable

_CACHED = "prompt_tokens_details.cached_tokens | input_tokens_details.cached_tokens"
_THINKING = "completion_tokens_details.reasoning_tokens | output_tokens_details.reasoning_tokens"

OUTPUT = API(
    name="openai.batch",
    operation="chat",
    paths=(),
    polls=("files/*/content",),
    providers=("openai", "azure.ai.openai", "groq", "mistral_ai", "together", "fireworks"),
    batch=True,
    answer=Answer(
        model=("response.body.model",),
        id=("id", "response.body.id"),
        usage=("response.body.usage",),
        finish=("response.body.choices.*.finish_reason",),
        error=("error",),
        created=("response.body.created", "response.body.created_at"),
        reported=None,
    ),
    usage=UsageTable(
        totals=(
            Total(path="prompt_tokens | input_tokens", rest="input", parts={"cache_read": _CACHED}),
            Total(path="completion_tokens | output_tokens", rest="output"),
        ),
        reasoning=_THINKING,
        sum="total_tokens",
    ),
)

APIS = (OUTPUT,)
