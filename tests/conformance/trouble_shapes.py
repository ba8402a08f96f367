"""Ways in which a call goes wrong: errors, retries, time-outs, cancellation, streams that break."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from outlay.loopback.reply import DEFAULT_TEXT
from tests.conformance import anthropic_shapes, openai_other_shapes, openai_shapes
from tests.conformance.openai_shapes import FIRST_WORD
from tests.conformance.seen import Seen, value
from tests.conformance.shape import BROKEN, OK, UNREAD, Expect, Sdk, Shape, failed

Call = Callable[[Any, Seen], Awaitable[None]]

ONCE = {"max_retries": 0}
HASTY = {"max_retries": 0, "timeout": 0.5}
"""Seconds until the caller gives up; the host that it waits for does not answer at all."""

TORN = ("APIConnectionError", "RemoteProtocolError")
"""What a stream that is cut off raises: newer OpenAI SDKs wrap it, others let the HTTP client's error through."""

SILENT = Expect("error", "uncertain", None)


async def cancel(client: Any, seen: Seen) -> None:
    """Cancel a task that waits for its answer, once the request has been sent."""
    create = client.chat.completions.create if hasattr(client, "chat") else client.messages.create
    body = openai_shapes.CHAT if hasattr(client, "chat") else anthropic_shapes.MESSAGE
    task = asyncio.ensure_future(value(create(**body)))
    done, _ = await asyncio.wait([task], timeout=0.5)
    seen.add(len(done))
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        seen.read("cancelled")


def _errors(sdk: Sdk, call: Call, overloaded: int) -> tuple[Shape, ...]:
    """Make the shapes of a plain call that fails, with and without another attempt."""
    two = {"requests": 2, "text": DEFAULT_TEXT}

    def shape(name: str, *script: str, **more: Any) -> Shape:
        return Shape(name=f"{sdk} {name}", sdk=sdk, call=call, script=script, **more)

    return (
        shape("400", "400", raises=("BadRequestError",), calls=(failed(400),)),
        shape("429 no retries", "429", raises=("RateLimitError",), calls=(failed(429),), options=ONCE),
        shape("429 then ok", "429", calls=(failed(429), OK), **two),
        shape("overloaded then ok", f"{overloaded}", calls=(failed(overloaded), OK), **two),
        shape(
            "500 to the end", "500", "500", "500", raises=("InternalServerError",), calls=(failed(500),) * 3, requests=3
        ),
        shape("dropped then ok", "drop", calls=(SILENT, OK), **two),
        shape("time-out", "hang", raises=("APITimeoutError",), calls=(SILENT,), options=HASTY),
        shape("cut in a plain answer", "cut=1", raises=TORN, calls=(UNREAD,), options=ONCE),
        shape("html", "html", raises=("InternalServerError",), calls=(failed(502),), options=ONCE),
    )


def _broken(sdk: Sdk, name: str, call: Call, text: str, *raises: str, script: str) -> Shape:
    return Shape(
        name=name,
        sdk=sdk,
        call=call,
        text=text,
        raises=raises,
        script=(script,),
        streamed=True,
        calls=(BROKEN,),
        options=ONCE,
        needs="responses" if name.startswith("responses") else "",
    )


CANCELLED = Expect("cancelled", "uncertain", None)

TROUBLE_SHAPES = (
    *_errors("openai", openai_shapes.create, 503),
    *_errors("anthropic", anthropic_shapes.create, 529),
    Shape(
        name="openai cancelled",
        sdk="openai",
        call=cancel,
        script=("hang",),
        text="cancelled",
        calls=(CANCELLED,),
        kinds=("async",),
    ),
    Shape(
        name="anthropic cancelled",
        sdk="anthropic",
        call=cancel,
        script=("hang",),
        text="cancelled",
        calls=(CANCELLED,),
        kinds=("async",),
    ),
    _broken("openai", "chat stream error event", openai_shapes.stream, FIRST_WORD, "APIError", script="error=2"),
    _broken("openai", "chat stream cut", openai_shapes.stream, FIRST_WORD, *TORN, script="cut=2"),
    _broken(
        "openai",
        "responses stream cut",
        openai_other_shapes.respond_stream,
        FIRST_WORD,
        *TORN,
        script="cut=5",
    ),
    _broken(
        "anthropic",
        "messages stream error event",
        anthropic_shapes.stream,
        FIRST_WORD,
        "APIStatusError",
        script="error=4",
    ),
    _broken("anthropic", "messages stream cut", anthropic_shapes.stream, FIRST_WORD, *TORN, script="cut=4"),
)
