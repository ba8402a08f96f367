"""Anthropic's Messages. Its ``input_tokens`` includes no cached ones: cache reads and writes stand beside it.

A stream tells the input at its start and the whole usage, cumulative, near its end. What a compaction of the context
took stands in ``iterations`` alone, and so does what an advisor took, which is billed at that model's own price, and
what models took that declined before a fallback stepped in.
Reference: https://docs.anthropic.com/en/api/messages, and of refusals
https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback
"""

from __future__ import annotations

from outlay.integration import API, Answer, Apart, Bounds, Declined, Request, Stream, Total, UsageTable
from outlay_integrations.apis.charged import CHARGED

BOUNDS = Bounds(
    limit="max_tokens",
    thinking=("thinking.budget_tokens",),
    reasons=dict.fromkeys(("mcp_servers", "container", "context_management"), "the provider runs more than the model"),
    # Tools without a type, and those whose results the caller sends back.
    callers=("custom", "bash_*", "text_editor_*", "computer_*", "memory_*"),
    only_with={"cache_write_5m": '"cache_control"', "cache_write_1h": '"1h"'},
    images=dict.fromkeys(("claude-*", "*anthropic.claude-*"), 5_000),  # 4,784 for those that see best
    terms={"tier": "service_tier", "speed": "speed", "inference_geo": "inference_geo"},
)

TOOLS = {
    'tool_use"': ("content.*.name", "content.*.input", "content_block.name"),
    '"input_json_delta"': ("delta.partial_json",),
}

DECLINED = Declined(
    finish="refusal",
    category=("stop_details.category", "delta.stop_details.category"),
    output=("content.*.type", "content_block.type"),
    boundaries=("fallback",),
    trigger=("content.*.trigger", "content_block.trigger"),
)

APART = Apart(path="iterations", added=("compaction",), items=("advisor_message",), stepped_in="fallback_message")

ITERATIONS = Apart(path="iterations", added=("compaction",), items=("advisor_message",), stepped_in="fallback_message")

MESSAGES = API(
    name="anthropic.messages",
    operation="chat",
    paths=("messages",),
    strangers=("v1/messages",),
    unless=("threads/*/messages",),  # those of OpenAI's assistants
    request=Request(tier="service_tier", limits=("max_tokens",), bounds=BOUNDS),
    answer=Answer(
        model=("model", "message.model"),
        id=("id", "message.id"),
        usage=("usage", "message.usage"),
        reported=CHARGED,
        finish=("stop_reason", "delta.stop_reason"),
        request_id="request-id",
        usage_terms={"tier": "service_tier", "speed": "speed", "inference_geo": "inference_geo"},
        apart=ITERATIONS,
        declined=DECLINED,
        text=("content.*.text", "content.*.thinking", "delta.text", "delta.thinking", "delta.partial_json"),
        tools=TOOLS,
        tools_finish=("tool_use",),
    ),
    stream=Stream(final=("message_stop", "message_delta")),
    usage=UsageTable(
        totals=(
            Total(path="input_tokens", rest="input"),
            Total(path="cache_read_input_tokens", rest="cache_read"),
            Total(
                path="cache_creation_input_tokens",
                rest="cache_write_5m",
                parts={
                    "cache_write_5m": "cache_creation.ephemeral_5m_input_tokens",
                    "cache_write_1h": "cache_creation.ephemeral_1h_input_tokens",
                },
            ),
            Total(path="output_tokens", rest="output"),
        ),
        others={"web_search": "server_tool_use.web_search_requests"},
        reasoning="output_tokens_details.thinking_tokens",
    ),
)

APIS = (MESSAGES,)
