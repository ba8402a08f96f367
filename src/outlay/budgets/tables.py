"""Budgets from a file of settings: ``[[budgets]]`` tables with the keywords of ``Budget``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from outlay.budgets.actions import Action, Block, Cap, Downgrade
from outlay.budgets.budget import Budget
from outlay.config.settings import nearest
from outlay.errors import ConfigError

NAMES = tuple(inspect.signature(Budget).parameters)


def budgets_of(given: Iterable[Any], where: str = "budgets") -> tuple[Budget, ...]:
    """Return budgets made of tables and budgets. Raises ``ConfigError`` for one that can't be used."""
    found = tuple(item if isinstance(item, Budget) else _made(item, where) for item in given)
    names = [budget.name for budget in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"{where}: two budgets are called {name!r}: a name is a budget's identity, give each its own."
            )
    return found


def _made(table: Any, where: str) -> Budget:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: {table!r} is no budget: write outlay.Budget(…), or a table [[budgets]] in a file.")
    for key in table:
        if key not in NAMES:
            near = nearest(str(key), NAMES)
            hint = f"did you mean {near!r}?" if near else f"known are {', '.join(NAMES)}."
            raise ConfigError(f"{where}: a budget has no {key!r}; {hint}")
    for key in ("name", "limit"):
        if key not in table:
            raise ConfigError(f"{where}: the budget {table.get('name', '')!r} has no {key}: give it one.")
    keywords = {key: value for key, value in table.items() if key != "name"}
    if "at" in keywords:
        keywords["at"] = _at(table["name"], keywords["at"])
    try:
        return Budget(table["name"], **keywords)
    except (AttributeError, TypeError):  # a text where a table or a list belongs
        raise ConfigError(f"{where}: the budget {table['name']!r} has a value of the wrong kind.") from None
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _at(name: str, given: Any) -> dict[int, tuple[Action, ...]]:
    if not isinstance(given, Mapping):
        raise ConfigError(
            f'budget {name!r}: at must be a table like {{ "80" = "downgrade:gpt-4o-mini", "100" = "block" }}.'
        )
    found = {}
    for percent, steps in given.items():
        if not str(percent).isdigit():
            raise ConfigError(f"budget {name!r}: at holds whole percents from 1 to 1000, not {percent!r}.")
        found[int(percent)] = tuple(
            _action(name, step) for step in (steps if isinstance(steps, list | tuple) else [steps])
        )
    return found


def _action(name: str, text: Any) -> Action:
    if isinstance(text, Block | Cap | Downgrade):
        return text
    verb, _, what = str(text).partition(":")
    if verb == "block" and not what:
        return Block()
    if verb == "downgrade" and what:
        return Downgrade(what.strip())
    if verb == "cap" and what.strip().isdigit():
        return Cap(int(what))
    raise ConfigError(f"budget {name!r}: at holds 'block', 'downgrade:MODEL' or 'cap:TOKENS', not {text!r}.")
