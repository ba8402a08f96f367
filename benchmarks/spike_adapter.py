"""The product's detector as other benchmarks of spike detectors call one: a score for each bucket, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from outlay.spikes.detector import Bucket, Detector

WHY = {
    "calls": "calls",
    "input": "tpc",
    "output": "tpc",
    "price": "ppt",
    "misses": "ppt",
    "latency": "lat",
    "errors": "err",
}
"""The channels by the names of others: tokens per call, dollars per token."""


class Adapter:
    """One series."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.detector = Detector()
        self.why: str | None = None

    def update(self, at: datetime, bucket: Mapping[str, float]) -> float:
        """Return the score of the bucket that begins ``at`` (UTC, without a zone)."""
        calls, errors = bucket["calls"], bucket["errors"]
        seconds = bucket["lat"] * (calls - errors)
        made = Bucket(calls, errors, bucket["tin"], bucket["cached"], bucket["tout"], bucket["cost"], seconds)
        score = self.detector.update(int(at.replace(tzinfo=UTC).timestamp()), made)
        self.why = WHY.get(self.detector.driver)
        return score


def factory() -> Adapter:
    """Return a detector of one series."""
    return Adapter()
