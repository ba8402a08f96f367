"""What Mistral has beside OpenAI's formats: documents read, by the page.

Pages with annotations cost more. Which of them have some no answer counts: that there are any is all there is.

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
    answer=Answer(
        id=(),
        usage=("usage_info",),
        uses={"annotations": ("document_annotation | pages.*.images.*.image_annotation", "?")},
    ),
    usage=UsageTable(totals=(), others={"pages": "pages_processed"}),
)

APIS = (OCR,)
