"""Where a call was served, as far as its URL tells: some providers ask more in a region than anywhere in the world."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from outlay.wire.provider import Provider


def terms_of(provider: Provider, host: str, path: str) -> Mapping[str, str]:
    """Return the price terms that hold for a request to this host and path, whatever its answer says."""
    region = _region(provider.region, host, path) if provider.region else None
    return provider.terms if region is None else {"region": region, **provider.terms}


@lru_cache(maxsize=512)
def _region(patterns: tuple[str, ...], host: str, path: str) -> str | None:
    for pattern in patterns:
        found = re.search(re.escape(pattern).replace(r"\*", "([a-z0-9-]+)"), f"{host}{path}")
        if found is not None:
            return found[1]
    return None
