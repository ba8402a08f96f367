"""What is asked before a call is sent, and what is answered: the seam between the meter and the budgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Quote(Protocol):
    """What a request can cost, by what its body says."""

    def __call__(self, model: str | None = None, output_limit: int | None = None) -> int | None:
        """Return pico-USD that the call costs at most, or None where nothing bounds it or no price is known.

        ``model`` and ``output_limit`` (tokens per choice) ask for the request rewritten in that way.
        """


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a call before a byte of it leaves."""

    id: str
    """The call's id."""
    provider: str
    model: str | None
    feature: str
    path: str
    """Features from the outermost span to the innermost, joined by ``/``."""
    run: str | None
    """Trace id of the outermost span; None outside of any."""
    spans: Mapping[str, str] = {}
    """Name of each span around the call → its id; of several with one name the outermost. For runs by a span's name."""
    tags: Mapping[str, str]
    at: int
    """Nanoseconds since the epoch."""
    quote: Quote
    output_limit: int | None
    """Tokens that the request itself limits its output to, per choice."""
    likely: Quote | None = None
    """What it costs at most if a byte of its input is no more tokens than in the calls before; None: ``quote``."""
    expected: int | None = None
    """Pico-USD that the input alone then costs; None where nothing bounds it or no price is known."""
    unbounded: str | None = None
    """Why the body does not bound the cost (``previous_response_id``, ``file input``…); None where it does."""
    can_limit: bool = True
    """Whether an output limit can be written into the request."""
    can_downgrade: bool = True
    """Whether the model can be changed in the request."""
    unsettled: bool = False
    """Whether calls wait to be settled, so that more may be held than they did cost."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with a call."""

    refusal: Exception | None = None
    """The ``BudgetExceeded`` to raise instead of sending."""
    model: str | None = None
    """The model to write into the request in place of the caller's."""
    output_limit: int | None = None
    """The output limit, in tokens per choice, to write into the request."""
    held: object | None = None
    """What to hand to ``settle``; None where no budget applies."""
    marks: tuple[str, ...] = ()
    """What was done, for the call's record: ``budget_downgraded``, ``budget_capped``, ``budget_impossible``…"""


class Gate(Protocol):
    """What the meter asks about each call, where budgets are set."""

    def decide(self, ask: Ask, *, wait: bool = True) -> Decision | None:
        """Reserve what the call may cost in every budget that it falls under, or decide otherwise.

        With ``wait=False`` return None where that takes a trip to the store, or where what is ``unsettled`` may change
        the decision: callers settle that and ask again, asynchronous ones off the event loop.
        """

    def settle(self, held: object, cost: int | None) -> None:
        """Put what the call did cost (pico-USD) in place of what was reserved.

        ``cost`` is None where it is not known: then the reservation stays spent. 0 gives all of it back.
        """

    def count(self, ask: Ask, cost: int, *, once: bool = False) -> None:
        """Count the cost (pico-USD) of a call that was not asked about: a batch's line, or one that was told.

        ``once``: other processes may count the same call, by the same id, and the fleet is to count it once.
        """
