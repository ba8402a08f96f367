"""Ways of calling by gRPC: xai-sdk, and a client that Google generates, against grpcio's own server.

Messages: https://github.com/xai-org/xai-proto (chat.proto, usage.proto), https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc
import xai_sdk
from google.ai import generativelanguage as google
from xai_sdk.chat import user
from xai_sdk.proto import chat_pb2, deferred_pb2, usage_pb2

from tests.conformance.field import FieldShape, Held
from tests.conformance.rpc_host import RpcHost
from tests.conformance.seen import Seen, each, value
from tests.conformance.shape import BROKEN, LEFT, Expect, Kind, failed


@dataclass(frozen=True, kw_only=True)
class RpcShape(FieldShape):
    """One way of calling by gRPC."""

    messages: dict[str, tuple[Any, ...]]

    def host(self) -> Any:
        """Make a host that answers so."""
        return RpcHost(self.messages)


GROK = "grok-4-fast-reasoning"
USAGE = usage_pb2.SamplingUsage(
    prompt_tokens=300,
    prompt_text_tokens=200,
    cached_prompt_text_tokens=100,
    completion_tokens=20,
    reasoning_tokens=30,
    total_tokens=350,
)
# 200 x 1.25 + 100 x 0.20 + 50 x 2.50, a million: it is Grok 4.3 since 2026-05-15
USD = "0.000395"
STOP = chat_pb2.CompletionOutput(
    finish_reason="REASON_STOP", message=chat_pb2.CompletionMessage(role="ROLE_ASSISTANT", content="Little enough.")
)
ANSWER = chat_pb2.GetChatCompletionResponse(id="r-1", model=GROK, outputs=[STOP], usage=USAGE)


def _chunk(text: str, tokens: int, **more: Any) -> Any:
    delta = chat_pb2.CompletionOutputChunk(delta=chat_pb2.Delta(role="ROLE_ASSISTANT", content=text), **more)
    usage = usage_pb2.SamplingUsage(prompt_tokens=300, completion_tokens=tokens, total_tokens=300 + tokens)
    return chat_pb2.GetChatCompletionChunk(id="r-1", model=GROK, outputs=[delta], usage=usage)


LAST = _chunk(" enough.", 20, finish_reason="REASON_STOP")
LAST.usage.CopyFrom(USAGE)
CHUNKS = (_chunk("Little", 5), *[_chunk("", 6) for _ in range(4)], LAST)

GEMINI = "gemini-2.5-flash"
_USAGE = {
    "prompt_token_count": 300,
    "cached_content_token_count": 100,
    "candidates_token_count": 20,
    "total_token_count": 390,
    "thoughts_token_count": 30,
    "tool_use_prompt_token_count": 40,
}


def _content(text: str, usage: dict[str, Any], **more: Any) -> Any:
    content = google.Content(role="model", parts=[google.Part(text=text)])
    return google.GenerateContentResponse(
        candidates=[google.Candidate(content=content, **more)], usage_metadata=usage, model_version=GEMINI
    )


CONTENT = _content("Little enough.", _USAGE, finish_reason="STOP")
CONTENTS = (
    _content("Little", {"prompt_token_count": 300, "total_token_count": 300}),
    _content(" enough.", _USAGE, finish_reason="STOP"),
)


def grok(kind: Kind, host: Any) -> Held:
    """Make xAI's client."""
    make: Any = xai_sdk.Client if kind == "sync" else xai_sdk.AsyncClient
    made = make(api_key="none", api_host=host.target, use_insecure_channel=True, timeout=10)
    return Held(made, made.close)


async def sample(held: Any, seen: Seen) -> None:
    """Ask, and wait for the whole answer."""
    answer = await value(_chat(held).sample())
    seen.add((type(answer).__name__, answer.proto.SerializeToString(deterministic=True)))
    seen.read(answer.content)


async def defer(held: Any, seen: Seen) -> None:
    """Ask, and ask for the answer until it is there."""
    answer = await value(_chat(held).defer())
    seen.add((type(answer).__name__, answer.proto.SerializeToString(deterministic=True)))
    seen.read(answer.content)


async def stream(held: Any, seen: Seen) -> None:
    """Stream."""
    async for answer, chunk in each(_chat(held).stream()):
        seen.add((answer.content, type(chunk).__name__))
        seen.read(chunk.content)


async def torn(held: Any, seen: Seen) -> None:
    """Stream until the connection is gone; what gRPC says of that differs from run to run."""
    try:
        await stream(held, seen)
    except grpc.RpcError as error:
        seen.add((type(error).__name__, error.code().name))


async def stop(held: Any, seen: Seen) -> None:
    """Leave a stream after its first chunk, and close it."""
    chunks = _chat(held).stream()
    async for _, chunk in each(chunks):
        seen.read(chunk.content)
        break
    await value(chunks.aclose() if hasattr(chunks, "aclose") else chunks.close())


async def cancel(held: Any, seen: Seen) -> None:
    """Give up waiting."""
    waiting = asyncio.ensure_future(_chat(held).sample())
    await asyncio.sleep(0.2)
    waiting.cancel()
    try:
        await waiting
    except asyncio.CancelledError as error:
        seen.add(type(error).__name__)


def _chat(held: Any) -> Any:
    chat = held.sdk.chat.create(model=GROK, max_tokens=100)
    chat.append(user("What does a call cost?"))
    return chat


def gemini(kind: Kind, host: Any) -> Held:
    """Make a client of those that Google generates."""
    if kind == "sync":
        channel: Any = grpc.insecure_channel(host.target)
        transport: Any = google.GenerativeServiceClient.get_transport_class("grpc")(channel=channel)
        return Held(google.GenerativeServiceClient(transport=transport), channel.close)
    channel = grpc.aio.insecure_channel(host.target)
    transport = google.GenerativeServiceAsyncClient.get_transport_class("grpc_asyncio")(channel=channel)
    return Held(google.GenerativeServiceAsyncClient(transport=transport), channel.close)


def _asked() -> Any:
    content = google.Content(role="user", parts=[google.Part(text="What does a call cost?")])
    return google.GenerateContentRequest(model=f"models/{GEMINI}", contents=[content])


async def generate(held: Any, seen: Seen) -> None:
    """Ask, and wait for the whole answer."""
    answer = await value(held.sdk.generate_content(_asked(), timeout=10, retry=None))
    seen.add((type(answer).__name__, type(answer).to_json(answer)))
    seen.read(answer.candidates[0].content.parts[0].text)


async def generate_soon(held: Any, seen: Seen) -> None:
    """Ask, and do not wait long."""
    seen.add(await value(held.sdk.generate_content(_asked(), timeout=0.2, retry=None)))


async def generate_stream(held: Any, seen: Seen) -> None:
    """Stream."""
    chunks = await value(held.sdk.stream_generate_content(_asked(), timeout=10, retry=None))
    seen.add(type(chunks).__name__)
    async for chunk in each(chunks):
        seen.add((type(chunk).__name__, type(chunk).to_json(chunk)))
        seen.read(chunk.candidates[0].content.parts[0].text)


async def generate_drop(held: Any, seen: Seen) -> None:
    """Read the first message of a stream and forget the rest."""
    async for chunk in each(await value(held.sdk.stream_generate_content(_asked(), timeout=10, retry=None))):
        seen.read(chunk.candidates[0].content.parts[0].text)
        break


GRPC: dict[Kind, str] = {"sync": "grpc", "async": "grpc"}
TEXT = "Little enough."


def _grok(name: str, call: Any, **more: Any) -> RpcShape:
    given: dict[str, Any] = {
        "sdk": "x_ai", "make": grok, "api": "x_ai.chat", "model": GROK, "answered_by": GROK, "reasoning": 30,
        "classes": {"input": 200, "cache_read": 100, "output": 50}, "usd": USD, "http": GRPC, "answers": (),
        "messages": {"/xai_api.Chat/GetCompletion": (ANSWER,), "/xai_api.Chat/GetCompletionChunk": CHUNKS},
    }  # fmt: skip
    return RpcShape(name=f"xai-sdk {name}", call=call, **given | more)


def _gemini(name: str, call: Any, **more: Any) -> RpcShape:
    service = "/google.ai.generativelanguage.v1beta.GenerativeService"
    given: dict[str, Any] = {
        "sdk": "gcp.gemini", "make": gemini, "api": "gemini.generate_content", "model": GEMINI, "answered_by": GEMINI,
        "reasoning": 30, "http": GRPC, "answers": (),
        "classes": {"input": 200, "cache_read": 100, "tool_use_input": 40, "output": 50},
        # (200 + 40) x 0.30 + 100 x 0.03 + 50 x 2.50, a million
        "usd": "0.0002",
        "messages": {f"{service}/GenerateContent": (CONTENT,), f"{service}/StreamGenerateContent": CONTENTS},
    }  # fmt: skip
    return RpcShape(name=f"gemini by grpc {name}", call=call, **given | more)


def _charged() -> Any:
    answer = chat_pb2.GetChatCompletionResponse()
    answer.CopyFrom(ANSWER)
    answer.usage.cost_in_usd_ticks = 123_000_000
    answer.usage.server_side_tools_used.extend(["SERVER_SIDE_TOOL_WEB_SEARCH"] * 2 + ["SERVER_SIDE_TOOL_X_SEARCH"])
    return answer


_DEFERRED: dict[str, tuple[Any, ...]] = {
    "/xai_api.Chat/StartDeferredCompletion": (deferred_pb2.StartDeferredResponse(request_id="d-1"),),
    "/xai_api.Chat/GetDeferredCompletion": (chat_pb2.GetDeferredCompletionResponse(status="DONE", response=ANSWER),),
}
LATE = Expect("error", "uncertain", None)
CANCELLED = Expect("cancelled", "estimate", None)
RPC_SHAPES: tuple[FieldShape, ...] = (
    _grok("sample", sample, text=TEXT),
    _grok("stream", stream, text=TEXT, streamed=True),
    _grok("sample with tools, charged", sample, text=TEXT, usd="0.0123", source="reported",
          classes={"input": 200, "cache_read": 100, "output": 50, "web_search": 2, "social_search": 1},
          messages={"/xai_api.Chat/GetCompletion": (_charged(),)}),
    _grok("defer", defer, text=TEXT, messages=_DEFERRED, requests=2),
    _grok("stream closed", stop, text="Little", script=("hang=2",), streamed=True, calls=(LEFT,)),
    _grok("429", sample, script=("429",), raises=("_InactiveRpcError", "AioRpcError"), calls=(failed(429),)),
    _grok("stream 429", stream, script=("429",), raises=("_MultiThreadedRendezvous", "AioRpcError"),
          calls=(failed(429),)),
    _grok("stream that fails", stream, text="Little", script=("error=2",), streamed=True, calls=(BROKEN,),
          raises=("_MultiThreadedRendezvous", "AioRpcError")),
    _grok("stream torn", torn, text="Little", script=("cut=2",), streamed=True, calls=(BROKEN,)),
    _grok("cancelled", cancel, script=("hang=0",), calls=(CANCELLED,), kinds=("async",)),
    _gemini("generate_content", generate, text=TEXT),
    _gemini("stream", generate_stream, text=TEXT, streamed=True),
    _gemini("stream dropped", generate_drop, text="Little", script=("hang=1",), streamed=True, calls=(LEFT,)),
    _gemini("400", generate, script=("400",), raises=("InvalidArgument",), calls=(failed(400),)),
    _gemini("503", generate, script=("503",), raises=("ServiceUnavailable",), calls=(failed(503),)),
    _gemini("timeout", generate_soon, script=("hang=0",), raises=("DeadlineExceeded",), calls=(LATE,)),
)  # fmt: skip
