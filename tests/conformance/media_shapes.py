"""Ways of calling OpenAI's images, speech, transcriptions and the tools that its responses use.

Bodies: https://platform.openai.com/docs/api-reference/images, .../audio and .../responses.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.canned import Canned, events
from tests.conformance.compatible_shapes import SDK, client
from tests.conformance.field import FieldShape
from tests.conformance.seen import Seen, each, value
from tests.conformance.shape import failed

PAINT: dict[str, Any] = {"model": "gpt-image-1", "prompt": "A call and its cost"}
IMAGE_USAGE = {
    "input_tokens": 60,
    "output_tokens": 272,
    "total_tokens": 332,
    "input_tokens_details": {"image_tokens": 40, "text_tokens": 20},
}
PICTURE = {
    "created": 1,
    "data": [{"b64_json": "aW1hZ2U="}],
    "size": "1024x1024",
    "quality": "low",
    "usage": IMAGE_USAGE,
}
IMAGE_EVENTS = events(
    {"type": "image_generation.partial_image", "b64_json": "aW1h", "partial_image_index": 0, "created_at": 1},
    {"type": "image_generation.completed", "b64_json": "aW1hZ2U=", "created_at": 1, "usage": IMAGE_USAGE},
    names=True,
)
TOKENS = {
    "type": "tokens",
    "input_tokens": 34,
    "output_tokens": 10,
    "total_tokens": 44,
    "input_token_details": {"text_tokens": 4, "audio_tokens": 30},
}
SOUND = ("call.wav", b"RIFF....", "audio/wav")


def paint(**more: Any) -> Any:
    """Have a picture made."""

    async def call(held: Any, seen: Seen) -> None:
        answer = await value(held.sdk.images.generate(**PAINT, **more))
        if not more.get("stream"):
            seen.add(answer)
            return
        async for event in each(answer):
            seen.add(event)

    return call


async def edit(held: Any, seen: Seen) -> None:
    """Have a picture changed, which is sent as a form."""
    seen.add(await value(held.sdk.images.edit(image=("a.png", b"png", "image/png"), **PAINT)))


def speak(model: str) -> Any:
    """Have a text spoken."""

    async def call(held: Any, seen: Seen) -> None:
        answer = await value(held.sdk.audio.speech.create(model=model, voice="alloy", input="What does it cost?"))
        seen.add(answer.content)

    return call


async def speak_stream(held: Any, seen: Seen) -> None:
    """Have a text spoken, and take the bytes as they come."""
    asked: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "What does it cost?"}
    manager = held.sdk.audio.speech.with_streaming_response.create(**asked)
    if hasattr(manager, "__aenter__"):
        async with manager as answer:
            seen.add(b"".join([part async for part in answer.iter_bytes()]))
    else:
        with manager as answer:
            seen.add(b"".join(answer.iter_bytes()))


def transcribe(model: str, **more: Any) -> Any:
    """Have a sound written down."""

    async def call(held: Any, seen: Seen) -> None:
        answer = await value(held.sdk.audio.transcriptions.create(model=model, file=SOUND, **more))
        if not more:
            seen.add(answer)
            return
        async for event in each(answer):
            seen.add(event)

    return call


async def moderate(held: Any, seen: Seen) -> None:
    """Have a text judged, which is free."""
    seen.add(await value(held.sdk.moderations.create(model="omni-moderation-latest", input="What does it cost?")))


async def search(held: Any, seen: Seen) -> None:
    """Have the model search."""
    asked: dict[str, Any] = {"model": "gpt-5", "input": "What?", "tools": [{"type": "web_search"}]}
    seen.add(await value(held.sdk.responses.create(**asked)))


async def search_stream(held: Any, seen: Seen) -> None:
    """Have the model search, as a stream."""
    asked: dict[str, Any] = {"model": "gpt-5", "input": "What?", "tools": [{"type": "web_search"}]}
    async for event in each(await value(held.sdk.responses.create(**asked, stream=True))):
        seen.add(event)


SEARCHED: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-5",
    "status": "completed",
    "output": [
        {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"id": "ws_2", "type": "web_search_call", "status": "completed", "action": {"type": "open_page", "url": "u"}},
        {"id": "ws_3", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "r"}},
        {"id": "fs_1", "type": "file_search_call", "status": "completed", "queries": ["q"], "results": None},
    ],
    "usage": {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 25,
    },
}
_WRITTEN = SEARCHED | {
    "model": "gpt-6-sol",
    "output": [],
    "usage": {
        "input_tokens": 1000,
        "input_tokens_details": {
            "cached_tokens": 100,
            "cache_write_tokens": 300,
            "cache_write_tokens_details": {"ttl_12h_tokens": 200, "ttl_30m_tokens": 100},
        },
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1010,
    },
}
_CONTAINERS = [
    {"id": f"ci_{number}", "type": "code_interpreter_call", "status": "completed", "code": "1", "outputs": None,
     "container_id": container} for number, container in enumerate(("cntr_1", "cntr_1", "cntr_2"))
]  # fmt: skip
_TOOLED = SEARCHED | {
    "output": [*SEARCHED["output"], *_CONTAINERS],
    "tools": [{"type": "code_interpreter", "container": {"type": "auto"}},
              {"type": "image_generation", "model": "gpt-image-1"}],
    "tool_usage": {"image_gen": IMAGE_USAGE, "web_search": {"num_requests": 3}},
}  # fmt: skip
_TOOL_CLASSES = {"input": 20, "output": 5, "web_search": 3, "file_search": 1, "containers": 2}
_MODERATION = {"id": "modr-1", "model": "omni-moderation-latest", "results": []}
_EVENTS = "text/event-stream"


def _media(name: str, call: Any, path: str, api: str, **more: Any) -> FieldShape:
    answer = Canned(
        path, more.pop("body", None), pieces=more.pop("pieces", ()), kind=more.pop("kind", "application/json")
    )
    given: dict[str, Any] = {
        "sdk": "openai", "make": client, "http": SDK, "answers": (answer,), "kinds": ("sync", "async"),
    }  # fmt: skip
    return FieldShape(name=name, call=call, api=api, **given | more)


_IMAGE_CLASSES = {"input": 20, "input_image": 40, "output_image": 272}
# 20 x 5 + 40 x 10 + 272 x 40, a million
_IMAGE_USD = "0.01138"
_PICTURES: dict[str, Any] = {"model": "gpt-image-1", "classes": _IMAGE_CLASSES, "usd": _IMAGE_USD}
_SPOKEN: dict[str, Any] = {"pieces": (b"RIFF", b"...."), "kind": "audio/mpeg", "classes": {"characters": 18}}

MEDIA_SHAPES: tuple[FieldShape, ...] = (
    _media("images.generate", paint(), "/images/generations", "openai.images", body=PICTURE, **_PICTURES),
    _media("images.generate stream", paint(stream=True), "/images/generations", "openai.images", needs="videos",
           pieces=IMAGE_EVENTS,
           kind=_EVENTS, streamed=True, **_PICTURES),
    _media("images.edit", edit, "/images/edits", "openai.images", body=PICTURE, **_PICTURES),
    _media("images.generate 400", paint(), "/images/generations", "openai.images", model="gpt-image-1",
           script=("400",), raises=("BadRequestError",), calls=(failed(400),)),
    _media("audio.speech", speak("tts-1"), "/audio/speech", "openai.speech", model="tts-1", usd="0.00027", **_SPOKEN),
    _media("audio.speech streaming_response", speak_stream, "/audio/speech", "openai.speech", model="tts-1",
           usd="0.00027", **_SPOKEN),
    _media("audio.speech without a price by characters", speak("gpt-4o-mini-tts"), "/audio/speech", "openai.speech",
           model="gpt-4o-mini-tts", **_SPOKEN),
    # 4 x 2.50 + 30 x 6.00 + 10 x 10.00, a million
    _media("audio.transcriptions", transcribe("gpt-4o-transcribe"), "/audio/transcriptions", "openai.transcriptions",
           model="gpt-4o-transcribe", body={"text": "So much.", "usage": TOKENS},
           classes={"input": 4, "input_audio": 30, "output": 10}, usd="0.00029"),
    _media("audio.transcriptions stream", transcribe("gpt-4o-transcribe", stream=True), "/audio/transcriptions",
           "openai.transcriptions", needs="audio.transcriptions.create(stream)", model="gpt-4o-transcribe",
           kind=_EVENTS, streamed=True,
           pieces=events({"type": "transcript.text.delta", "delta": "So"},
                         {"type": "transcript.text.done", "text": "So much.", "usage": TOKENS}),
           classes={"input": 4, "input_audio": 30, "output": 10}, usd="0.00029"),
    _media("audio.transcriptions by seconds", transcribe("whisper-1"), "/audio/transcriptions",
           "openai.transcriptions", model="whisper-1",
           body={"text": "So much.", "usage": {"type": "duration", "seconds": 30}},
           classes={"audio_seconds": 30}, usd="0.003"),
    _media("moderations", moderate, "/moderations", "", body=_MODERATION, model=None, calls=()),
    # 20 x 1.25 + 5 x 10, a million; two searches at 0.01; a search in files at 0.0025
    _media("responses with searches", search, "/responses", "openai.responses", body=SEARCHED, model="gpt-5",
           needs="responses",
           answered_by="gpt-5", classes={"input": 20, "output": 5, "web_search": 2, "file_search": 1}, usd="0.022575"),
    # As before, but three searches are billed, and pictures of another model's; containers go by the minute
    # 600 x 2 + 100 x 0.20 + 100 x 2.50 + 200 x 5 + 10 x 10, a million
    _media("responses with 12-hour cache writes", search, "/responses", "openai.responses", body=_WRITTEN,
           needs="responses", model="gpt-5", answered_by="gpt-6-sol", usd="0.00257",
           classes={"cache_read": 100, "cache_write_12h": 200, "cache_write_5m": 100, "input": 600, "output": 10}),
    _media("responses with tools", search, "/responses", "openai.responses", body=_TOOLED, model="gpt-5",
           needs="responses",
           answered_by="gpt-5", classes=_TOOL_CLASSES, usd="0.043955", unpriced=("containers",)),
    _media("responses with tools stream", search_stream, "/responses", "openai.responses", model="gpt-5",
           needs="responses",
           answered_by="gpt-5", classes=_TOOL_CLASSES, usd="0.043955", unpriced=("containers",), kind=_EVENTS,
           streamed=True, pieces=events(
               {"type": "response.created", "sequence_number": 0, "response": _TOOLED | {"output": [], "usage": None}},
               {"type": "response.completed", "sequence_number": 1, "response": _TOOLED}, names=True)),
)  # fmt: skip
