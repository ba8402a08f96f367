"""Turn genai-prices' match clauses into explicit names, by asking genai-prices itself which model a name finds.

Its clauses (starts with, contains, ends with, patterns) match names that nobody meant: ``deepseek-r1-distill-…`` finds
DeepSeek R1. So only names that are known to exist become names of ours: ids, what a clause says to equal, the text of
the other clauses as it stands, and the list in ``names.toml``. Snapshots are the one family that stays open: whether a
dated name costs the same as the name before the date is asked for too, and recorded by the kind of date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from outlay.pricing.names import bedrock_key, snapshot_of

if TYPE_CHECKING:
    from genai_prices.types import MatchLogic, ModelInfo, Provider

SNAPSHOTS = {
    "f": ("-20291231", "-2029-12-31", "@20291231"),
    "s": ("-1231", "-12-31", "-009"),
    "l": ("-latest", "@default"),
}
"""Kind of suffix (``names.snapshot_of``) to suffixes of dates that no clause can know."""


def names_of(provider: Provider, models: Iterable[ModelInfo], known: Iterable[str]) -> dict[str, str]:
    """Return every name that the provider's models go by, to the model's id; ids are lower-cased as all names are."""
    names: dict[str, str] = {}
    for model in models:
        for text in [model.id, *_texts(model.match)]:
            name = text.lower().strip("/").rstrip("-@.")
            if found_by(provider, name) is model:
                names[name] = model.id.lower()
        names.setdefault(model.id.lower(), model.id.lower())
    for name in known:
        found = found_by(provider, name)
        if found is not None:
            names.setdefault(name, found.id.lower())
    return names


def bedrock_names(provider: Provider, names: dict[str, str]) -> dict[str, str]:
    """Return Bedrock's names as ``names.bedrock_key`` spells them: by world and geo where prices differ, else bare."""
    found: dict[str, str] = {}
    cores = {_core(name) for name in names} | {_core(model.id.lower()) for model in provider.models}
    for core in sorted(cores):
        by_scope = {
            scope: next((model for prefix in prefixes if (model := found_by(provider, prefix + core))), None)
            for scope, prefixes in {"global.": ["global."], "geo.": ["us.", "eu.", "jp."], "": [""]}.items()
        }
        bare = by_scope[""]
        for scope, model in by_scope.items():
            if model is not None and (scope == "" or model is not bare):
                found[scope + core] = model.id.lower()
    return found


def found_by(provider: Provider, name: str) -> ModelInfo | None:
    """Return the first model of the provider that its clauses find for ``name``."""
    return next((model for model in provider.models if model.is_match(name)), None)


def open_to(provider: Provider, name: str, model: ModelInfo) -> str:
    """Return the kinds of snapshots of ``name`` that cost what the model costs; a snapshot has none of its own."""
    if snapshot_of(name) is not None or not _is_open(model.match):
        return ""

    def same(suffix: str) -> bool:
        return model.is_match(name + suffix) and found_by(provider, name + suffix) is model

    return "".join(kind for kind, suffixes in SNAPSHOTS.items() if any(map(same, suffixes)))


def _core(name: str) -> str:
    name = name.removeprefix("regional.")
    key = bedrock_key(name)
    core = key.removeprefix("geo.").removeprefix("global.")
    return core.partition(":")[0]


def _is_open(clause: MatchLogic) -> bool:
    """Return whether a clause can match a name that it does not hold: whether more than ``equals`` is in it."""
    parts = getattr(clause, "or_", None) or getattr(clause, "and_", None)
    return any(map(_is_open, parts)) if parts else not hasattr(clause, "equals")


def _texts(clause: MatchLogic) -> Iterator[str]:
    """Yield the literal texts of a clause; patterns have none."""
    for part in getattr(clause, "or_", None) or getattr(clause, "and_", None) or ():
        yield from _texts(part)
    for kind in ("equals", "starts_with", "contains", "ends_with"):
        text = getattr(clause, kind, None)
        if text is not None:
            yield text
