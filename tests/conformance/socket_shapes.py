"""Ways of talking by websockets: OpenAI's Responses and Realtime, and Gemini's Live, against websockets' own server.

Messages: https://platform.openai.com/docs/api-reference/realtime-server-events,
https://platform.openai.com/docs/guides/websocket-mode, https://ai.google.dev/api/live
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import openai
from google import genai
from google.genai import types

from tests.conformance.field import FieldShape, Held
from tests.conformance.seen import Seen, each, entered, value
from tests.conformance.shape import Expect, Kind
from tests.conformance.socket_host import GONE, Answers, SocketHost


@dataclass(frozen=True, kw_only=True)
class SocketShape(FieldShape):
    """One way of talking by a websocket."""

    greeting: tuple[Any, ...] = ()
    replies: Answers

    def host(self) -> Any:
        """Make a host that answers so."""
        return SocketHost(self.greeting, self.replies, tls=self.make is google)


def client(kind: Kind, host: Any) -> Held:
    """Make OpenAI's client."""
    make: Any = openai.OpenAI if kind == "sync" else openai.AsyncOpenAI
    made = make(api_key="none", base_url=f"http://127.0.0.1:{host.port}/v1")
    return Held(made, made.close)


def google(kind: Kind, host: Any) -> Held:
    """Make Google's client, which goes to websockets by TLS alone."""
    del kind
    options = types.HttpOptions(
        base_url=f"https://127.0.0.1:{host.port}", api_version="v1beta", async_client_args={"ssl": host.trusted()}
    )
    made = genai.Client(api_key="none", http_options=options)
    return Held(made.aio, made.aio.aclose)


MODEL = "gpt-4o-mini"
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-4o-mini-2024-07-18", "status": "in_progress",
    "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "service_tier": "default",
}  # fmt: skip
RESPONSE_USAGE = {
    "input_tokens": 300,
    "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 0},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 320,
}
DONE = {"type": "response.completed", "sequence_number": 4,
        "response": RESPONSE | {"status": "completed", "usage": RESPONSE_USAGE}}  # fmt: skip


def _delta(text: str, number: int) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0,
            "delta": text, "logprobs": [], "sequence_number": number}  # fmt: skip


CREATED = {"type": "response.created", "sequence_number": 0, "response": RESPONSE}
REFUSED = {
    "type": "error",
    "status": 429,
    "error": {"type": "rate_limit_error", "code": "rate_limited", "message": "no"},
}


def replying(*messages: Any, to: str = "response.create") -> Answers:
    """Answer each message of a type."""
    return lambda asked: messages if asked.get("type") == to else ()


async def respond(held: Any, seen: Seen) -> None:
    """Ask twice over one websocket, and read each answer to its end."""
    async with entered(held.sdk.responses.connect()) as connection:
        for _ in range(2):
            await value(connection.response.create(model=MODEL, input="What does a call cost?", max_output_tokens=100))
            await _read(connection, seen, ("response.completed", "error"))


async def respond_once(held: Any, seen: Seen) -> None:
    """Ask, and read what comes until the end or the first failure."""
    async with entered(held.sdk.responses.connect()) as connection:
        await value(connection.response.create(model=MODEL, input="What does a call cost?", max_output_tokens=100))
        await _read(connection, seen, ("response.completed", "error"))


async def respond_and_leave(held: Any, seen: Seen) -> None:
    """Close the websocket in the middle of an answer."""
    async with entered(held.sdk.responses.connect()) as connection:
        await value(connection.response.create(model=MODEL, input="What does a call cost?", max_output_tokens=100))
        await _read(connection, seen, ("response.output_text.delta",))


async def _read(connection: Any, seen: Seen, until: tuple[str, ...]) -> None:
    async for event in each(connection):
        seen.add(event)
        seen.read(event.delta if event.type == "response.output_text.delta" else "")
        seen.read(event.delta if event.type == "response.output_audio_transcript.delta" else "")
        if event.type in until:
            break


VOICE = "gpt-realtime"
SESSION = {
    "type": "session.created", "event_id": "e0",
    "session": {"type": "realtime", "id": "s", "model": VOICE,
                "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}},
}  # fmt: skip
VOICE_USAGE = {
    "total_tokens": 500, "input_tokens": 400, "output_tokens": 100,
    "input_token_details": {
        "text_tokens": 150, "audio_tokens": 250, "image_tokens": 0, "cached_tokens": 192,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 128, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 70},
}  # fmt: skip
SPOKEN = {"input": 86, "input_audio": 122, "cache_read": 64, "cache_read_audio": 128, "output": 30, "output_audio": 70}
# 86 x 4 + 122 x 32 + (64 + 128) x 0.40 + 30 x 16 + 70 x 64, a million
SPOKEN_USD = "0.0092848"


def _spoken(number: int, status: str = "completed", usage: Any = VOICE_USAGE) -> dict[str, Any]:
    details = {"type": status, **({} if status == "completed" else {"reason": "turn_detected"})}
    response = {"object": "realtime.response", "id": f"resp_{number}", "status": status, "status_details": details,
                "output": [], "usage": usage}  # fmt: skip
    return {"type": "response.done", "event_id": f"d{number}", "response": response}


def _voice(number: int) -> tuple[dict[str, Any], ...]:
    place = {"response_id": f"resp_{number}", "item_id": "i", "output_index": 0, "content_index": 0}
    response = {"object": "realtime.response", "id": f"resp_{number}", "status": "in_progress", "output": []}
    sound = base64.b64encode(bytes(6000)).decode()
    return (
        {"type": "response.created", "event_id": f"c{number}", "response": response},
        {"type": "response.output_audio.delta", "event_id": f"a{number}", "delta": sound, **place},
        {
            "type": "response.output_audio_transcript.delta",
            "event_id": f"t{number}",
            "delta": "Little enough.",
            **place,
        },
    )


HEARD = {
    "type": "conversation.item.input_audio_transcription.completed", "event_id": "h", "item_id": "i1",
    "content_index": 0, "transcript": "What does a call cost?",
    "usage": {"type": "tokens", "total_tokens": 48, "input_tokens": 40, "output_tokens": 8,
              "input_token_details": {"audio_tokens": 35, "text_tokens": 5}},
}  # fmt: skip


async def speak(held: Any, seen: Seen) -> None:
    """Ask for an answer, and listen to its end."""
    async with entered(held.sdk.realtime.connect(model=VOICE)) as connection:
        await value(connection.conversation.item.create(item=_said()))
        await value(connection.response.create())
        await _read(connection, seen, ("response.done", "error"))


async def listen(held: Any, seen: Seen) -> None:
    """Send sound alone: the server finds the end of the speech, writes it down, and answers unasked."""
    async with entered(held.sdk.realtime.connect(model=VOICE)) as connection:
        await value(connection.input_audio_buffer.append(audio=base64.b64encode(bytes(9000)).decode()))
        await _read(connection, seen, ("response.done",))


async def interrupt(held: Any, seen: Seen) -> None:
    """Leave in the middle of a spoken answer."""
    async with entered(held.sdk.realtime.connect(model=VOICE)) as connection:
        await value(connection.conversation.item.create(item=_said()))
        await value(connection.response.create())
        await _read(connection, seen, ("response.output_audio_transcript.delta",))


def _said() -> Any:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What does a call cost?"}]}


LIVE = "gemini-live-2.5-flash"
LIVE_USAGE = {
    "promptTokenCount": 522, "responseTokenCount": 42, "totalTokenCount": 564, "thoughtsTokenCount": 136,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 332}, {"modality": "AUDIO", "tokenCount": 165}],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 42}],
}  # fmt: skip


def _turn(text: str) -> tuple[dict[str, Any], ...]:
    sound = {"mimeType": "audio/pcm", "data": base64.b64encode(bytes(6000)).decode()}
    return (
        {"serverContent": {"modelTurn": {"parts": [{"inlineData": sound}]}}},
        {"serverContent": {"outputTranscription": {"text": text}}},
        {"serverContent": {"generationComplete": True}},
    )


FINISHED = {"serverContent": {"turnComplete": True}, "usageMetadata": LIVE_USAGE}


def live(*turn: Any) -> Answers:
    """Answer the setup of a session, and each whole turn of its user."""

    def answer(asked: dict[str, Any]) -> tuple[Any, ...]:
        if "setup" in asked:
            return ({"setupComplete": {}},)
        return turn if asked.get("client_content", {}).get("turnComplete") else ()

    return answer


async def converse(held: Any, seen: Seen) -> None:
    """Take two turns."""
    async with held.sdk.live.connect(model=LIVE, config={"response_modalities": ["AUDIO"]}) as session:
        for _ in range(2):
            await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text="What?")]))
            async for message in session.receive():
                seen.add(message)
                heard = message.server_content and message.server_content.output_transcription
                seen.read(heard.text if heard else "")


async def converse_and_leave(held: Any, seen: Seen) -> None:
    """Leave in the middle of an answer."""
    async with held.sdk.live.connect(model=LIVE, config={"response_modalities": ["AUDIO"]}) as session:
        await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text="What?")]))
        async for message in session.receive():
            seen.add(message)
            heard = message.server_content and message.server_content.output_transcription
            seen.read(heard.text if heard else "")
            if heard:
                break


SOCKETS: dict[Kind, str] = {"sync": "websockets", "async": "websockets"}
TEXT = "Little enough."
LEFT = Expect("abandoned", "estimate", 101)
LOST = Expect("error", "estimate", 101)
SPOKE = Expect(status=101)


def _responses(name: str, call: Any, *messages: Any, **more: Any) -> SocketShape:
    given: dict[str, Any] = {
        "sdk": "openai", "make": client, "api": "openai.responses", "model": MODEL, "http": SOCKETS, "answers": (),
        "classes": {"input": 200, "cache_read": 100, "output": 20}, "reasoning": 5, "streamed": True,
        "answered_by": RESPONSE["model"], "requests": 2, "needs": "responses.connect",
        # 200 x 0.15 + 100 x 0.075 + 20 x 0.60, a million
        "usd": "0.0000495",
    }  # fmt: skip
    return SocketShape(name=f"responses.connect {name}", call=call, replies=replying(*messages), **given | more)


def _realtime(name: str, call: Any, replies: Answers, **more: Any) -> SocketShape:
    given: dict[str, Any] = {
        "sdk": "openai", "make": client, "api": "openai.realtime", "model": VOICE, "http": SOCKETS, "answers": (),
        "classes": SPOKEN, "usd": SPOKEN_USD, "streamed": True, "answered_by": None, "requests": 3,
        "greeting": (SESSION,), "calls": (SPOKE,), "needs": "realtime.connect",
    }  # fmt: skip
    return SocketShape(name=f"realtime.connect {name}", call=call, replies=replies, **given | more)


def _live(name: str, call: Any, *turn: Any, **more: Any) -> SocketShape:
    given: dict[str, Any] = {
        "sdk": "gcp.gemini", "make": google, "api": "gemini.live", "model": f"models/{LIVE}", "http": SOCKETS,
        "answers": (), "kinds": ("async",), "streamed": True, "answered_by": None, "requests": 4,
        "classes": {"input": 357, "input_audio": 165, "output": 136, "output_audio": 42}, "reasoning": 136,
        # 357 x 0.50 + 165 x 3 + 136 x 2 + 42 x 12, a million
        "usd": "0.0014495", "calls": (SPOKE, SPOKE), "turns": True,
    }  # fmt: skip
    return SocketShape(name=f"live.connect {name}", call=call, replies=live(*turn), **given | more)


SOCKET_SHAPES: tuple[FieldShape, ...] = (
    _responses("two answers", respond, CREATED, _delta("Little", 1), _delta(" enough.", 2), DONE,
               text=TEXT * 2, requests=3, calls=(SPOKE, SPOKE), turns=True),
    _responses("refused", respond_once, REFUSED, calls=(Expect("error", "none", 429),)),
    _responses("left", respond_and_leave, CREATED, _delta("Little", 1), text="Little", calls=(LEFT,)),
    _responses("lost", respond_once, CREATED, _delta("Little", 1), GONE, text="Little", calls=(LOST,),
               raises=("ConnectionClosedError",)),
    _realtime("asked", speak, replying(*_voice(1), _spoken(1)), text=TEXT),
    _realtime("interrupted by speech", speak, replying(*_voice(1), _spoken(1, "cancelled")), text=TEXT),
    _realtime("left", interrupt, replying(*_voice(1)), text=TEXT, calls=(LEFT,)),
    _realtime("lost", speak, replying(*_voice(1), GONE), text=TEXT, calls=(LOST,), raises=("ConnectionClosedError",)),
    _live("two turns", converse, *_turn(TEXT), FINISHED, text=TEXT * 2),
    _live("interrupted", converse, *_turn(TEXT)[:2], {"serverContent": {"interrupted": True}}, FINISHED, text=TEXT * 2),
    _live("left", converse_and_leave, *_turn(TEXT), text=TEXT, requests=3, calls=(LEFT,)),
)  # fmt: skip
