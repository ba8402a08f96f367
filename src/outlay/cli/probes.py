"""A call through each installed SDK to a model host on this machine: which doctor believes more than a list."""

from __future__ import annotations

import functools
import importlib
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import outlay
from outlay import app
from outlay.cli.sdk_calls import CALLS, SdkCall
from outlay.guard import failure_of
from outlay.integration import Patch
from outlay.loopback import ModelHost


@dataclass(frozen=True)
class Client:
    """A client library, and whether outlay meters at it."""

    name: str
    version: str
    metered: bool
    under: tuple[str, ...] = ()
    """Others that send by it, at which those calls are metered."""

    @property
    def verdict(self) -> str:
        """What becomes of calls through it, in words."""
        if self.metered:
            return "metered"
        if self.under:
            return f"metered under {' and '.join(self.under)}; outlay.record() can tell what is sent by it alone"
        return "not metered: outlay.record() can tell calls"


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


HTTP_CLIENTS: Mapping[str, str] = {
    **{name: name for name in ("httpx", "httpx2", "requests", "aiohttp", "botocore", "urllib3")},
    "grpcio": "grpc",
    **{name: name for name in ("websockets", "niquests", "pycurl", "curl_cffi", "grpclib", "primp")},
    "websocket-client": "websocket",
    "httpx-ws": "httpx_ws",
}
"""The package of each client library → its module."""

UNDER: Mapping[str, tuple[str, ...]] = {"urllib3": ("requests", "botocore")}
"""Clients that others send by → those others, at which their calls are metered."""

OTHER_SDKS = (
    *("litellm", "langchain-openai", "openai-agents", "pydantic-ai", "instructor", "ibm-watsonx-ai", "replicate"),
    "google-cloud-aiplatform",
)


def clients() -> list[Client]:
    """Return the client libraries that are installed."""
    return [_client(name, module, found) for name, module in HTTP_CLIENTS.items() if (found := _version(name))]


def _client(name: str, module: str, installed: str) -> Client:
    patches = [
        patch
        for transport in app.patcher().transports
        for patch in transport.patches
        if patch.module.partition(".")[0] == module
    ]
    under = tuple(other for other in UNDER.get(name, ()) if _version(other))
    return Client(name, installed, bool(patches) and failure_of(lambda: _find(patches)) is None, under)


def _find(patches: Iterable[Patch]) -> None:
    """Raise where a version of a client has not got what outlay patches: some of it is private to it."""
    for patch in patches:
        functools.reduce(getattr, patch.target.split("."), importlib.import_module(patch.module))


def unproven() -> list[tuple[str, str]]:
    """Return the other SDKs of model providers that are installed, with their versions."""
    return [(name, found) for name in OTHER_SDKS if (found := _version(name))]


def probes(sdks: Collection[str] = ()) -> Iterator[Probe]:
    """Make one call through each SDK that is installed and known here, in each of its ways; yield what it showed.

    With ``sdks``, only through these.
    """
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"  # a proxy would not find this machine's own host
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its library logs the end of our server into doctor's own lines
    for made in CALLS:
        if (not sdks or made.sdk in sdks) and (found := _version(made.sdk)):
            yield _probe(made, found)


def _probe(made: SdkCall, installed: str) -> Probe:
    with tempfile.TemporaryDirectory(prefix="outlay-doctor-") as folder, ModelHost() as host:
        hosts = {host.url.removeprefix("http://"): made.provider}
        outlay.init("outlay-doctor", data=folder, hosts=hosts, disabled=False, instrument=True)
        billed: list[tuple[int, int] | None] = []
        with outlay.track("probe") as span:
            error = failure_of(lambda: billed.append(made.call(host)))
        calls, told = span.calls, (span.usage.input_tokens, span.usage.output_tokens)
        outlay.uninstrument()
        if error is not None:
            trouble = f"{type(error).__name__}: {error}"
            return Probe(made.sdk, installed, made.way, calls, right=False, trouble=trouble)
        right = calls == 1 and told == (billed[0] or _tokens(host.billed[0].usage))
        return Probe(made.sdk, installed, made.way, calls, right=right)


def _tokens(usage: Mapping[str, Any]) -> tuple[int, int]:
    """Return (read, written) of what the host billed, whichever way the provider names them."""
    read, written = (next(usage[name] for name in names if name in usage) for names in _NAMES)
    return read, written


_NAMES = (
    ("prompt_tokens", "input_tokens", "promptTokenCount", "inputTokens", "prompt_eval_count"),
    ("completion_tokens", "output_tokens", "candidatesTokenCount", "outputTokens", "eval_count"),
)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
