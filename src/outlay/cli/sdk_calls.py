"""One call through each SDK that doctor knows, sync and async, to the host on this machine: no key, no network."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from outlay.loopback import ModelHost

Told = tuple[int, int]
"""Tokens (read, written) that were billed, where the host does not keep them itself."""


class SdkCall(NamedTuple):
    """A call through an SDK."""

    sdk: str
    """The package's name."""
    way: str
    """``sync``, ``async``, or what it goes by."""
    provider: str
    call: Callable[[ModelHost], Told | None]


_MESSAGES: Any = [{"role": "user", "content": "Are you metered?"}]
_CHAT: Any = {"model": "gpt-4o-mini", "messages": _MESSAGES}
_KEY = "no-key-needed"


def _run(running: Coroutine[Any, Any, Any]) -> None:
    asyncio.run(running)


def _sdk(name: str) -> Any:
    return importlib.import_module(name)


def _openai_like(module: str, name: str, url: Callable[[ModelHost], str]) -> Callable[[ModelHost], None]:
    """Return a call by one of the SDKs that are made like OpenAI's."""

    def call(host: ModelHost) -> None:
        with getattr(_sdk(module), name)(base_url=url(host), api_key=_KEY, max_retries=0) as client:
            client.chat.completions.create(**_CHAT)

    async def call_async(host: ModelHost) -> None:
        async with getattr(_sdk(module), name)(base_url=url(host), api_key=_KEY, max_retries=0) as client:
            await client.chat.completions.create(**_CHAT)

    return (lambda host: _run(call_async(host))) if name.startswith("Async") else call


_ASKED: Any = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": _MESSAGES}


def _anthropic(host: ModelHost) -> None:
    with _sdk("anthropic").Anthropic(base_url=host.anthropic_url, api_key=_KEY, max_retries=0) as client:
        client.messages.create(**_ASKED)


def _async_anthropic(host: ModelHost) -> None:
    async def call() -> None:
        made = _sdk("anthropic").AsyncAnthropic
        async with made(base_url=host.anthropic_url, api_key=_KEY, max_retries=0) as client:
            await client.messages.create(**_ASKED)

    _run(call())


_GEMINI: Any = {"model": "gemini-2.5-flash", "contents": "Are you metered?"}


def _gemini(host: ModelHost) -> Any:
    return _sdk("google.genai").Client(api_key=_KEY, http_options={"base_url": host.url})


def _google(host: ModelHost) -> None:
    with _gemini(host) as client:
        client.models.generate_content(**_GEMINI)


def _async_google(host: ModelHost) -> None:
    async def call() -> None:
        client = _gemini(host)
        async with client.aio as made:
            await made.models.generate_content(**_GEMINI)

    _run(call())


def _mistral(host: ModelHost) -> None:
    with _sdk("mistralai.client").Mistral(api_key=_KEY, server_url=host.url) as client:
        client.chat.complete(**_CHAT)


def _async_mistral(host: ModelHost) -> None:
    async def call() -> None:
        async with _sdk("mistralai.client").Mistral(api_key=_KEY, server_url=host.url) as client:
            await client.chat.complete_async(**_CHAT)

    _run(call())


def _cohere(host: ModelHost) -> None:
    with _sdk("httpx").Client() as http:
        _sdk("cohere").ClientV2(api_key=_KEY, base_url=host.url, httpx_client=http).chat(**_CHAT)


def _async_cohere(host: ModelHost) -> None:
    async def call() -> None:
        async with _sdk("httpx").AsyncClient() as http:  # Cohere's own can't be closed
            made = _sdk("cohere").AsyncClientV2(api_key=_KEY, base_url=host.url, httpx_client=http)
            await made.chat(**_CHAT)

    _run(call())


def _ollama(host: ModelHost) -> None:
    _sdk("ollama").Client(host=host.url).chat(**_CHAT)


def _async_ollama(host: ModelHost) -> None:
    async def call() -> None:
        await _sdk("ollama").AsyncClient(host=host.url).chat(**_CHAT)

    _run(call())


def _hub(host: ModelHost) -> None:
    _sdk("huggingface_hub").InferenceClient(base_url=host.url, api_key=_KEY).chat_completion(**_CHAT)


def _async_hub(host: ModelHost) -> None:
    async def call() -> None:
        await _sdk("huggingface_hub").AsyncInferenceClient(base_url=host.url, api_key=_KEY).chat_completion(**_CHAT)

    _run(call())


def _boto3(host: ModelHost) -> None:
    keys = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client = _sdk("boto3").client("bedrock-runtime", endpoint_url=host.url, **keys)
    content = [{"text": _MESSAGES[0]["content"]}]
    client.converse(modelId="amazon.nova-lite-v1:0", messages=[{"role": "user", "content": content}])
    client.close()


def _xai(_: ModelHost) -> Told:
    """Call by gRPC, which the host does not speak: a server of grpcio's own does."""
    with _Grpc() as target:
        client = _sdk("xai_sdk").Client(api_key=_KEY, api_host=target, use_insecure_channel=True)
        client.chat.create(**_grok()).sample()
        client.close()
    return _Grpc.BILLED


def _async_xai(_: ModelHost) -> Told:
    async def call(target: str) -> None:
        client = _sdk("xai_sdk").AsyncClient(api_key=_KEY, api_host=target, use_insecure_channel=True)
        await client.chat.create(**_grok()).sample()
        await client.close()

    with _Grpc() as target:
        _run(call(target))
    return _Grpc.BILLED


def _grok() -> Any:
    return {"model": "grok-4", "messages": [_sdk("xai_sdk.chat").user(_MESSAGES[0]["content"])]}


class _Grpc:
    """A gRPC server that answers any RPC with xAI's answer."""

    BILLED = (7, 11)

    def __enter__(self) -> str:
        grpc, chat = _sdk("grpc"), _sdk("xai_sdk.proto").chat_pb2
        read, written = self.BILLED
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        answer = chat.GetChatCompletionResponse(model="grok-4", outputs=[{}], usage=usage).SerializeToString()
        handle = grpc.unary_unary_rpc_method_handler(lambda _, __: answer)
        handler = type("Handler", (grpc.GenericRpcHandler,), {"service": lambda _, __: handle})
        self._server = grpc.server(ThreadPoolExecutor(1))
        self._server.add_generic_rpc_handlers((handler(),))
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return f"127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()


def _groq_url(host: ModelHost) -> str:
    return host.url


def _openai_url(host: ModelHost) -> str:
    return host.openai_url


CALLS = (
    SdkCall("openai", "sync", "openai", _openai_like("openai", "OpenAI", _openai_url)),
    SdkCall("openai", "async", "openai", _openai_like("openai", "AsyncOpenAI", _openai_url)),
    SdkCall("anthropic", "sync", "anthropic", _anthropic),
    SdkCall("anthropic", "async", "anthropic", _async_anthropic),
    SdkCall("google-genai", "sync", "gcp.gemini", _google),
    SdkCall("google-genai", "async", "gcp.gemini", _async_google),
    SdkCall("boto3", "sync", "aws.bedrock", _boto3),
    SdkCall("cohere", "sync", "cohere", _cohere),
    SdkCall("cohere", "async", "cohere", _async_cohere),
    SdkCall("mistralai", "sync", "mistral_ai", _mistral),
    SdkCall("mistralai", "async", "mistral_ai", _async_mistral),
    SdkCall("groq", "sync", "groq", _openai_like("groq", "Groq", _groq_url)),
    SdkCall("groq", "async", "groq", _openai_like("groq", "AsyncGroq", _groq_url)),
    SdkCall("together", "sync", "together", _openai_like("together", "Together", _openai_url)),
    SdkCall("together", "async", "together", _openai_like("together", "AsyncTogether", _openai_url)),
    SdkCall("ollama", "sync", "ollama", _ollama),
    SdkCall("ollama", "async", "ollama", _async_ollama),
    SdkCall("huggingface_hub", "sync", "huggingface", _hub),
    SdkCall("huggingface_hub", "async", "huggingface", _async_hub),
    SdkCall("xai-sdk", "sync", "x_ai", _xai),
    SdkCall("xai-sdk", "async", "x_ai", _async_xai),
)
