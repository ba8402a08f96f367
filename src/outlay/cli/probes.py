"""A call through each installed SDK to a model host on this machine: which doctor believes more than a list."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import outlay
from outlay import app
from outlay.guard import failure_of
from outlay.loopback import ModelHost


@dataclass(frozen=True)
class Client:
    """An HTTP client library, and whether outlay meters at it."""

    name: str
    version: str
    metered: bool


@dataclass(frozen=True)
class Probe:
    """What one call through an SDK showed."""

    sdk: str
    version: str
    way: str
    """``sync`` or ``async``."""
    calls: int
    """Records that the call left: 1 is right."""
    right: bool
    """Whether there is one record, with the tokens that the host billed."""
    trouble: str | None = None
    """Why the call could not be made at all."""

    @property
    def verdict(self) -> str:
        """What the probe showed, in words."""
        if self.trouble is not None:
            return f"failed: {self.trouble}"
        if self.right:
            return "metered: one record, with the tokens that were billed"
        return f"WRONG: {self.calls} records" if self.calls != 1 else "WRONG: one record, with other tokens than billed"


HTTP_CLIENTS = (
    *("httpx", "httpx2", "requests", "aiohttp", "botocore", "urllib3", "grpcio", "websockets", "niquests"),
    *("pycurl", "curl_cffi"),
)
OTHER_SDKS = (
    *("google-genai", "boto3", "cohere", "mistralai", "groq", "together", "ollama", "huggingface_hub", "litellm"),
    *("langchain-openai", "openai-agents", "pydantic-ai", "instructor", "ibm-watsonx-ai", "replicate", "xai-sdk"),
)


def clients() -> list[Client]:
    """Return the HTTP client libraries that are installed."""
    metered = {patch.module.partition(".")[0] for transport in app.patcher().transports for patch in transport.patches}
    return [Client(name, found, name in metered) for name in HTTP_CLIENTS if (found := _version(name))]


def unproven() -> list[tuple[str, str]]:
    """Return the other SDKs of model providers that are installed, with their versions."""
    return [(name, found) for name in OTHER_SDKS if (found := _version(name))]


def probes() -> Iterator[Probe]:
    """Make one call through each SDK that is installed and known here, in each of its ways; yield what it showed."""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"  # a proxy would not find this machine's own host
    for (sdk, way), call in _CALLS.items():
        if found := _version(sdk):
            yield _probe(sdk, found, way, call)


def _probe(sdk: str, installed: str, way: str, call: Callable[[ModelHost], Any]) -> Probe:
    with tempfile.TemporaryDirectory(prefix="outlay-doctor-") as folder, ModelHost() as host:
        hosts = {host.url.removeprefix("http://"): sdk}
        outlay.init("outlay-doctor", data=folder, hosts=hosts, disabled=False, instrument=True)
        with outlay.track("probe") as span:
            error = failure_of(lambda: call(host))
        outlay.uninstrument()
        if error is not None:
            return Probe(sdk, installed, way, span.calls, right=False, trouble=f"{type(error).__name__}: {error}")
        usage = host.billed[0].usage
        billed = [usage.get(f"{first}_tokens", usage.get(f"{second}_tokens")) for first, second in _NAMES]
        right = span.calls == 1 and [span.usage.input_tokens, span.usage.output_tokens] == billed
        return Probe(sdk, installed, way, span.calls, right=right)


_NAMES = (("prompt", "input"), ("completion", "output"))
_MESSAGES: Any = [{"role": "user", "content": "Are you metered?"}]
_OPENAI: Any = {"model": "gpt-4o-mini", "messages": _MESSAGES}
_ANTHROPIC: Any = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": _MESSAGES}
_KEY = "no-key-needed"


def _openai(host: ModelHost) -> None:
    import openai

    with openai.OpenAI(base_url=host.openai_url, api_key=_KEY, max_retries=0) as client:
        client.chat.completions.create(**_OPENAI)


def _async_openai(host: ModelHost) -> None:
    import openai

    async def call() -> None:
        async with openai.AsyncOpenAI(base_url=host.openai_url, api_key=_KEY, max_retries=0) as client:
            await client.chat.completions.create(**_OPENAI)

    asyncio.run(call())


def _anthropic(host: ModelHost) -> None:
    import anthropic

    with anthropic.Anthropic(base_url=host.anthropic_url, api_key=_KEY, max_retries=0) as client:
        client.messages.create(**_ANTHROPIC)


def _async_anthropic(host: ModelHost) -> None:
    import anthropic

    async def call() -> None:
        async with anthropic.AsyncAnthropic(base_url=host.anthropic_url, api_key=_KEY, max_retries=0) as client:
            await client.messages.create(**_ANTHROPIC)

    asyncio.run(call())


_CALLS: dict[tuple[str, str], Callable[[ModelHost], Any]] = {
    ("openai", "sync"): _openai,
    ("openai", "async"): _async_openai,
    ("anthropic", "sync"): _anthropic,
    ("anthropic", "async"): _async_anthropic,
}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
