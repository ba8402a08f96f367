"""Ways of calling the OpenAI SDK: responses, embeddings, legacy completions."""

from __future__ import annotations

from typing import Any

from outlay.loopback.reply import DEFAULT_TEXT
from tests.conformance.openai_shapes import FIRST_WORD, VERDICT, Verdict
from tests.conformance.seen import Seen, each, entered, value
from tests.conformance.shape import LEFT, Expect, Shape

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "input": "What does a call cost?"}
SAY: dict[str, Any] = {"model": "gpt-3.5-turbo-instruct", "prompt": "What does a call cost?"}
EMBED: dict[str, Any] = {"model": "text-embedding-3-small", "input": ["one call", "another call"], "dimensions": 4}
DELTA = "response.output_text.delta"


def _note(response: Any, seen: Seen) -> None:
    seen.add(response)
    seen.read(response.output_text)


async def _read(stream: Any, seen: Seen) -> None:
    async for event in each(stream):
        seen.add(event)
        seen.read(event.delta if event.type == DELTA else "")


async def respond(client: Any, seen: Seen) -> None:
    """Call and wait for the whole answer."""
    _note(await value(client.responses.create(**ASK)), seen)


async def respond_stream(client: Any, seen: Seen) -> None:
    """Stream."""
    await _read(await value(client.responses.create(**ASK, stream=True)), seen)


async def respond_break(client: Any, seen: Seen) -> None:
    """Leave the loop over a stream, inside its ``with``."""
    async with entered(await value(client.responses.create(**ASK, stream=True))) as events:
        async for event in each(events):
            seen.add(event)
            if event.type == DELTA:
                seen.read(event.delta)
                break


async def respond_parse(client: Any, seen: Seen) -> None:
    """Have the answer parsed."""
    _note(await value(client.responses.parse(**ASK, text_format=Verdict)), seen)


async def respond_helper(client: Any, seen: Seen) -> None:
    """Stream through the SDK's helper."""
    async with entered(client.responses.stream(**ASK)) as events:
        await _read(events, seen)
        seen.add(await value(events.get_final_response()))


async def respond_raw(client: Any, seen: Seen) -> None:
    """Take the raw response, then parse it."""
    response = await value(client.responses.with_raw_response.create(**ASK))
    seen.response(response)
    _note(await value(response.parse()), seen)


async def respond_raw_stream(client: Any, seen: Seen) -> None:
    """Take the raw response of a stream, then read it as one."""
    response = await value(client.responses.with_raw_response.create(**ASK, stream=True))
    seen.response(response)
    await _read(await value(response.parse()), seen)


async def background(client: Any, seen: Seen) -> None:
    """Start in the background, and ask until it is done, and once more."""
    response = await value(client.responses.create(**ASK, background=True))
    seen.add(response)
    for _ in range(3):
        response = await value(client.responses.retrieve(response.id))
        seen.add(response)
    seen.read(response.output_text)


async def background_pending(client: Any, seen: Seen) -> None:
    """Start in the background, and never ask."""
    seen.add(await value(client.responses.create(**ASK, background=True)))


async def background_stream(client: Any, seen: Seen) -> None:
    """Start in the background as a stream, leave it, and read it again from the start."""
    async with entered(await value(client.responses.create(**ASK, background=True, stream=True))) as events:
        async for event in each(events):
            identity = event.response.id
            break
    await _read(await value(client.responses.retrieve(identity, stream=True)), seen)


async def embed(client: Any, seen: Seen) -> None:
    """Embed two texts."""
    answer = await value(client.embeddings.create(**EMBED))
    seen.add(answer)
    seen.read(" ".join(str(len(item.embedding)) for item in answer.data))


async def complete(client: Any, seen: Seen) -> None:
    """Call the legacy completions and wait for the whole answer."""
    answer = await value(client.completions.create(**SAY))
    seen.add(answer)
    seen.read(answer.choices[0].text)


async def complete_stream(client: Any, seen: Seen) -> None:
    """Stream a legacy completion, without asking for usage."""
    async for chunk in each(await value(client.completions.create(**SAY, stream=True))):
        seen.add(chunk)
        seen.read("".join(choice.text for choice in chunk.choices))


async def models(client: Any, seen: Seen) -> None:
    """List models, which is free."""
    async for model in each(await value(client.models.list())):
        seen.add(model)


def _responses(name: str, call: Any, text: str = DEFAULT_TEXT, **more: Any) -> Shape:
    return Shape(name=name, sdk="openai", call=call, text=text, **({"needs": "responses"} | more))


BACKGROUND = "responses.create(background)"

OTHER_SHAPES = (
    _responses("responses.create", respond),
    _responses("responses stream", respond_stream, streamed=True),
    _responses("responses stream break", respond_break, FIRST_WORD, streamed=True, calls=(LEFT,)),
    _responses("responses.parse", respond_parse, VERDICT, needs="responses.parse"),
    _responses("responses.stream", respond_helper, streamed=True, needs="responses.stream"),
    _responses("responses raw", respond_raw),
    _responses("responses raw stream", respond_raw_stream, streamed=True),
    _responses("responses background", background, requests=4, needs=BACKGROUND),
    _responses(
        "responses background pending",
        background_pending,
        "",
        calls=(Expect("pending", "uncertain"),),
        needs=BACKGROUND,
    ),
    _responses("responses background stream", background_stream, requests=2, streamed=True, needs=BACKGROUND),
    Shape(name="embeddings", sdk="openai", call=embed, text="4 4"),
    Shape(name="completions", sdk="openai", call=complete, text=DEFAULT_TEXT),
    Shape(name="completions stream", sdk="openai", call=complete_stream, text=DEFAULT_TEXT, streamed=True),
    Shape(name="models.list", sdk="openai", call=models, calls=()),
)
