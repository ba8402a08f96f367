"""What Mistral has beside OpenAI's formats: agents, conversations that it keeps, and documents read, by the page.

A conversation's answer names no model where an agent speaks; its connectors are billed by the use, and what they gave
is read as input. Pages with annotations cost more. Which of them have some no answer counts: that there are any is all
there is.

Reference: https://docs.mistral.ai/api/
"""

from __future__ import annotations

from msgspec.structs import replace

from outlay.integration import API, Answer, Request, Stream, Total, UsageTable
from outlay_integrations.apis.openai import CHAT

# Completions by their path, but what they say is a chat's.
AGENTS = replace(
    CHAT,
    providers=("mistral_ai",),
    paths=("agents/completions", "fim/completions"),
    request=replace(CHAT.request, ask_usage=None),
)

CONVERSATIONS = API(
    name="mistral.conversations",
    operation="invoke_agent",
    paths=("v1/conversations", "v1/conversations/*", "v1/conversations/*/restart"),
    providers=("mistral_ai",),
    estimable=False,  # what was said before is kept by the provider
    request=Request(limits=("completion_args.max_tokens",)),
    answer=Answer(model=("outputs.*.model", "model"), id=(), finish=()),
    stream=Stream(final=("conversation.response.done",)),
    usage=UsageTable(
        totals=(
            Total(path="prompt_tokens", rest="input"),
            Total(path="connector_tokens", rest="tool_use_input"),
            Total(path="completion_tokens", rest="output"),
        ),
        others={
            "web_search": "connectors.web_search | connectors.web_search_premium",
            "code_execution": "connectors.code_interpreter",
            "images": "connectors.image_generation",
            "file_search": "connectors.document_library",
        },
        sum="total_tokens",
    ),
)

OCR = API(
    name="mistral.ocr",
    operation="ocr",
    paths=("ocr", "publishers/mistralai/models/mistral-ocr-*:rawPredict"),
    strangers=("v1/ocr", "publishers/mistralai/models/mistral-ocr-*:rawPredict"),
    estimable=False,
    request=Request(in_path="models/*:"),
    answer=Answer(
        id=(),
        usage=("usage_info",),
        uses={"annotations": ("document_annotation | pages.*.images.*.image_annotation", "?")},
    ),
    usage=UsageTable(totals=(), others={"pages": "pages_processed"}),
)

APIS = (AGENTS, CONVERSATIONS, OCR)
