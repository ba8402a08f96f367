"""A program of the tests: other tools that patch HTTP clients, put on before or after outlay, taken off, put on again.

``python -m tests.wire.neighbours TOOL`` prints what is wrong, or nothing: every request must be one record, and the
application's. Each tool runs in a process of its own, as some can't be taken off, and ``ddtrace`` in an environment of
its own (``nox -s neighbours``).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import aiohttp
import httpx
import requests

import outlay.testing
from outlay import app
from outlay.loopback import ModelHost

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "one two three"}]}
CALLS = 4
"""Requests that ``call`` makes, each by another client."""


def call(host: ModelHost) -> None:
    """Call by each client once; the answers are the application's."""
    url = f"{host.openai_url}/chat/completions"
    with httpx.Client(verify=False) as client:
        assert client.post(url, json=BODY).json()["choices"]
    assert requests.post(url, json=BODY, timeout=20).json()["choices"]
    asyncio.run(_call_async(url))


async def _call_async(url: str) -> None:
    async with httpx.AsyncClient(verify=False) as client, aiohttp.ClientSession() as session:
        assert (await client.post(url, json=BODY)).json()["choices"]
        async with session.post(url, json=BODY) as answer:
            assert (await answer.json())["choices"]


def opentelemetry() -> Callable[[], None]:
    """Instrument with OpenTelemetry's contributed instrumentors, aiohttp's where it is installed."""
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.requests import RequestsInstrumentor

    tools: list[Any] = [HTTPXClientInstrumentor(), RequestsInstrumentor()]
    if find_spec("opentelemetry.instrumentation.aiohttp_client"):
        tools.append(import_module("opentelemetry.instrumentation.aiohttp_client").AioHttpClientInstrumentor())
    for tool in tools:
        tool.instrument()

    def stop() -> None:
        for tool in tools:
            tool.uninstrument()

    return stop


def sentry() -> None:
    """Start Sentry, which traces every request and can't be taken off."""
    import sentry_sdk

    sentry_sdk.init(dsn="http://public@127.0.0.1:9/1", transport=lambda _: None, traces_sample_rate=1.0)


def ddtrace() -> Callable[[], None]:
    """Patch with ddtrace, with nobody to send to."""
    import ddtrace as library
    from ddtrace.contrib.internal.aiohttp import patch as patched_aiohttp
    from ddtrace.contrib.internal.httpx import patch as patched_httpx
    from ddtrace.contrib.internal.requests import patch as patched_requests

    library.patch(httpx=True, requests=True, aiohttp=True)

    def stop() -> None:
        for patched in (patched_httpx, patched_requests, patched_aiohttp):
            patched.unpatch()

    return stop


TOOLS: Mapping[str, Callable[[], Any]] = {"opentelemetry": opentelemetry, "sentry": sentry, "ddtrace": ddtrace}


def check(tool: Callable[[], Any], *, first: bool) -> list[str]:
    """Return what is wrong where the tool is put on first, or second."""
    found: list[str] = []
    with ModelHost() as host:
        stop = tool() if first else None
        with outlay.testing.ledger(hosts={f"127.0.0.1:{host.port}": "openai"}) as ledger:
            stop = stop if first else tool()

            def count(when: str) -> None:
                ledger.clear()
                call(host)
                if len(ledger.calls) != CALLS or len({made.id for made in ledger.calls}) != CALLS:
                    found.append(f"{len(ledger.calls)} records of {CALLS} requests {when}")

            count("with both")
            if stop is not None:
                stop()
                app.patcher().watch()  # what the worker does once a second
                count("after it was taken off")
                stop = tool()
                count("after it was put on again")
        call(host)  # outlay is off, and the application goes on
        if stop is not None:
            stop()
        call(host)
    return found


def main() -> int:
    """Run one tool in both orders."""
    os.environ |= {"OUTLAY_STRICT": "1", "DD_TRACE_ENABLED": "false", "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false"}
    tool = TOOLS[sys.argv[1]]
    orders = [first for first in (False, True) if len(sys.argv) < 3 or sys.argv[2] == ("first" if first else "second")]
    wrong = [f"{sys.argv[1]} {'first' if first else 'second'}: {line}" for first in orders
             for line in check(tool, first=first)]  # fmt: skip
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
