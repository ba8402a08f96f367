"""What a usage class counts, in what number its price is quoted, and what it costs where it has no price of its own."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from outlay.records import INPUT_CLASSES, OUTPUT_CLASSES

MILLION = 1_000_000

TOKENS = frozenset((*INPUT_CLASSES, *OUTPUT_CLASSES, "citation"))
"""Classes that count tokens: a discount on tokens (batch) covers these and no others."""

PER: dict[str, int] = {
    **dict.fromkeys(TOKENS, MILLION),
    "audio_seconds": 3600,
    "characters": MILLION,
    "messages": 1000,
    "input_pixels": 10**9,
    "pages": 1000,
    "annotated_pages": 1000,
    "annotations": 1000,
    "rerank": 1000,
    "web_search": 1000,
    "social_search": 1000,
    "file_search": 1000,
    "code_execution": 1000,
    "requests": 1000,
    "containers": 1,
    "images": 1,
    "video_seconds": 1,
    "run_seconds": 1,
    "gpu_hours": 1,
}
"""Class to the quantity that the table's prices are for: a million tokens, 3,600 seconds, 1,000 searches, one image."""

STANDS_FOR: dict[str, str] = {
    "reasoning": "output",
    "tool_use_input": "input",
    "input_image": "input",
    "input_video": "input",
    "cache_read_image": "cache_read",
}
"""Class to the class whose price it has when it has none of its own, because providers bill it so unless they list it.

Thinking is billed as output, tool results and pictures shown to a model as input. Not here, so unpriced without a
price of their own: cache reads and writes (a provider that meters them has prices for them, and they differ from
input's by 0.05 to 2), audio (5 to 20 times the price of text), pictures and films made (10 times), and whatever is
billed per use.
"""

GENAI_UNITS: dict[str, str] = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_5m_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio",
    "output_audio_mtok": "output_audio",
    "cache_audio_read_mtok": "cache_read_audio",
    "input_image_mtok": "input_image",
    "output_image_mtok": "output_image",
    "cache_image_read_mtok": "cache_read_image",
    "input_video_mtok": "input_video",
    "output_video_mtok": "output_video",
    "output_reasoning_mtok": "reasoning",
    "output_citation_mtok": "citation",
    "input_mchars": "characters",
    "input_text_messages_kcount": "messages",
    "audio_hours": "audio_seconds",
    "input_audio_hours": "audio_seconds",
    "input_gpixels": "input_pixels",
    "input_document_kpages": "pages",
    "input_annotated_document_kpages": "annotated_pages",
    "rerank_searches_kcount": "rerank",
    "web_searches_kcount": "web_search",
    "social_searches_kcount": "social_search",
    "storage_searches_kcount": "file_search",
    "code_executions_kcount": "code_execution",
    "requests_kcount": "requests",
}
"""genai-prices' price keys to our classes; its quantities are those of ``PER``. A key that is missing here stops the
compiler, so that no price is lost without a word."""


def decimal(amount: Fraction) -> Decimal:
    """Return an exact amount as a decimal, to 28 digits where it has no end."""
    return Decimal(amount.numerator) / Decimal(amount.denominator)
