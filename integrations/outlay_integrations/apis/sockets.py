"""Formats by websockets: OpenAI's Responses, Realtime and Live, and Gemini's Live.

A realtime session's usage counts the whole conversation as the input of each answer, by modality, and what of it was
cached; the transcription of the user's speech is billed beside it, at the price of a model of its own. Gemini tells the
usage of each answer, thinking apart, which some models leave out of the grand total: nothing is checked against that.
References: https://platform.openai.com/docs/api-reference/realtime-server-events,
https://platform.openai.com/docs/guides/websocket-mode, https://ai.google.dev/api/live
"""

from __future__ import annotations

from msgspec.structs import replace

from outlay.integration import API, Answer, Session, Stream, Total, UsageTable
from outlay_integrations.apis.gemini import GENERATE
from outlay_integrations.apis.openai import RESPONSES
from outlay_integrations.apis.openai_media import TRANSCRIPTIONS

RESPONSES_SOCKET = replace(
    RESPONSES,
    paths=(),
    strangers=(),
    polls=(),
    answer=replace(RESPONSES.answer, error=(*RESPONSES.answer.error, "code")),
    session=Session(
        paths=("responses",),
        opens=("response.create",),
        begins=("response.created", "response.queued", "response.in_progress"),
        ends=("response.completed", "response.incomplete", "response.failed", "response.cancelled"),
        fails=("error",),
        call=("stream_id",),
        query=(),
        remembers=False,
    ),
)

_IN, _CACHED = "input_token_details", "input_token_details.cached_tokens_details"

REALTIME = API(
    name="openai.realtime",
    operation="chat",
    paths=(),
    answer=Answer(
        model=("response.model",),
        id=("response.id",),
        usage=("response.usage",),
        status=("response.status",),
        finish=("response.status_details.reason",),
        error=("error", "response.status_details.error"),
        text=("delta",),
    ),
    stream=Stream(final=("response.done",)),
    session=Session(
        paths=("realtime",),
        opens=("response.create",),
        feeds=("input_audio_buffer.append", "input_audio_buffer.commit"),
        begins=("response.created",),
        ends=("response.done",),
        fails=("error",),
        media=("response.output_audio.delta", "response.audio.delta"),
        call=("response_id", "response.id"),
        model=("session.model",),
    ),
    usage=UsageTable(
        totals=(
            Total(
                path="input_tokens",
                rest="input",
                parts={
                    "cache_read_audio": f"{_CACHED}.audio_tokens",
                    "cache_read_image": f"{_CACHED}.image_tokens",
                    "cache_read": f"{_IN}.cached_tokens - {_CACHED}.audio_tokens - {_CACHED}.image_tokens",
                    "input_audio": f"{_IN}.audio_tokens - {_CACHED}.audio_tokens",
                    "input_image": f"{_IN}.image_tokens - {_CACHED}.image_tokens",
                },
            ),
            Total(path="output_tokens", rest="output", parts={"output_audio": "output_token_details.audio_tokens"}),
        ),
        reasoning="output_token_details.reasoning_tokens",
        sum="total_tokens",
    ),
)

_TRANSCRIBED = ("conversation.item.input_audio_transcription.completed",)

TRANSCRIPTION = replace(
    TRANSCRIPTIONS,
    name="openai.realtime_transcription",
    paths=(),
    answer=replace(TRANSCRIPTIONS.answer, id=("item_id",)),
    stream=Stream(final=_TRANSCRIBED),
    session=Session(
        paths=("realtime",),
        ends=_TRANSCRIBED,
        call=("item_id",),
        model=("session.audio.input.transcription.model", "session.input_audio_transcription.model"),
        query=(),
    ),
)

LIVE = API(
    name="openai.live",
    operation="chat",
    paths=(),
    answer=Answer(model=("session.model",), id=("session.id",)),
    stream=Stream(final=("session.closed",)),
    session=Session(
        paths=("live/sessions", "live/sessions/*"),
        begins=("session.started",),
        ends=("session.closed",),
        media=("session.output_audio.delta",),
    ),
    usage=UsageTable(totals=(), others={"audio_seconds": "seconds"}),
)


def _written(modality: str) -> str:
    return " | ".join(f"{of}TokensDetails[modality={modality}].tokenCount" for of in ("response", "candidates"))


GEMINI_LIVE = API(
    name="gemini.live",
    operation="generate_content",
    paths=(),
    answer=Answer(
        model=(),
        id=(),
        usage=("usageMetadata",),
        usage_terms=GENERATE.answer.usage_terms,
        called=GENERATE.answer.called,
        uses={"web_search": ("serverContent.groundingMetadata.webSearchQueries", "=")},
        text=("serverContent.outputTranscription.text", "serverContent.modelTurn.parts.*.text"),
    ),
    stream=Stream(ends_with_usage=True),
    session=Session(
        paths=(
            "ws/google.ai.generativelanguage.*.GenerativeService.BidiGenerateContent",
            "ws/google.ai.generativelanguage.*.GenerativeService.BidiGenerateContentConstrained",
            "ws/google.cloud.aiplatform.*.LlmBidiService/BidiGenerateContent",
        ),
        # protobuf's JSON may spell a field in either way, and Google's SDK mixes them
        opens=tuple(
            f"{content}.{complete}"
            for content in ("clientContent", "client_content")
            for complete in ("turnComplete", "turn_complete")
        ),
        feeds=("realtimeInput", "realtime_input"),
        begins=("serverContent.modelTurn", "serverContent.outputTranscription", "toolCall"),
        ends=("usageMetadata",),
        model=("setup.model",),
        query=(),
    ),
    usage=replace(
        GENERATE.usage,
        totals=(
            *GENERATE.usage.totals[:2],
            Total(
                path="responseTokenCount | candidatesTokenCount",
                rest="output",
                parts={"output_audio": _written("AUDIO"), "output_image": _written("IMAGE")},
            ),
            *GENERATE.usage.totals[3:],
        ),
        sum=None,
    ),
)

APIS = (RESPONSES_SOCKET, REALTIME, TRANSCRIPTION, LIVE, GEMINI_LIVE)
