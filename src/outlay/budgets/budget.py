"""A budget as its user writes it. Whatever can't be used is said in one sentence before any call is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal

from outlay.budgets.actions import Action, Block, Chooser, Steps, block, is_count, usable
from outlay.budgets.windows import CALENDAR, OTHERS, WEEKDAYS, rolling_length
from outlay.errors import ConfigError
from outlay.money import number
from outlay.providers import canonical, known

Amount = Decimal | int | float | str
Missing = Literal["none", "deny"]
Unbounded = Literal["deny", "allow"]
InputBound = Literal["bytes", "learned"]
OnStoreDown = Literal["closed", "open", "lease_only"]

MOST = Decimal(9_000_000)
"""USD: nano-USD beyond it are no exact numbers in Redis' Lua."""
LEAST = Decimal("0.000000001")
"""USD: what a store counts in."""

_CHOICES = {
    "missing": ("none", "deny"),
    "unbounded": ("deny", "allow"),
    "input_bound": ("bytes", "learned"),
    "on_store_down": ("closed", "open", "lease_only"),
    "week_start": WEEKDAYS,
}


class Budget:
    """A limit on what calls may cost in a window of time.

    ``Budget("month", limit=200)`` only watches and alerts; with ``block=True`` it refuses what does not fit.

    Args:
        name: what it is called; its identity, together with the project.
        limit: USD; floats are taken as they are written.
        per: ``hour``, ``day``, ``week``, ``month``, ``quarter``, ``year``, a rolling length like ``24h`` or ``7d``,
            ``run`` (each outermost span) or ``total``.
        scope: names of tags (or ``provider``, ``model``, ``feature``): each combination of values has the limit for
            itself.
        where: patterns by ``model``, ``provider``, ``feature`` or tag, like ``{"model": "gpt-4*"}``; a call that does
            not match all of them is none of this budget's.
        alerts: percents of the limit, by what is settled, at which an alert is raised once per window.
        at: percent, by what is settled and reserved, to action: ``block``, ``downgrade(model)``, ``cap(tokens)``, or a
            function of yours that gets a ``Standing`` and returns one of them or None; a tuple is tried in its order.
        block: refuse what would go over the limit: short for ``at={100: block}``.
        output_ceiling: tokens per choice that a call without a limit of its own is limited to; it is sent, and marked.
        unbounded: what to do with a call whose cost nothing bounds, or whose model has no price: ``deny`` (as is done
            where the budget blocks) or ``allow`` (where it does not).
        ceiling: USD to reserve for such a call instead.
        input_bound: how the input of a call that has an output limit is bounded before it is sent. ``bytes`` (as is
            done where the budget blocks): a token a byte, which no tokenizer passes; ``learned`` (where it does not):
            the most tokens a byte that this provider's model was seen to make of late, and a quarter more.
        missing: what to do with a call that lacks a tag of ``scope``: count it under ``(none)``, or ``deny`` it.
        carry_over: add to a calendar window's limit what was left in the one before it.
        on_store_down: ``closed`` (as is done where the budget blocks): go on with what this process holds until its
            lease ends, then refuse; ``lease_only``: go on with it until it is used up; ``open``: let calls pass and
            count them.
        timezone: IANA zone of calendar windows; the setting ``timezone`` where not given.
        week_start: first day of a week.
        run: name of the span that is a run, instead of the outermost one.

    Raises:
        ConfigError: something of this can't be used.

    """

    __slots__ = (
        "alerts", "at", "blocks_at", "carry_over", "ceiling", "first_weekday", "input_bound", "limit",
        "missing", "name", "on_store_down", "output_ceiling", "per", "run", "scope", "timezone", "unbounded", "where",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - each is a setting of its own, and a keyword
        self,
        name: str,
        *,
        limit: Amount,
        per: str = "month",
        scope: str | Iterable[str] = (),
        where: Mapping[str, str | Iterable[str]] | None = None,
        alerts: Iterable[int] = (80, 100),
        at: Mapping[int, Action | Chooser | Iterable[Action | Chooser]] | None = None,
        block: bool = False,
        output_ceiling: int | None = None,
        unbounded: Unbounded | None = None,
        ceiling: Amount | None = None,
        input_bound: InputBound | None = None,
        missing: Missing = "none",
        carry_over: bool = False,
        on_store_down: OnStoreDown | None = None,
        timezone: str | None = None,
        week_start: str = "monday",
        run: str | None = None,
    ) -> None:
        if not isinstance(name, str) or not name.strip() or len(name) > 100 or not name.isprintable():
            raise ConfigError(f"a budget needs a name of at most 100 characters, not {name!r}.")
        self.name = name
        self.limit = self._amount("limit", limit)
        self.per = self._per(per)
        self.scope = _names(scope)
        if len(set(self.scope)) < len(self.scope):
            raise self._wrong(f"scope names something twice: {', '.join(self.scope)}")
        self.where = _where(where)
        if not isinstance(alerts, Iterable):
            raise self._wrong(f"alerts holds whole percents, like [50, 80, 100], not {alerts!r}")
        self.alerts = tuple(sorted({self._percent("alerts", percent) for percent in alerts}))
        self.at = self._at({} if at is None else at, also_blocks=block)
        self.blocks_at = next((percent for percent, steps in self.at if isinstance(steps[0], Block)), None)
        self.output_ceiling = output_ceiling
        self.ceiling = None if ceiling is None else self._amount("ceiling", ceiling)
        self.missing = missing
        self.carry_over = carry_over
        self.unbounded: Unbounded = unbounded or ("allow" if self.blocks_at is None else "deny")
        self.input_bound: InputBound = input_bound or ("learned" if self.blocks_at is None else "bytes")
        self.on_store_down: OnStoreDown = on_store_down or ("open" if self.blocks_at is None else "closed")
        self.timezone = timezone
        self.run = self._run(run)
        self._check(week_start, unbounded)
        self.first_weekday = WEEKDAYS.index(week_start)

    @property
    def blocks(self) -> bool:
        """Whether calls are refused at some percentage of the limit."""
        return self.blocks_at is not None

    def __repr__(self) -> str:
        return f"Budget({self.name!r}, limit={self.limit}, per={self.per!r})"

    def _check(self, week_start: str, unbounded: Unbounded | None) -> None:
        chosen = {
            "missing": self.missing, "unbounded": self.unbounded, "input_bound": self.input_bound,
            "on_store_down": self.on_store_down, "week_start": week_start,
        }  # fmt: skip
        for key, value in chosen.items():
            if value not in _CHOICES[key]:
                raise self._wrong(f"{key} must be one of {', '.join(_CHOICES[key])}, not {value!r}")
        if unbounded is not None and self.ceiling is not None:
            raise self._wrong("ceiling and unbounded exclude each other: leave one out")
        for key, flag in (("carry_over", self.carry_over),):
            if not isinstance(flag, bool):
                raise self._wrong(f"{key} must be true or false, not {flag!r}")
        if self.carry_over and self.per not in CALENDAR:
            raise self._wrong(f"carry_over needs windows that follow each other, and per is {self.per!r}")
        if self.output_ceiling is not None and not is_count(self.output_ceiling):
            raise self._wrong(f"output_ceiling must be a number of tokens, not {self.output_ceiling!r}")
        if self.timezone is not None and not _is_zone(self.timezone):
            raise self._wrong(f"timezone {self.timezone!r} is no IANA zone: write one like 'Europe/Berlin'")

    def _wrong(self, complaint: str) -> ConfigError:
        return ConfigError(f"budget {self.name!r}: {complaint}.")

    def _amount(self, key: str, given: Any) -> Decimal:
        amount = number(given)
        if amount is None or not LEAST <= amount <= MOST:
            raise self._wrong(f"{key} must be an amount of USD above 0 and up to {MOST:,}, not {given!r}")
        return amount

    def _per(self, per: Any) -> str:
        if isinstance(per, str) and (per in CALENDAR or per in OTHERS or rolling_length(per)):
            return per
        known = ", ".join((*CALENDAR, *OTHERS))
        raise self._wrong(f"per must be one of {known}, or a rolling length like '24h' or '7d', not {per!r}")

    def _run(self, run: Any) -> str | None:
        if run is not None and not (isinstance(run, str) and run):
            raise self._wrong(f"run is the name of a span, not {run!r}")
        if run is not None and self.per != "run":
            raise self._wrong(f"run names the span of a budget per='run', and per is {self.per!r}")
        return run

    def _percent(self, key: str, percent: Any) -> int:
        if is_count(percent) and percent <= 1000:
            return int(percent)
        raise self._wrong(f"{key} holds whole percents from 1 to 1000, not {percent!r}")

    def _at(self, at: Mapping[int, Any], *, also_blocks: bool) -> tuple[tuple[int, Steps], ...]:
        if not isinstance(also_blocks, bool):
            raise self._wrong(f"block must be true or false, not {also_blocks!r}")
        if not isinstance(at, Mapping):
            raise self._wrong(f"at is like {{80: outlay.downgrade('gpt-4o-mini'), 100: outlay.block}}, not {at!r}")
        found: dict[int, Steps] = {100: (block,)} if also_blocks else {}
        for percent, given in at.items():
            steps = tuple(given) if isinstance(given, list | tuple) else (given,)
            if not steps:
                raise self._wrong(f"at holds no action for {percent!r}")
            for step in steps:
                self._check_step(step)
            found[self._percent("at", percent)] = steps
        return tuple(sorted(found.items(), key=lambda item: item[0]))

    def _check_step(self, step: Any) -> None:
        if not usable(step) and (not callable(step) or isinstance(step, type)):
            raise self._wrong(f"at holds block, downgrade(model), cap(tokens) or a function, not {step!r}")


def _is_zone(name: Any) -> bool:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # takes milliseconds, and most stay with the default

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        return False
    return True


def _where(given: Any) -> dict[str, tuple[str, ...]]:
    """Return the patterns by what they are of; a provider may be called by any of its names."""
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(f"a budget's where is like {{'model': 'gpt-4o*'}}, not {given!r}.")
    found = {key: _names(value) for key, value in (given or {}).items()}
    if strange := [key for key, values in found.items() if not (isinstance(key, str) and key and values)]:
        raise ConfigError(f"a budget's where names patterns for {strange[0]!r}, and there is none to go by.")
    if "provider" in found:
        found["provider"] = tuple(canonical(name) if known(name) else name for name in found["provider"])
    return found


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"a budget's scope and where hold names, like scope='tenant', not {given!r}.")
    return names
