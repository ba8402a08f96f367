"""Who bills for the calls to a host, and what differs there."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Who bills for which hosts."""

    name: str
    """OpenTelemetry's ``gen_ai.provider.name``, or one of ours in the same style."""
    hosts: tuple[str, ...]
    """Host names; ``*`` stands for anything but nothing: ``*.api.openai.com``."""
    free: tuple[str, ...] = ()
    """Endings of paths that nobody bills, for the coverage figure."""
    ask_usage: bool = True
    """Whether its streams may be asked for usage; False where they tell it anyway and refuse the option."""
    terms: Mapping[str, str] = {}
    """Price terms that hold for all of its hosts."""
    region: tuple[str, ...] = ()
    """Where host and path tell the region, with what stands before and after it: ``/locations/*/``."""
    served_by: str | None = None
    """The header by which a router names the provider that served: its price is that provider's, sold by this one."""
    cost_header: str | None = None
    """The header by which a gateway tells what a call cost, in USD."""
