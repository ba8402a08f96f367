"""The public functions about budgets, beside ``init(budgets=…)``: thin doors to the default instance."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from outlay.errors import ConfigError
from outlay.money import number, pico

if TYPE_CHECKING:
    from outlay.budgets.slices import Slice
    from outlay.errors import BudgetExceeded

LONGEST = 24 * 365
"""Hours that a slice may last."""


def check(
    model: str,
    *,
    provider: str | None = None,
    input_tokens: int = 0,
    output_limit: int | None = None,
    cost: Decimal | float | str | None = None,
    tags: Mapping[str, object] | None = None,
) -> BudgetExceeded | None:
    """Return the refusal that such a call would get now, or None where it would be sent; nothing is reserved for it.

    It is asked in the span and with the tags of here. ``cost``: USD that the call costs at most, where that is known;
    else it follows from the tokens, of output as many as ``output_limit``, or as a model writes at most. It may take a
    trip to the budgets' store. Raises ``UnknownPrice`` for a model that is not known to exactly one maker, where no
    ``provider`` is named, and ``ValueError`` for numbers that can't be.
    """
    from outlay import app

    current = app.current()
    gate = None if current is None else current.gate()
    if current is None or gate is None:
        return None
    from outlay.checking import Planned, asked  # loaded by those who ask
    from outlay.recording import charged
    from outlay.wire.exchange import settle_waiting

    settle_waiting()
    planned = Planned(
        model=model,
        provider=provider,
        input_tokens=input_tokens,
        output_limit=output_limit,
        cost=charged(cost),
        tags=tags or {},
        longest={} if output_limit is not None else _longest(),
    )
    return gate.check(asked(current.home, current.prices(), planned, time.time_ns()))


def share(amount: Decimal | float | str, *, hours: float = 24.0) -> Slice:
    """Cut a slice of ``amount`` USD off the budgets that calls made here fall under, to be spent elsewhere.

    Its ``value`` is signed, and is handed to whoever does the work: ``with outlay.spending(value):`` in a thread, the
    setting ``budget_slice`` in a process. There the slice stands in place of these budgets. At its ``end()``, or that
    of its ``with`` block, what was not spent comes back. Raises ``BudgetExceeded`` where the amount does not fit, and
    ``ConfigError`` without budgets, without the setting ``budget_key``, and for what is no amount or no time.
    """
    from outlay import app

    current = app.current()
    gate = None if current is None else current.gate()
    if current is None or gate is None:
        raise ConfigError("there are no budgets to share: give init() some.")
    from outlay.budgets.budget import LEAST, MOST
    from outlay.checking import shared
    from outlay.wire.exchange import settle_waiting

    settle_waiting()
    given, lasting, now = number(amount), number(hours), time.time_ns()
    if given is None or not LEAST <= given <= MOST:
        raise ConfigError(f"a slice is an amount of USD above 0 and up to {MOST:,}, not {amount!r}.")
    if lasting is None or not 0 < lasting <= LONGEST:
        raise ConfigError(f"a slice lasts a number of hours above 0 and up to {LONGEST:,}, not {hours!r}.")
    return gate.share(shared(current.home, pico(given), now), now + round(lasting * 3600 * 10**9))


def _longest() -> dict[str, int]:
    """Return what is known of models' longest answers: pattern → tokens; the first that matches holds."""
    from outlay import plugins

    bounds = [api.request.bounds for api in plugins.apis() if api.request.bounds is not None]
    return {pattern: most for each in bounds for pattern, most in each.longest.items()}
