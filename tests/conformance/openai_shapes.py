"""Ways of calling the OpenAI SDK: chat completions."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from outlay.loopback.reply import DEFAULT_TEXT, split_words
from tests.conformance.seen import Seen, each, entered, first, value
from tests.conformance.shape import LEFT, Shape

CHAT: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What does a call cost?"}],
}
STREAM: dict[str, Any] = CHAT | {"stream": True}
TOLD: dict[str, Any] = STREAM | {"stream_options": {"include_usage": True}}
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]
FIRST_WORD = split_words(DEFAULT_TEXT)[0]


class Verdict(BaseModel):
    """A structured answer."""

    good: bool
    reasons: list[str]


VERDICT = '{"good":true,"reasons":["loopback"]}'


async def _read_chat(stream: Any, seen: Seen) -> None:
    async for chunk in each(stream):
        seen.add(chunk)
        for choice in chunk.choices:
            seen.read(choice.delta.content)


def _note_chat(completion: Any, seen: Seen) -> None:
    seen.add(completion)
    for choice in completion.choices:
        seen.read(choice.message.content)


async def create(client: Any, seen: Seen) -> None:
    """Call and wait for the whole answer."""
    _note_chat(await value(client.chat.completions.create(**CHAT)), seen)


async def create_choices(client: Any, seen: Seen) -> None:
    """Ask for two answers at once."""
    _note_chat(await value(client.chat.completions.create(**CHAT, n=2)), seen)


async def create_tools(client: Any, seen: Seen) -> None:
    """Offer tools."""
    _note_chat(await value(client.chat.completions.create(**CHAT, tools=TOOLS)), seen)


async def stream(client: Any, seen: Seen) -> None:
    """Stream, without asking for usage."""
    await _read_chat(await value(client.chat.completions.create(**STREAM)), seen)


async def stream_usage(client: Any, seen: Seen) -> None:
    """Stream, and ask for usage."""
    await _read_chat(await value(client.chat.completions.create(**TOLD)), seen)


async def stream_no_usage(client: Any, seen: Seen) -> None:
    """Stream, and ask for no usage in so many words."""
    options = {"include_usage": False}
    await _read_chat(await value(client.chat.completions.create(**STREAM, stream_options=options)), seen)


async def stream_break(client: Any, seen: Seen) -> None:
    """Leave the loop over a stream, inside its ``with``."""
    async with entered(await value(client.chat.completions.create(**STREAM))) as chunks:
        async for chunk in each(chunks):
            seen.add(chunk)
            seen.read(chunk.choices[0].delta.content)
            if seen.text:
                break


async def stream_drop(client: Any, seen: Seen) -> None:
    """Read a little of a stream and forget it."""
    chunks = await value(client.chat.completions.create(**STREAM))
    await first(chunks)
    chunk = await first(chunks)
    seen.add(chunk)
    seen.read(chunk.choices[0].delta.content)


async def stream_unread(client: Any, seen: Seen) -> None:
    """Open a stream and close it without reading."""
    chunks = await value(client.chat.completions.create(**STREAM))
    seen.add(type(chunks).__name__)
    await value(chunks.close())


async def stream_raise(client: Any, seen: Seen) -> None:
    """Raise an error of the caller's own inside the loop."""
    async with entered(await value(client.chat.completions.create(**STREAM))) as chunks:
        async for chunk in each(chunks):
            seen.add(chunk)
            raise TimeoutError("the caller's own")


async def parse(client: Any, seen: Seen) -> None:
    """Have the answer parsed."""
    completions = client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
    _note_chat(await value(completions.parse(**CHAT, response_format=Verdict)), seen)


async def _helper(client: Any, seen: Seen, **more: Any) -> None:
    completions = (
        client.chat.completions if hasattr(client.chat.completions, "stream") else client.beta.chat.completions
    )
    async with entered(completions.stream(**CHAT, **more)) as events:
        async for event in each(events):
            seen.add(event)
            seen.read(event.delta if event.type == "content.delta" else "")
        seen.add(await value(events.get_final_completion()))


async def helper(client: Any, seen: Seen) -> None:
    """Stream through the SDK's helper, without asking for usage."""
    await _helper(client, seen)


async def helper_usage(client: Any, seen: Seen) -> None:
    """Stream through the SDK's helper, and ask for usage."""
    await _helper(client, seen, stream_options={"include_usage": True})


async def raw(client: Any, seen: Seen) -> None:
    """Take the raw response, then parse it."""
    response = await value(client.chat.completions.with_raw_response.create(**CHAT))
    seen.response(response)
    seen.add(type(response.elapsed).__name__)
    _note_chat(await value(response.parse()), seen)


async def raw_stream(client: Any, seen: Seen) -> None:
    """Take the raw response of a stream, then read it as one."""
    response = await value(client.chat.completions.with_raw_response.create(**STREAM))
    seen.response(response)
    await _read_chat(await value(response.parse()), seen)


async def streaming(client: Any, seen: Seen) -> None:
    """Stream the bytes of a plain answer."""
    async with entered(client.chat.completions.with_streaming_response.create(**CHAT)) as response:
        seen.response(response)
        seen.add(b"".join([part async for part in each(response.iter_bytes())]))
    seen.add(type(response.elapsed).__name__)


async def streaming_parse(client: Any, seen: Seen) -> None:
    """Open a plain answer as a stream, and parse it."""
    async with entered(client.chat.completions.with_streaming_response.create(**CHAT)) as response:
        _note_chat(await value(response.parse()), seen)


async def streaming_lines(client: Any, seen: Seen) -> None:
    """Stream the lines of a stream's bytes."""
    async with entered(client.chat.completions.with_streaming_response.create(**STREAM)) as response:
        seen.add([line async for line in each(response.iter_lines())])


async def streaming_unread(client: Any, seen: Seen) -> None:
    """Open a plain answer as a stream, and leave without reading it."""
    async with entered(client.chat.completions.with_streaming_response.create(**CHAT)) as response:
        seen.response(response)


async def with_options(client: Any, seen: Seen) -> None:
    """Call through a copy of the client."""
    await create(client.with_options(timeout=15.0, max_retries=1), seen)


async def post(client: Any, seen: Seen) -> None:
    """Post to the path by hand."""
    answer = await value(client.post("/chat/completions", body=CHAT, cast_to=object))
    seen.add(answer)
    seen.read(answer["choices"][0]["message"]["content"])


CHAT_SHAPES = (
    Shape(name="chat.create", sdk="openai", call=create, text=DEFAULT_TEXT),
    Shape(name="chat.create n=2", sdk="openai", call=create_choices, text=DEFAULT_TEXT * 2),
    Shape(name="chat.create tools", sdk="openai", call=create_tools, text=DEFAULT_TEXT),
    Shape(name="chat stream", sdk="openai", call=stream, text=DEFAULT_TEXT, streamed=True),
    Shape(name="chat stream include_usage", sdk="openai", call=stream_usage, text=DEFAULT_TEXT, streamed=True),
    Shape(name="chat stream include_usage=False", sdk="openai", call=stream_no_usage, text=DEFAULT_TEXT, streamed=True),
    Shape(name="chat stream break", sdk="openai", call=stream_break, text=FIRST_WORD, streamed=True, calls=(LEFT,)),
    Shape(name="chat stream drop", sdk="openai", call=stream_drop, text=FIRST_WORD, streamed=True, calls=(LEFT,)),
    Shape(name="chat stream unread", sdk="openai", call=stream_unread, streamed=True, calls=(LEFT,)),
    Shape(
        name="chat stream raise",
        sdk="openai",
        call=stream_raise,
        raises=("TimeoutError",),
        streamed=True,
        calls=(LEFT,),
    ),
    Shape(name="chat.parse", sdk="openai", call=parse, text=VERDICT),
    Shape(name="chat.stream", sdk="openai", call=helper, text=DEFAULT_TEXT, streamed=True),
    Shape(name="chat.stream include_usage", sdk="openai", call=helper_usage, text=DEFAULT_TEXT, streamed=True),
    Shape(name="chat raw", sdk="openai", call=raw, text=DEFAULT_TEXT),
    Shape(name="chat raw stream", sdk="openai", call=raw_stream, text=DEFAULT_TEXT, streamed=True),
    Shape(name="chat streaming_response", sdk="openai", call=streaming),
    Shape(name="chat streaming_response parse", sdk="openai", call=streaming_parse, text=DEFAULT_TEXT),
    Shape(name="chat streaming_response lines", sdk="openai", call=streaming_lines, streamed=True),
    Shape(name="chat streaming_response unread", sdk="openai", call=streaming_unread, calls=(LEFT,)),
    Shape(name="chat with_options", sdk="openai", call=with_options, text=DEFAULT_TEXT),
    Shape(name="chat client.post", sdk="openai", call=post, text=DEFAULT_TEXT),
)
