"""The setting ``spike_limits``: from when on guards against single calls and runs speak up."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from outlay.errors import ConfigError
from outlay.money import number, pico


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of guards. Amounts are pico-USD here, and USD in settings; 0 silences what a limit is for."""

    call: int = 5 * 10**12
    """A call that costs so much is told of, whatever is usual."""
    times: int = 10
    """How many times its function's usual cost a call or a run must reach."""
    call_least: int = 10**11
    """Calls that cost less are not compared with the usual."""
    run_least: int = 5 * 10**11
    """The same of runs."""
    known: int = 20
    """Calls or runs of a function from which on its usual is known."""
    repeats: int = 20
    """Equal requests, or equal calls of a tool, that make a run a loop."""
    capped: int = 10
    """Answers of a function's last 20 that ended at the output limit."""
    model_calls: int = 100
    """Calls of a function from which on a model that it never used is told of."""
    model_days: int = 1
    """Days over which it must have made them."""


AMOUNTS = ("call", "call_least", "run_least")
MOST = 9_000_000
"""USD."""
_BOUNDS = {"known": (1, 10_000), "capped": (0, 20), "model_days": (0, 365)}
_USUAL_BOUNDS = (0, 1_000_000)

Given = Mapping[str, Decimal | int]


def limits_of(given: Given) -> Limits:
    """Return the limits that are set, and the defaults of the others."""
    return Limits(**{name: pico(value) if isinstance(value, Decimal) else value for name, value in given.items()})


def read(where: str, value: Any) -> dict[str, Decimal | int]:
    """Return a table's limits, amounts in USD, or raise ``ConfigError``."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: spike_limits must be a table of numbers, like {{ call = 2.5, repeats = 50 }}.")
    for name in value:
        if name not in Limits.__struct_fields__:
            raise ConfigError(
                f"{where}: there is no limit spike_limits.{name}; known are {', '.join(Limits.__struct_fields__)}."
            )
    return {name: (_amount if name in AMOUNTS else _count)(where, name, said) for name, said in value.items()}


def _amount(where: str, name: str, said: Any) -> Decimal:
    amount = number(said)
    if amount is not None and 0 <= amount <= MOST:
        return amount
    raise ConfigError(f"{where}: spike_limits.{name} = {said!r} must be an amount of USD from 0 to {MOST:,}.")


def _count(where: str, name: str, said: Any) -> int:
    least, most = _BOUNDS.get(name, _USUAL_BOUNDS)
    count = int(said) if isinstance(said, str) and said.isascii() and said.isdigit() else said
    if type(count) is int and least <= count <= most:
        return count
    raise ConfigError(f"{where}: spike_limits.{name} = {said!r} must be a whole number from {least} to {most:,}.")
