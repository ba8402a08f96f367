"""Ways of having things made that take time, or that are billed by the piece: films, pictures, runs, documents.

Bodies: https://platform.openai.com/docs/api-reference/videos, .../images and .../runs,
https://ai.google.dev/gemini-api/docs/imagen, https://ai.google.dev/gemini-api/docs/video,
https://replicate.com/docs/reference/http, https://docs.mistral.ai/api/#tag/ocr.
"""

from __future__ import annotations

from typing import Any

import requests

from tests.conformance import gemini_shapes, sdk_shapes
from tests.conformance.batch_shapes import OPENAI, file, line, usage
from tests.conformance.canned import Canned, events
from tests.conformance.compatible_shapes import SDK, client, completion
from tests.conformance.field import FieldShape
from tests.conformance.hand_shapes import post
from tests.conformance.media_shapes import PAINT
from tests.conformance.seen import Seen, each, value
from tests.conformance.shape import LEFT, Expect, failed

CREATED = 1_760_000_000
FREE = Expect("error", "none")


def film(polls: int) -> Any:
    """Have a film made, and ask so often what has become of it."""

    async def call(held: Any, seen: Seen) -> None:
        seen.add(await value(held.sdk.videos.create(model="sora-2", prompt="A call and its cost", seconds="8")))
        for _ in range(polls):
            seen.add(await value(held.sdk.videos.retrieve("video_1")))

    return call


def draw(**more: Any) -> Any:
    """Have pictures made by a model that is billed by the piece."""

    async def call(held: Any, seen: Seen) -> None:
        seen.add(await value(held.sdk.images.generate(prompt="A call and its cost", **more)))

    return call


async def paint_stop(held: Any, seen: Seen) -> None:
    """Leave a picture's stream after its first sketch."""
    stream = await value(held.sdk.images.generate(**PAINT, stream=True, partial_images=1))
    async for event in each(stream):
        seen.add(event)
        break
    await value(stream.close())


async def imagen(held: Any, seen: Seen) -> None:
    """Have pictures made by Imagen."""
    made = held.sdk.models.generate_images(model="imagen-4.0-generate-001", prompt="A call", config=dict(IMAGEN))
    seen.add(len((await value(made)).generated_images))


async def imagen_by_hand(held: Any, seen: Seen) -> None:
    """Have pictures made by Imagen over the Gemini API."""
    body = {"instances": [{"prompt": "A call"}], "parameters": {"sampleCount": 3}}
    seen.add(post(f"{held.sdk}/v1beta/models/imagen-4.0-fast-generate-001:predict", body))


async def veo(held: Any, seen: Seen) -> None:
    """Have a film made by Veo."""
    asked = {"number_of_videos": 2, "duration_seconds": 6, "resolution": "1080p"}
    made = held.sdk.models.generate_videos(model="veo-3.1-generate-preview", prompt="A call", config=asked)
    seen.add((await value(made)).name)


async def run_polled(held: Any, seen: Seen) -> None:
    """Begin an assistant's run and poll until it has ended, and once more."""
    runs = held.sdk.beta.threads.runs
    seen.add(await value(runs.create("thread_1", assistant_id="asst_1")))
    for _ in range(3):
        seen.add(await value(runs.retrieve("run_1", thread_id="thread_1")))


async def run_streamed(held: Any, seen: Seen) -> None:
    """Stream an assistant's run."""
    async for event in each(await value(held.sdk.beta.threads.runs.create("thread_1", assistant_id="a", stream=True))):
        seen.add(event)


async def run_tools(held: Any, seen: Seen) -> None:
    """Begin a run that wants a tool called, and hand in what that gave."""
    runs, given = held.sdk.beta.threads.runs, [{"tool_call_id": "call_1", "output": "42"}]
    async for event in each(await value(runs.create("thread_1", assistant_id="asst_1", stream=True))):
        seen.add(event)
    stream = runs.submit_tool_outputs("run_1", thread_id="thread_1", tool_outputs=given, stream=True)
    async for event in each(await value(stream)):
        seen.add(event)


async def batch(held: Any, seen: Seen) -> None:
    """Submit a batch, ask for it, and fetch its output, twice."""
    asked: dict[str, Any] = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    seen.add(await value(held.sdk.batches.create(input_file_id="file-in", **asked)))
    seen.add(await value(held.sdk.batches.retrieve("batch_1")))
    for _ in range(2):
        seen.add((await value(held.sdk.files.content("file-out"))).content)


def _get(url: str) -> bytes:
    return requests.get(url, timeout=20).content


def predict(*, wait: bool) -> Any:
    """Have Replicate predict, by hand."""

    async def call(held: Any, seen: Seen) -> None:
        body: dict[str, Any] = {"version": "5c7d5dc6", "input": {"text": "Alice"}}
        seen.add(post(f"{held.sdk}/v1/predictions", body))
        for _ in range(0 if wait else 2):
            seen.add(_get(f"{held.sdk}/v1/predictions/gm3q"))

    return call


async def read_document(held: Any, seen: Seen) -> None:
    """Have a document read."""
    document: Any = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
    seen.add(await value(held.sdk.ocr.process(model="mistral-ocr-2505", document=document)))


def _video(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "video_1", "object": "video", "model": "sora-2", "status": status, "progress": 0,
            "created_at": CREATED, "completed_at": None, "expires_at": None, "seconds": "8", "size": "720x1280",
            "error": None, "remixed_from_video_id": None, **more}  # fmt: skip


def _run(status: str, usage: Any = None) -> dict[str, Any]:
    return {"id": "run_1", "object": "thread.run", "created_at": CREATED, "assistant_id": "asst_1",
            "thread_id": "thread_1", "status": status, "model": "gpt-4o-mini", "usage": usage, "last_error": None,
            "tools": [], "instructions": "", "metadata": {}, "incomplete_details": None}  # fmt: skip


def _step(usage: Any) -> dict[str, Any]:
    return {"id": "step_1", "object": "thread.run.step", "created_at": CREATED, "run_id": "run_1", "type": "tool_calls",
            "assistant_id": "asst_1", "thread_id": "thread_1", "status": "completed", "usage": usage,
            "step_details": {"type": "tool_calls", "tool_calls": []}}  # fmt: skip


def _events(*told: tuple[str, Any]) -> tuple[bytes, ...]:
    named = [f"event: {name}\n".encode() + events(data)[0] for name, data in told]
    return (*named, b"event: done\ndata: [DONE]\n\n")


_USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25, "prompt_token_details": {"cached_tokens": 0}}
_HALF = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
_RUN: dict[str, Any] = {"sdk": "openai", "make": client, "http": SDK, "kinds": ("sync", "async"), "model": None,
                        "api": "openai.runs", "answered_by": "gpt-4o-mini", "classes": {"input": 20, "output": 5},
                        "usd": "0.000006"}  # fmt: skip
_EVENT = "text/event-stream"


def _openai(name: str, call: Any, api: str, model: str | None, *answers: Canned, **more: Any) -> FieldShape:
    given: dict[str, Any] = {"sdk": "openai", "make": client, "http": SDK, "kinds": ("sync", "async")}
    return FieldShape(name=name, call=call, api=api, model=model, answers=answers, **given | more)


_PICTURES = {"created": 1, "data": [{"url": "https://example.com/a.png", "revised_prompt": "A call"}]}
IMAGEN = {"number_of_images": 3, "include_rai_reason": True}
_BYTES = {"mimeType": "image/png", "bytesBase64Encoded": "aW1hZ2U="}
_PAINTED = {"predictions": [_BYTES, _BYTES, {"raiFilteredReason": "unsafe"}]}
_SKETCH = {"type": "image_generation.partial_image", "b64_json": "aW1h", "partial_image_index": 0, "created_at": 1}
_VERTEX: dict[str, Any] = {"sdk": "gcp.vertex_ai", "make": gemini_shapes.vertex, "kinds": ("sync", "async"),
                           "http": {"sync": "httpx2", "async": "aiohttp"}}  # fmt: skip


def _prediction(status: str, **metrics: Any) -> dict[str, Any]:
    return {"id": "gm3q", "model": "replicate/hello-world", "version": "5c7d5dc6", "status": status, "error": None,
            "created_at": "2025-10-09T08:53:20Z", "output": None, "logs": "", "metrics": metrics}  # fmt: skip


_REPLICATE: dict[str, Any] = {"sdk": "replicate", "make": sdk_shapes.requests_client, "kinds": ("sync",),
                              "http": {"sync": "requests"}, "api": "replicate.predictions", "model": None,
                              "answered_by": "replicate/hello-world"}  # fmt: skip
_PAGE = {"index": 0, "markdown": "# A call", "images": [], "dimensions": {"dpi": 200, "height": 10, "width": 10}}
_DOCUMENT = {"pages": [_PAGE, _PAGE | {"index": 1}], "model": "mistral-ocr-2505-completion",
             "document_annotation": None, "usage_info": {"pages_processed": 2, "doc_size_bytes": 1000}}  # fmt: skip

_MINI = "gpt-4o-mini-2024-07-18"
_OUTPUT = line(1, completion(_MINI, usage(1000, 200)) | {"created": CREATED})
_BATCH = (*OPENAI.answers[:2], Canned("/files/file-out/content", method="GET", file=file(_OUTPUT)))

_DRAWN = {"id": "img-0.jpeg", "top_left_x": 0, "top_left_y": 0, "bottom_right_x": 9, "bottom_right_y": 9,
          "image_base64": None, "image_annotation": '{"kind": "chart"}'}  # fmt: skip
_ANNOTATED = _DOCUMENT | {"pages": [_PAGE | {"images": [_DRAWN, _DRAWN]}, _PAGE], "document_annotation": "{}"}
_OCR: dict[str, Any] = {"sdk": "mistral_ai", "make": sdk_shapes.mistral_client, "kinds": ("sync",),
                        "call": read_document, "http": sdk_shapes.HTTPX2, "api": "mistral.ocr",
                        "model": "mistral-ocr-2505", "answered_by": "mistral-ocr-2505-completion"}  # fmt: skip

JOB_SHAPES: tuple[FieldShape, ...] = (
    _openai("videos.create and retrieve", film(3), "openai.videos", "sora-2", Canned("/videos", _video("queued")),
            Canned("/videos/video_1", _video("in_progress", progress=40), method="GET"),
            Canned("/videos/video_1", _video("completed", progress=100, completed_at=CREATED + 60), method="GET"),
            requests=4, needs="videos", classes={"video_seconds": 8}, usd="0.80", answered_by="sora-2"),
    _openai("videos.create 429", film(0), "openai.videos", "sora-2", Canned("/videos", _video("queued")),
            script=("429",), raises=("RateLimitError",), needs="videos", calls=(failed(429),)),
    _openai("videos.create that fails", film(1), "openai.videos", "sora-2", Canned("/videos", _video("queued")),
            Canned("/videos/video_1", _video("failed", error={"code": "moderation_blocked", "message": "no"}),
                   method="GET"), requests=2, needs="videos", calls=(FREE,)),
    _openai("images.generate by size and quality", draw(model="dall-e-3", size="1024x1792", quality="hd"),
            "openai.images", "dall-e-3", Canned("/images/generations", _PICTURES), classes={"images": 1}, usd="0.12"),
    _openai("images.generate by the piece", draw(model="dall-e-3"), "openai.images", "dall-e-3",
            Canned("/images/generations", _PICTURES), classes={"images": 1}, usd="0.04"),
    _openai("images.generate stream closed", paint_stop, "openai.images", "gpt-image-1",
            Canned("/images/generations", pieces=events(_SKETCH, _SKETCH, names=True), kind=_EVENT),
            script=("hang=1",), streamed=True, calls=(LEFT,), needs="videos"),
    FieldShape(name="gemini vertex imagen", call=imagen, api="gemini.predict", model="imagen-4.0-generate-001",
               answers=(Canned("imagen-4.0-generate-001:predict", _PAINTED),), classes={"images": 2}, usd="0.08",
               **_VERTEX),
    FieldShape(name="gemini imagen", sdk="gcp.gemini", make=sdk_shapes.requests_client, kinds=("sync",),
               http={"sync": "requests"}, call=imagen_by_hand, api="gemini.predict",
               model="imagen-4.0-fast-generate-001", classes={"images": 2}, usd="0.04",
               answers=(Canned("imagen-4.0-fast-generate-001:predict", _PAINTED),)),
    # One line, at half of 1,000 x 0.15 + 200 x 0.60, a million
    _openai("batch submitted and fetched", batch, "openai.batch", None, *_BATCH, requests=4,
            classes={"input": 1000, "output": 200}, usd="0.000135", answered_by=_MINI),
    # Two films of six seconds, at 0.40 a second
    FieldShape(name="gemini vertex veo", call=veo, api="gemini.predict_long_running", model="veo-3.1-generate-preview",
               answers=(Canned("veo-3.1-generate-preview:predictLongRunning", {"name": "models/veo/operations/1"}),),
               classes={"video_seconds": 12}, usd="4.80", **_VERTEX),
    FieldShape(name="runs polled", call=run_polled, requests=4, answers=(
        Canned("/threads/thread_1/runs", _run("queued")),
        Canned("/threads/thread_1/runs/run_1", _run("in_progress"), method="GET"),
        Canned("/threads/thread_1/runs/run_1", _run("completed", _USAGE), method="GET")), **_RUN),
    FieldShape(name="runs stream", call=run_streamed, streamed=True, answers=(
        Canned("/threads/thread_1/runs", kind=_EVENT, pieces=_events(
            ("thread.run.created", _run("queued")), ("thread.run.step.completed", _step(_HALF)),
            ("thread.run.completed", _run("completed", _USAGE)))),), **_RUN),
    FieldShape(name="runs stream with a tool", call=run_tools, requests=2, streamed=True, answers=(
        Canned("/runs/run_1/submit_tool_outputs", kind=_EVENT, pieces=_events(
            ("thread.run.completed", _run("completed", _USAGE)))),
        Canned("/threads/thread_1/runs", kind=_EVENT, pieces=_events(
            ("thread.run.created", _run("queued")), ("thread.run.step.completed", _step(_HALF)),
            ("thread.run.requires_action", _run("requires_action"))))), **_RUN),
    FieldShape(name="replicate prediction polled", call=predict(wait=False), requests=3, answers=(
        Canned("/v1/predictions", _prediction("starting")),
        Canned("/v1/predictions/gm3q", _prediction("processing"), method="GET"),
        Canned("/v1/predictions/gm3q", _prediction("succeeded", predict_time=2.5, total_time=3), method="GET")),
        classes={"run_seconds": 2.5}, **_REPLICATE),
    FieldShape(name="replicate prediction waited for", call=predict(wait=True), answers=(
        Canned("/v1/predictions", _prediction(
            "succeeded", predict_time=2.5, token_input_count=20, token_output_count=5)),),
        classes={"input": 20, "output": 5}, **_REPLICATE),
    # 2 x 1, a thousand
    FieldShape(name="mistral ocr", answers=(Canned("/v1/ocr", _DOCUMENT),), classes={"pages": 2}, usd="0.002", **_OCR),
    FieldShape(name="mistral ocr with annotations", classes={"pages": 2, "annotations": 1}, usd="0.002",
               unpriced=("annotations",), answers=(Canned("/v1/ocr", _ANNOTATED),), **_OCR),
)  # fmt: skip
