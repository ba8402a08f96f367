"""A call through each SDK that is installed, to a model host on this machine: what doctor believes instead of a list."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
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
    """What a call through an SDK showed."""

    sdk: str
    version: str
    calls: int
    """Records that one call left: 1 is right."""
    right: bool
    """Whether the record has the tokens that the host billed."""
    trouble: str | None = None


HTTP_CLIENTS = (
    "httpx",
    "httpx2",
    "requests",
    "aiohttp",
    "botocore",
    "urllib3",
    "grpcio",
    "websockets",
    "niquests",
    "pycurl",
    "curl_cffi",
)


def clients() -> list[Client]:
    """Return the HTTP client libraries that are installed."""
    metered = {patch.module for transport in app.patcher().transports for patch in transport.patches}
    found = [(name, _version(name)) for name in HTTP_CLIENTS]
    return [Client(name, installed, name in metered) for name, installed in found if installed]


def probes() -> list[Probe]:
    """Make one call through each SDK that is installed and known here."""
    return [_probe(sdk, call) for sdk, call in _CALLS.items() if _version(sdk)]


def unproven() -> list[tuple[str, str]]:
    """Return the other SDKs of model providers that are installed, with their versions."""
    return [(name, installed) for name in OTHER_SDKS if (installed := _version(name))]


OTHER_SDKS = (
    "google-genai", "boto3", "cohere", "mistralai", "groq", "together", "ollama", "huggingface_hub", "litellm",
    "langchain-openai", "openai-agents", "pydantic-ai", "instructor", "ibm-watsonx-ai", "replicate", "xai-sdk",
)  # fmt: skip


def _openai(host: ModelHost) -> None:
    import openai

    with openai.OpenAI(base_url=host.openai_url, api_key="no-key-needed", max_retries=0) as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "outlay doctor"}])


def _anthropic(host: ModelHost) -> None:
    import anthropic

    with anthropic.Anthropic(base_url=host.anthropic_url, api_key="no-key-needed", max_retries=0) as client:
        client.messages.create(
            model="claude-haiku-4-5", max_tokens=50, messages=[{"role": "user", "content": "outlay doctor"}]
        )


_CALLS: dict[str, Callable[[ModelHost], Any]] = {"openai": _openai, "anthropic": _anthropic}


def _probe(sdk: str, call: Callable[[ModelHost], Any]) -> Probe:
    installed = _version(sdk) or ""
    with tempfile.TemporaryDirectory(prefix="outlay-doctor-") as folder, ModelHost() as host:
        outlay.init("outlay-doctor", data=folder, hosts={host.url.removeprefix("http://"): sdk})
        with outlay.track("probe") as span:
            error = failure_of(lambda: call(host))
        outlay.uninstrument()
        if error is not None:
            return Probe(sdk, installed, span.calls, right=False, trouble=f"{type(error).__name__}: {error}")
        usage = host.billed[0].usage
        said = usage.get("prompt_tokens", usage.get("input_tokens"))
        return Probe(sdk, installed, span.calls, right=span.calls == 1 and span.usage.input_tokens == said)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
