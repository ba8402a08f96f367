"""A model that runs in this process: no HTTP client sees it, so its calls are told, at the prices of a price book."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import outlay

BOOK = """
schema = 1
currency = "USD"

[[price]]
provider = "our-gpus"
model = "our-7b"
unit = "per_1m_tokens"
input = "0.05"
output = "0.20"
source = "GPU hours of October over its tokens"
"""


@outlay.track(feature="classify")
def classify(text: str) -> str:
    """Pretend to run a model, and tell what it used."""
    start = datetime.now(UTC)
    label = "complaint" if "broken" in text else "question"
    outlay.record(
        provider="our-gpus",
        model="our-7b",
        input_tokens=len(text.split()),
        output_tokens=1,
        start=start,
        end=datetime.now(UTC),
    )
    return label


with tempfile.TemporaryDirectory() as folder:
    book = Path(folder, "prices.toml")
    book.write_text(BOOK, encoding="utf-8")
    outlay.init(project="own-model", price_book=book)
    with outlay.tags(user="u-42"), outlay.track("inbox") as span:
        print(classify("My parcel came broken."), classify("Where is my parcel?"))
    print(f"{span.calls} calls, {span.cost:f} USD")
