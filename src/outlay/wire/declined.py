"""How a wire format tells of answers that the provider declined to give."""

from __future__ import annotations

import msgspec

Paths = tuple[str, ...]


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that end before any of them was there, since the provider declined to give them.

    Whether they are billed is a matter of the price: they have the term ``refusal``, whose value is the category.
    """

    finish: str
    """The reason with which they end."""
    category: Paths
    """Where the category of what was declined stands; ``none`` where it names none."""
    output: Paths
    """Where the kinds of the parts of an answer stand: one that has a part is none of these."""
    boundaries: tuple[str, ...] = ()
    """Kinds of parts that are no output: where one model steps in for another."""
    trigger: Paths = ()
    """Where such a part says what was declined there; it has the category in a field of that name."""
