"""What Mistral has beside OpenAI's formats: documents read, by the page.

Reference: https://docs.mistral.ai/api/#tag/ocr
"""

from __future__ import annotations

from outlay.integration import API, Answer, UsageTable

OCR = API(
    name="mistral.ocr",
    operation="ocr",
    paths=("ocr",),
    strangers=("v1/ocr",),
    estimable=False,
    answer=Answer(id=(), usage=("usage_info",)),
    usage=UsageTable(totals=(), others={"pages": "pages_processed"}),
)

APIS = (OCR,)
