"""Prometheus: a page of counters to scrape, served by the process that delivers.

They begin at zero with each process, as Prometheus expects of counters.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from outlay.integration import Backend, Batch, Call, Delivered, Place, Result, dollars

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

LABELS = ("project", "feature", "provider", "model")
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set under ``[exporters.prometheus]``."""

    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 9464
    host: str = "127.0.0.1"


class Page:
    """The counters, and the server that shows them."""

    def __init__(self, registry: CollectorRegistry, server: Any, thread: Thread) -> None:
        from prometheus_client import Counter, Histogram

        self._server, self._thread = server, thread
        made: dict[str, Any] = {"namespace": "outlay", "registry": registry}
        self._calls = Counter("calls", "Attempts at a model.", (*LABELS, "outcome"), **made)
        self._tokens = Counter("tokens", "Tokens; input includes what came from caches.", (*LABELS, "type"), **made)
        self._cost = Counter("cost_usd", "What calls cost, as far as that is known.", LABELS, **made)
        self._unpriced = Counter("unpriced_calls", "Calls whose cost is not known whole.", LABELS, **made)
        self._seconds = Histogram("call_duration_seconds", "How long calls took.", LABELS, buckets=SECONDS, **made)
        first = "How long the first chunk of a stream took."
        self._first = Histogram("first_chunk_seconds", first, LABELS, buckets=SECONDS, **made)

    def send(self, batch: Batch) -> Result:
        """Count the calls of the batch in."""
        for call in batch.calls:
            self._add(call)
        return Delivered()

    def _add(self, call: Call) -> None:
        about = (call.project, call.feature, call.provider, call.response_model or call.request_model or "")
        self._calls.labels(*about, call.outcome).inc()
        self._seconds.labels(*about).observe(max(call.duration, 0) / 1e9)
        if call.first_chunk is not None:
            self._first.labels(*about).observe(call.first_chunk / 1e9)
        usage, cost = call.usage, dollars(call)
        if usage is not None:
            for kind in ("input", "output", "cache_read_input", "cache_write_input", "reasoning_output"):
                self._tokens.labels(*about, kind).inc(max(getattr(usage, f"{kind}_tokens"), 0))
            if call.cost.status in ("unknown", "partial"):
                self._unpriced.labels(*about).inc()
        if cost is not None:
            self._cost.labels(*about).inc(max(cost.total, 0.0))

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(1.0)


def _open(options: Options, _: Place) -> Page:
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry()
    return Page(registry, *start_http_server(options.port, options.host, registry))


PROMETHEUS = Backend(
    name="prometheus", open=_open, options=Options, modules=("prometheus_client",), install="outlay[prometheus]"
)
