"""Metrics of the calls that were delivered: tokens, durations, and what they cost."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

from opentelemetry.metrics import MeterProvider as MeterProviderOfApi
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from outlay.integration import Call, dollars
from outlay_integrations.exporters import genai

TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Buckets that the conventions prescribe."""
OLD = 3_600 * 10**9
"""Nanoseconds after which a call is history: a metric has the time of its export, so it would be a spike of today."""


class Metrics:
    """The instruments, and a reader that exports when it is told."""

    def __init__(self, exporter: MetricExporter, resource: Resource) -> None:
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
        self._provider = MeterProvider([reader], resource, shutdown_on_exit=False)
        self._make(self._provider)

    def _make(self, provider: MeterProviderOfApi) -> None:
        meter = provider.get_meter("outlay")
        histogram = meter.create_histogram
        self._tokens = histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens by type", explicit_bucket_boundaries_advisory=TOKENS
        )
        self._duration = histogram(
            "gen_ai.client.operation.duration", "s", "Duration of calls", explicit_bucket_boundaries_advisory=SECONDS
        )
        self._first_chunk = histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            "Time to the first chunk of a stream",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._cost = meter.create_counter("outlay.cost", "USD", "What calls cost, as far as that is known")
        self._unpriced = meter.create_counter("outlay.unpriced_calls", "{call}", "Calls whose cost is not known whole")

    def add(self, calls: Iterable[Call]) -> None:
        """Count ``calls`` in, but for those that are history, and export."""
        recent = time.time_ns() - OLD
        for call in calls:
            if call.end >= recent:
                self._add(call)
        self._provider.force_flush()

    def _add(self, call: Call) -> None:
        about = {
            genai.OPERATION: call.operation,
            genai.PROVIDER: call.provider,
            genai.REQUEST_MODEL: call.request_model,
            genai.RESPONSE_MODEL: call.response_model,
            "outlay.feature": call.feature or None,
            "outlay.project": call.project or None,
        }
        known = {key: value for key, value in about.items() if value is not None}
        ended = known if call.error_type is None else {**known, genai.ERROR_TYPE: call.error_type}
        self._duration.record(max(call.duration, 0) / 1e9, ended)
        if call.first_chunk is not None:
            self._first_chunk.record(call.first_chunk / 1e9, known)
        if call.usage is not None:
            self._tokens.record(call.usage.input_tokens, {**known, genai.TOKEN_TYPE: "input"})
            self._tokens.record(call.usage.output_tokens, {**known, genai.TOKEN_TYPE: "output"})
        cost = dollars(call)
        if cost is not None:
            self._cost.add(max(cost.total, 0.0), known)
        if call.usage is not None and call.cost.status in ("unknown", "partial"):
            self._unpriced.add(1, known)

    def shutdown(self) -> None:
        """Export what is left, and close."""
        self._provider.shutdown()
