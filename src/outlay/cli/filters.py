"""Names and conditions as people write them: ``model``, ``user=u-42``, ``tag:team``."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import click

from outlay.config import Settings
from outlay.ledger.questions import FIELDS, TIME_UNITS
from outlay.providers import canonical

where_option = click.option(
    "--where",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only calls with this value: model=gpt-4o, user=u-42, tag:team=search; repeatable. NAME= finds those without.",
)


def read_names(words: str, settings: Settings) -> tuple[str, ...]:
    """Return what a report is to be broken down by: ``words`` has names with commas between."""
    names = tuple(_known(word.strip(), (*TIME_UNITS, *FIELDS), settings) for word in words.split(",") if word.strip())
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise click.UsageError(f"--by names {twice[0]!r} twice: once is enough.")
    if len(units := [name for name in names if name in TIME_UNITS]) > 1:
        raise click.UsageError(f"--by has {' and '.join(units)}: a report has one unit of time.")
    return names


def read_filters(conditions: Sequence[str], settings: Settings) -> dict[str, str | None]:
    """Return conditions as the ledger takes them; ``NAME=`` finds calls without one."""
    filters: dict[str, str | None] = {}
    for condition in conditions:
        name, sign, value = condition.partition("=")
        if not sign or not name.strip():
            raise click.UsageError(f"{condition!r} must be written as NAME=VALUE, like model=gpt-4o.")
        field = _known(name.strip(), FIELDS, settings)
        if field in filters:
            raise click.UsageError(f"--where names {field!r} twice: a call has one.")
        value = canonical(value) if field == "provider" else value
        # Fields that every call has are empty where there is nothing to say; others are absent.
        filters[field] = value or ("" if field in ("project", "feature", "path") else None)
    return filters


def _known(word: str, names: Sequence[str], settings: Settings) -> str:
    """Return the ledger's name of what people call ``word``: a declared tag needs no ``tag:`` before it."""
    if word in names or (word.startswith("tag:") and word != "tag:"):
        return word
    if word in settings.declared_tags:
        return f"tag:{word}"
    choices = (*names, *settings.declared_tags)
    near = get_close_matches(word, choices, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(choices)}."
    raise click.UsageError(f"calls have no {word!r}; {hint} For a tag write tag:{word.removeprefix('tag:') or 'NAME'}.")
