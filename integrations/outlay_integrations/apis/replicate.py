"""Replicate's predictions, which are made in the background unless the caller waits.

Models are billed by what they read and write, or else by the second that they run, at the price of hardware which the
answer does not name. All are in ``metrics``; which prices hold only a price book can say.
Reference: https://replicate.com/docs/reference/http
"""

from __future__ import annotations

from outlay.integration import API, Answer, Total, UsageTable

PREDICTIONS = API(
    name="replicate.predictions",
    operation="generate_content",
    paths=("v1/predictions", "models/*/*/predictions", "deployments/*/*/predictions"),
    polls=("v1/predictions/*",),
    providers=("replicate",),
    estimable=False,
    answer=Answer(
        usage=("metrics",),
        status=("status",),
        deferred=True,
        created=("created_at",),
        running=("starting", "processing"),
    ),
    usage=UsageTable(
        totals=(
            Total(path="token_input_count | input_token_count", rest="input"),
            Total(path="token_output_count | output_token_count", rest="output"),
        ),
        others={"images": "image_output_count", "video_seconds": "video_output_duration_seconds"},
        otherwise={"run_seconds": "predict_time"},
    ),
)

APIS = (PREDICTIONS,)
