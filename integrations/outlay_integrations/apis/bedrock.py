"""Amazon Bedrock: Converse for all models, InvokeModel for each maker's own bodies.

Input leaves cache reads and writes out, which stand beside it. The path names the model, or a profile or an ARN whose
region decides the price. What a maker's body does not tell stands in headers, and in the last chunk of a stream.
Reference: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
"""

from __future__ import annotations

from msgspec.structs import replace

from outlay.integration import API, Answer, Bounds, Request, Stream, Total, UsageTable
from outlay_integrations.apis import anthropic

_TERMS = {"tier": ("serviceTier.type", "metadata.serviceTier.type")}

CONVERSE = API(
    name="bedrock.converse",
    operation="chat",
    paths=("model/*/converse", "model/*/converse-stream"),
    request=Request(
        in_path="model/*/",
        asked_first=True,
        limits=("inferenceConfig.maxTokens",),
        bounds=Bounds(
            limit="inferenceConfig.maxTokens",
            thinking=("additionalModelRequestFields.thinking.budget_tokens",),
            reasons={
                "promptVariables": "its prompt is kept by the provider",
                "guardrailConfig": "a guardrail is billed too",
            },
            tools="toolConfig.tools",
            callers=("toolSpec", "cachePoint"),
            only_with={"cache_write_5m": '"cachePoint"', "cache_write_1h": '"1h"'},
            images={"*anthropic.claude-*": 5_000},
            terms={"tier": "serviceTier.type", "latency": "performanceConfig.latency"},
        ),
    ),
    answer=Answer(
        model=("trace.promptRouter.invokedModelId", "metadata.trace.promptRouter.invokedModelId"),
        id=(),
        usage=("usage", "metadata.usage"),
        finish=("stopReason", "messageStop.stopReason"),
        terms=_TERMS | {"latency": ("performanceConfig.latency", "metadata.performanceConfig.latency")},
        request_id="x-amzn-requestid",
        text=("output.message.content.*.text", "contentBlockDelta.delta.text"),
        tools={
            '"toolUse"': (
                *("output.message.content.*.toolUse.name", "output.message.content.*.toolUse.input"),
                *("contentBlockStart.start.toolUse.name", "contentBlockDelta.delta.toolUse.input"),
            )
        },
        tools_finish=("tool_use",),
    ),
    stream=Stream(ends_with_usage=True),
    usage=UsageTable(
        totals=(
            Total(path="inputTokens", rest="input"),
            Total(path="cacheReadInputTokens", rest="cache_read"),
            Total(
                path="cacheWriteInputTokens",
                rest="cache_write_5m",
                parts={"cache_write_1h": "cacheDetails[ttl=1h].inputTokens"},
            ),
            Total(path="outputTokens", rest="output"),
        ),
        sum="totalTokens",
    ),
)

_FINISH = (
    "stop_reason", "delta.stop_reason", "stopReason", "messageStop.stopReason", "finish_reason", "completionReason",
    "results.*.completionReason", "outputs.*.stop_reason", "choices.*.finish_reason",
)  # fmt: skip

INVOKE = API(
    name="bedrock.invoke_model",
    operation="chat",
    paths=("model/*/invoke", "model/*/invoke-with-response-stream"),
    request=Request(
        in_path="model/*/",
        makers_own=True,
        asked_first=True,
        limits=("max_tokens", "max_gen_len", "inferenceConfig.maxTokens", "textGenerationConfig.maxTokenCount"),
        bounds=replace(anthropic.BOUNDS, limit=None, terms={}),  # of another maker's body the limit has another name
    ),
    answer=Answer(
        model=("model", "message.model"),
        id=("id", "message.id"),
        usage=("usage", "message.usage", "metadata.usage", "amazon-bedrock-invocationMetrics"),
        finish=_FINISH,
        headers={
            "inputTokenCount": "x-amzn-bedrock-input-token-count",
            "outputTokenCount": "x-amzn-bedrock-output-token-count",
            "cacheReadInputTokenCount": "x-amzn-bedrock-cache-read-input-token-count",
            "cacheWriteInputTokenCount": "x-amzn-bedrock-cache-write-input-token-count",
        },
        header_terms={
            "tier": "x-amzn-bedrock-service-tier",
            "latency": "x-amzn-bedrock-performanceconfig-latency",
        },
        request_id="x-amzn-requestid",
        apart=anthropic.ITERATIONS,
        declined=anthropic.DECLINED,
        text=("content.*.text", "delta.text", "contentBlockDelta.delta.text", "outputText", "generation", "text"),
        tools=anthropic.TOOLS,
    ),
    stream=Stream(ends_with_usage=True),
    usage=UsageTable(
        totals=(
            Total(path="input_tokens | inputTokens | prompt_tokens | inputTokenCount", rest="input"),
            Total(path="cache_read_input_tokens | cacheReadInputTokens | cacheReadInputTokenCount", rest="cache_read"),
            Total(
                path="cache_creation_input_tokens | cacheWriteInputTokens | cacheWriteInputTokenCount",
                rest="cache_write_5m",
                parts={"cache_write_1h": "cache_creation.ephemeral_1h_input_tokens"},
            ),
            Total(path="output_tokens | outputTokens | completion_tokens | outputTokenCount", rest="output"),
        ),
    ),
)

APIS = (CONVERSE, INVOKE)
