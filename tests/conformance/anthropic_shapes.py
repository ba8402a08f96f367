"""Ways of calling the Anthropic SDK."""

from __future__ import annotations

from typing import Any

from outlay.loopback import Behaviour, Reply, Tokens, ToolCall
from outlay.loopback.reply import DEFAULT_TEXT
from tests.conformance.openai_shapes import FIRST_WORD, VERDICT, Verdict
from tests.conformance.seen import Seen, each, entered, first, value
from tests.conformance.shape import LEFT, Shape

MESSAGE: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 200,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "What does a call cost?"}],
}
CACHED = Behaviour(
    reply=Reply(
        thinking="Let me see.",
        tool_calls=(ToolCall("look_up", {"what": "the price of a call"}),),
        tokens=Tokens(cache_read=1000, cache_write=200, cache_write_1h=300, reasoning=40, web_searches=1),
    )
)


def _note(message: Any, seen: Seen) -> None:
    seen.add(message)
    seen.read("".join(block.text for block in message.content if block.type == "text"))


async def _read(stream: Any, seen: Seen) -> None:
    async for event in each(stream):
        seen.add(event)
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            seen.read(event.delta.text)


async def create(client: Any, seen: Seen) -> None:
    """Call and wait for the whole answer."""
    _note(await value(client.messages.create(**MESSAGE)), seen)


async def stream(client: Any, seen: Seen) -> None:
    """Stream."""
    await _read(await value(client.messages.create(**MESSAGE, stream=True)), seen)


async def stream_break(client: Any, seen: Seen) -> None:
    """Leave the loop over a stream, inside its ``with``."""
    async with entered(await value(client.messages.create(**MESSAGE, stream=True))) as events:
        async for event in each(events):
            seen.add(event)
            if event.type == "content_block_delta":
                seen.read(event.delta.text)
                break


async def stream_drop(client: Any, seen: Seen) -> None:
    """Read a little of a stream and forget it."""
    events = await value(client.messages.create(**MESSAGE, stream=True))
    for _ in range(2):
        seen.add(await first(events))


async def helper_text(client: Any, seen: Seen) -> None:
    """Read the text of the SDK's stream helper."""
    async with entered(client.messages.stream(**MESSAGE)) as events:
        async for text in each(events.text_stream):
            seen.add(text)
            seen.read(text)


async def helper_events(client: Any, seen: Seen) -> None:
    """Read the events of the SDK's stream helper, and its final message."""
    async with entered(client.messages.stream(**MESSAGE)) as events:
        async for event in each(events):
            seen.add(event)
        _note(await value(events.get_final_message()), seen)


async def helper_final(client: Any, seen: Seen) -> None:
    """Ask the SDK's stream helper for the final message alone."""
    async with entered(client.messages.stream(**MESSAGE)) as events:
        _note(await value(events.get_final_message()), seen)


async def helper_break(client: Any, seen: Seen) -> None:
    """Leave the loop over the SDK's stream helper."""
    async with entered(client.messages.stream(**MESSAGE)) as events:
        async for text in each(events.text_stream):
            seen.read(text)
            break


async def parse(client: Any, seen: Seen) -> None:
    """Have the answer parsed."""
    _note(await value(client.messages.parse(**MESSAGE, output_format=Verdict)), seen)


async def raw(client: Any, seen: Seen) -> None:
    """Take the raw response, then parse it."""
    response = await value(client.messages.with_raw_response.create(**MESSAGE))
    seen.response(response)
    _note(await value(response.parse()), seen)


async def raw_stream(client: Any, seen: Seen) -> None:
    """Take the raw response of a stream, then read it as one."""
    response = await value(client.messages.with_raw_response.create(**MESSAGE, stream=True))
    seen.response(response)
    await _read(await value(response.parse()), seen)


async def streaming(client: Any, seen: Seen) -> None:
    """Stream the bytes of a plain answer."""
    async with entered(client.messages.with_streaming_response.create(**MESSAGE)) as response:
        seen.response(response)
        seen.add(b"".join([part async for part in each(response.iter_bytes())]))


async def with_options(client: Any, seen: Seen) -> None:
    """Call through a copy of the client."""
    await create(client.with_options(timeout=15.0, max_retries=1), seen)


async def beta(client: Any, seen: Seen) -> None:
    """Call the beta resource."""
    _note(await value(client.beta.messages.create(**MESSAGE, betas=["loopback-2025-01-01"])), seen)


async def beta_stream(client: Any, seen: Seen) -> None:
    """Stream from the beta resource."""
    await _read(await value(client.beta.messages.create(**MESSAGE, stream=True)), seen)


async def count(client: Any, seen: Seen) -> None:
    """Count tokens, which is free."""
    counted = {key: MESSAGE[key] for key in ("model", "system", "messages")}
    seen.add(await value(client.messages.count_tokens(**counted)))


def _shape(name: str, call: Any, text: str = DEFAULT_TEXT, **more: Any) -> Shape:
    return Shape(name=name, sdk="anthropic", call=call, text=text, **more)


ANTHROPIC_SHAPES = (
    _shape("messages.create", create),
    _shape("messages.create classes", create, "", script=(CACHED,)),
    _shape("messages stream", stream, streamed=True),
    _shape("messages stream classes", stream, "", script=(CACHED,), streamed=True),
    _shape("messages stream break", stream_break, FIRST_WORD, streamed=True, calls=(LEFT,)),
    _shape("messages stream drop", stream_drop, "", streamed=True, calls=(LEFT,)),
    _shape("messages.stream text_stream", helper_text, streamed=True),
    _shape("messages.stream events", helper_events, streamed=True),
    _shape("messages.stream get_final_message", helper_final, streamed=True),
    _shape("messages.stream break", helper_break, FIRST_WORD, streamed=True, calls=(LEFT,)),
    _shape("messages.parse", parse, VERDICT, needs="messages.parse"),
    _shape("messages raw", raw),
    _shape("messages raw stream", raw_stream, streamed=True),
    _shape("messages streaming_response", streaming, ""),
    _shape("messages with_options", with_options),
    _shape("beta.messages.create", beta),
    _shape("beta.messages stream", beta_stream, streamed=True),
    _shape("messages.count_tokens", count, "", calls=(), needs="messages.count_tokens"),
)
