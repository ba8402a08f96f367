"""Ids of calls, spans and traces: W3C's, random, and different in every forked child."""

from __future__ import annotations

import os
from random import Random

# A generator of our own: seeding the shared one, as tests and notebooks do, would make ids that were there before.
_random = Random()  # noqa: S311 - ids are no secrets
getrandbits = _random.getrandbits


def span_id() -> str:
    """Return 16 hex digits."""
    return getrandbits(64).to_bytes(8).hex()


def trace_id() -> str:
    """Return 32 hex digits."""
    return getrandbits(128).to_bytes(16).hex()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)
