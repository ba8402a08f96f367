"""What Mistral has beside OpenAI's formats: sound by the second, conversations that it keeps, documents by the page.

Sound that a chat is given, or that is transcribed, is billed by its length. Its tokens stand in the grand total and in
the details, but in no other count, and are not billed; nor is the text of a transcription.

A conversation's answer names no model where an agent speaks; its connectors are billed by the use, and what they gave
is read as input. Pages with annotations cost more. Which of them have some no answer counts: that there are any is all
there is.

Reference: https://docs.mistral.ai/api/
"""

from __future__ import annotations

from msgspec.structs import replace

from outlay.integration import API, Answer, Bounds, Request, Stream, Total, UsageTable
from outlay_integrations.apis.openai import CHAT
from outlay_integrations.apis.openai_media import TRANSCRIPTIONS

_SOUND = {"audio_seconds": "prompt_audio_seconds"}


def by_the_second(usage: UsageTable) -> UsageTable:
    """Return a table of OpenAI's for usage objects of Mistral's, whose totals leave the tokens of sound out."""
    prompt, completion = usage.totals
    parts = {name: path for name, path in prompt.parts.items() if name != "input_audio"}
    return replace(
        usage,
        totals=(replace(prompt, parts=parts), completion),
        others=_SOUND,
        sum=f"{usage.sum} - prompt_tokens_details.audio_tokens",
    )


def _bounded(bounds: Bounds | None) -> Bounds:
    """Return bounds that hold for text and pictures alone: how long a sound is no request tells."""
    bounds = bounds or Bounds()
    said = {"messages.*.content.*.input_audio": "it holds sound, which is billed by the second"}
    return replace(bounds, reasons={**bounds.reasons, **said})


MISTRAL = replace(
    CHAT,
    providers=("mistral_ai",),
    request=replace(CHAT.request, bounds=_bounded(CHAT.request.bounds)),
    usage=by_the_second(CHAT.usage),
)

# Completions by their path, but what they say is a chat's.
AGENTS = replace(
    MISTRAL,
    paths=("agents/completions", "fim/completions"),
    request=replace(MISTRAL.request, ask_usage=None),
)

MISTRAL_TRANSCRIPTIONS = replace(
    TRANSCRIPTIONS,
    providers=("mistral_ai",),
    answer=Answer(id=()),
    stream=Stream(final=("transcription.done",)),
    usage=UsageTable(totals=(), others=_SOUND),
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

APIS = (MISTRAL, AGENTS, MISTRAL_TRANSCRIPTIONS, CONVERSATIONS, OCR)
