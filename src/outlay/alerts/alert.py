"""The one type of alert: what happened, how much of it, since when, who drives it, and what to do."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["budget", "spike", "unpriced", "exporter", "limits", "test", "other"]
"""A threshold of a budget; a spike; a model without a price; an exporter that gets nothing through; processes that
disagree about a limit; what ``outlay alerts test`` sends; one that only a newer outlay knows."""

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the least on. ``critical`` does not wait for quiet hours to end."""


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """Who or what carries a share of the amount."""

    dimension: str
    """``feature``, ``model``, ``user`` or any tag's name."""
    value: str
    amount: int
    """Pico-USD."""


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that somebody should know. It is delivered at least once; ``key`` tells a repetition.

    The texts are plain: no markup, no line breaks. Amounts in them are written by ``outlay.money.written``.
    """

    key: str
    """What makes it one: a second alert with this key is none (``budget:month:2026-11:80``)."""
    kind: Kind
    severity: Severity = "warning"
    project: str = ""
    at: int
    """Nanoseconds since the epoch at which it was raised."""
    since: int | None = None
    """Nanoseconds since the epoch from which on it has been so."""
    subject: str
    """What it is about: the budget's name, the incident's id, the model, the exporter."""
    title: str
    """One line with the amount in it."""
    text: str = ""
    """What, how much, since when, and what drives it, in a few sentences."""
    advice: str = ""
    """What to do: one sentence, with the command to type."""
    amount: int | None = None
    """Pico-USD that it is about."""
    limit: int | None = None
    """Pico-USD that the amount is measured against."""
    drivers: tuple[Driver, ...] = ()
    """Who drives it, the largest first."""
    scope: dict[str, str] | None = None
    """Fields and tags (``model``, ``tenant``) with the values of the calls it is about; empty: all of the project's.

    Where it is given, with an amount, ``since`` and no drivers, the ledger adds the drivers before anybody is told.
    """
    facts: dict[str, str | int | float] = {}
    """Whatever else a receiver may want to read by name."""
