"""A way of calling an SDK, as data: what is called, what the caller sees, and what a meter must make of it."""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from typing import Any, Literal

import aiohttp
import anthropic
import openai
import requests

from outlay.loopback import Behaviour, ModelHost, Received
from outlay.records import Outcome
from tests.conformance.seen import Seen, drive, leave, name_of

Sdk = str
"""``openai``, ``anthropic``; for other SDKs the provider."""
Kind = Literal["sync", "async"]
KINDS: tuple[Kind, ...] = ("sync", "async")

Figures = Literal["exact", "estimate", "none", "uncertain"]
"""``exact``: what the provider billed. ``estimate``: with bounds around that. ``none``: nothing was billed.
``uncertain``: none or an estimate, never exact, as nobody was told what the attempt took."""


LIBRARIES = ("httpx", "httpx2")
"""The HTTP clients that some version of the SDKs sends by."""


@dataclass(frozen=True)
class Expect:
    """What the record of one attempt must say."""

    outcome: Outcome = "ok"
    usage: Figures = "exact"
    status: int | None = 200


OK = Expect()
LEFT = Expect("abandoned", "estimate")
BROKEN = Expect("error", "estimate")
UNREAD = Expect("error", "estimate", None)
"""A plain answer that breaks off: its status reaches neither the caller nor us, as the client raises instead."""


def failed(status: int) -> Expect:
    """Expect an attempt that the provider answered with an error."""
    return Expect("error", "none", status)


def errors() -> tuple[type[Exception], ...]:
    """Return every exception that the SDKs and their HTTP clients may raise at a caller."""
    clients = [importlib.import_module(name).HTTPError for name in LIBRARIES]
    others = (requests.RequestException, aiohttp.ClientError)
    return (openai.OpenAIError, anthropic.AnthropicError, TimeoutError, *clients, *others)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One way of calling; ``call`` is written once, with the verbs of ``seen``, for the sync and the async client."""

    name: str
    sdk: Sdk
    call: Callable[[Any, Seen], Awaitable[None]]
    script: tuple[Behaviour | str, ...] = ()
    """What the host is told to do, a step a request; after it, it answers well."""
    text: str = ""
    """What the caller has read in the end."""
    raises: tuple[str, ...] = ()
    """Names of the exception that reaches the caller, one a version of the SDK where they differ."""
    requests: int = 1
    """HTTP requests that the host sees, bare or metered."""
    calls: tuple[Expect, ...] = (OK,)
    """The records to be made, in order of their attempts."""
    streamed: bool = False
    kinds: tuple[Kind, ...] = KINDS
    needs: str = ""
    """Dotted path of what an old SDK may lack, from the client; of a function's parameter: ``path(parameter)``; of
    another SDK than that of ``sdk``: ``anthropic:path``."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments for the client."""

    @property
    def billed(self) -> range:
        """How many answers the provider may bill."""
        sure = sum(call.usage in ("exact", "estimate") for call in self.calls)
        return range(sure, sure + 1 + sum(call.usage == "uncertain" for call in self.calls))

    def client(self, kind: Kind, host: ModelHost) -> Any:
        """Make the SDK's own client for ``host``, without the certificates that take most of the time to make one."""
        make, transport = _classes(self.sdk, kind)
        url = host.openai_url if self.sdk == "openai" else host.anthropic_url
        options = {"timeout": 20.0, **self.options}
        return make(base_url=url, api_key="sk-loopback", http_client=transport(verify=False), **options)

    def library(self, kind: Kind) -> str:
        """Return the name of the HTTP client's library that the SDK sends by."""
        return sends_by(_classes(self.sdk, kind)[1])

    def asked(self, request: Received) -> bool:
        """Return whether outlay asks this request of an application for its usage: a chat stream that does not."""
        body = request.json() if request.body else {}
        options = body.get("stream_options") or {}
        chats = request.path.endswith("/completions")
        return chats and body.get("stream") is True and not options.get("include_usage")

    def possible(self, kind: Kind) -> bool:
        """Return whether the installed SDK has this way, and this kind of it."""
        return kind in self.kinds and (not self.needs or _has(self.sdk, self.needs))

    def host(self) -> ModelHost:
        """Make the host that this way is tried against."""
        return ModelHost()

    def caught(self) -> tuple[type[Exception], ...]:
        """Return the exceptions that are noted as what the caller sees."""
        return errors()

    def run(self, kind: Kind, host: ModelHost) -> Seen:
        """Call ``host`` this way and return what the caller saw; everything is closed and collected afterwards."""
        host.script(*self.script)
        gc.freeze()  # collect what this run leaves, not a quarter of a second's worth of the SDKs' own classes
        try:
            running = self._run(kind, host)
            return drive(running) if kind == "sync" else asyncio.run(running)
        finally:
            gc.collect()  # what an SDK leaves behind is this test's, not the next one's
            gc.unfreeze()

    async def _run(self, kind: Kind, host: ModelHost) -> Seen:
        client, seen = self.client(kind, host), Seen()
        try:
            await self.call(client, seen)
        except self.caught() as error:
            seen.raised = name_of(error).rpartition(".")[2]
            seen.add(error)
        finally:
            await leave(client)
        return seen


def both(library: str) -> dict[Kind, str]:
    """Return one HTTP client's library for both kinds of an SDK."""
    return {"sync": library, "async": library}


def sends_by(transport: Any) -> str:
    """Return the name of the HTTP client's library that an SDK's class of HTTP clients is of."""
    names = {base.__module__.partition(".")[0] for base in transport.__mro__}
    (name,) = names.intersection(LIBRARIES)
    return str(name)


def _classes(sdk: Sdk, kind: Kind) -> tuple[Any, Any]:
    if sdk == "anthropic":
        made: Any = anthropic.Anthropic if kind == "sync" else anthropic.AsyncAnthropic
    else:  # most others are called by OpenAI's
        made = openai.OpenAI if kind == "sync" else openai.AsyncOpenAI
    module: Any = anthropic if sdk == "anthropic" else openai
    return made, module.DefaultHttpxClient if kind == "sync" else module.DefaultAsyncHttpxClient


@cache
def _has(sdk: Sdk, needs: str) -> bool:
    other, _, needs = needs.rpartition(":")
    make, _ = _classes("anthropic" if other == "anthropic" else sdk, "sync")
    path, _, parameter = needs.rstrip(")").partition("(")
    with make(api_key="sk-loopback") as client:
        try:
            found = attrgetter(path)(client)
        except AttributeError:
            return False
    return not parameter or parameter in inspect.signature(found).parameters
