"""Run a way of calling, bare or metered, each time against a host of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import outlay
import outlay.testing
from outlay import app
from outlay.loopback import Billed, ModelHost, Received
from outlay.records import Call, Span
from tests.conformance.seen import Seen
from tests.conformance.shape import Kind, Shape

TAGS = {"user": "u-42", "tenant": "acme"}
FEATURE = "conformance"


@dataclass(frozen=True)
class Run:
    """What came of calling one way: at the caller, at the host, and in the ledger."""

    seen: Seen
    host: str
    requests: list[Received]
    billed: list[Billed]
    calls: list[Call] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def bill(self, request: Received) -> Billed | None:
        """Return what the host billed for one of its requests."""
        return next((bill for bill in self.billed if bill.request is request), None)

    @property
    def billable(self) -> list[Received]:
        """The requests that are calls of a model, in the order in which they came."""
        return [got for got in self.requests if got.method == "POST" and not got.path.endswith("count_tokens")]


def run_bare(shape: Shape, kind: Kind) -> Run:
    """Call this way without outlay."""
    assert not app.patcher().active
    with shape.host() as host:
        seen = shape.run(kind, host)
    return Run(seen, address(host), host.requests, host.billed)


def run_metered(shape: Shape, kind: Kind, **settings: Any) -> Run:
    """Call this way inside a span and tags, metered as in production: streams are asked for their usage."""
    with shape.host() as host:
        asked: dict[str, Any] = {"ask_usage": True, "hosts": {address(host): shape.sdk}} | settings
        with outlay.testing.ledger(**asked) as ledger, outlay.tags(**TAGS), outlay.track(FEATURE):
            seen = shape.run(kind, host)
            calls = ledger.calls
    return Run(seen, address(host), host.requests, host.billed, calls, ledger.spans)


def address(host: ModelHost) -> str:
    """Return the host's name as a request has it."""
    return f"127.0.0.1:{host.port}"
