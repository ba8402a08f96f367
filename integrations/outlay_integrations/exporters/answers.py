"""What an HTTP answer says of a batch: it was taken, what was sent is to blame, or it comes again later."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import requests

from outlay.integration import Later, Refused

REFUSALS = frozenset((400, 413, 422, 431))
"""Statuses that blame what was sent; all others may pass: a key can be mended, a path too."""


def trouble(answer: requests.Response) -> Refused | Later | None:
    """Return what an answer says that is no success; None for one that is."""
    status = answer.status_code
    if status in REFUSALS:
        return Refused(_words(answer))
    if status >= 300:
        return Later(_words(answer), seconds(answer.headers.get("retry-after")))
    if "html" in answer.headers.get("content-type", ""):
        return Later(f"{answer.url} answered with a page: that is not what should be there")
    return None


def _words(answer: requests.Response) -> str:
    return f"{answer.status_code} {answer.reason}: {answer.text[:200]}"


def seconds(retry_after: str | None) -> float | None:
    """Read ``Retry-After``: seconds, or a date."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
