"""What a format's reader makes of an answer."""

from __future__ import annotations

import msgspec

from outlay.records import Quantity
from outlay.wire.apart import Item


class Reading(msgspec.Struct, omit_defaults=True):
    """What an answer says. Fields are named as in ``Call``; what was not said keeps its default."""

    model: str | None = None
    id: str | None = None
    finish_reasons: tuple[str, ...] = ()
    status: str | None = None
    """State of an answer made in the background: ``queued``, ``in_progress``, ``completed``, …"""
    background: bool = False
    accepted: bool = False
    """Whether the id of an answer is all that there is of it yet."""
    created: int | None = None
    """When an answer made in the background was begun, in nanoseconds since the epoch: every poll says the same."""
    error: str | None = None
    terms: dict[str, str] = {}
    usage: dict[str, Quantity] | None = None
    reasoning: int = 0
    uses: dict[str, int] = {}
    """What was used that is billed per use."""
    items: tuple[Item, ...] = ()
    """What other models were used for."""
    raw_usage: bytes = b""
    told: bool = False
    """Whether there was no usage object, and what was used was counted in the answer."""
    reported: int | None = None
    """Pico-USD that the provider says it charged."""
    whole: bool = False
    """Whether nothing that could change the usage is still to come."""
    marks: tuple[str, ...] = ()
