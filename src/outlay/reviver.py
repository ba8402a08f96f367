"""Read what killed processes had noted of their calls, without an instance that meters."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from outlay import plugins
from outlay.config import Settings
from outlay.context import Home
from outlay.records import Call

if TYPE_CHECKING:
    from outlay.meter import Meter


def reviver(settings: Settings) -> Callable[[bytes], Call | None]:
    """Return what reads the calls that killed processes had noted, with the formats and prices of this one."""

    @functools.cache
    def meter() -> Meter:
        from outlay.meter import Meter
        from outlay.pricing import Prices
        from outlay.wire.recognise import Recogniser

        recogniser = Recogniser(plugins.apis(), plugins.providers(), settings.hosts)
        book = Path(settings.price_book) if settings.price_book else None
        return Meter(recogniser, lambda: Prices.load(book), Home(lambda _: None, ""), None)

    return lambda facts: meter().revive(facts)
