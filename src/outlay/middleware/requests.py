"""What a request says about who asks: the user's function is asked, and never trusted not to fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from outlay.guard import guard
from outlay.track import tags

_asking = guard("asking for a request's tags")


def request_tags(ask: Callable[[Any], Mapping[str, object]], request: Any) -> tags:
    """Return the tags that ``ask`` reads out of a request; none where it fails."""
    with _asking:
        return tags(**ask(request))
    return tags()
