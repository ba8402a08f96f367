"""What exporters note of the moment at which a call begins, such as the run of MLflow's that is active."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from outlay.context import Inside, Scope, scope
from outlay.guard import guard

_noting = guard("noting what an exporter asks for")


def scope_with(notes: tuple[Callable[[], Mapping[str, str]], ...]) -> Scope:
    """Return the scope of now, with what ``notes`` say as tags in it; a tag that the user has set wins."""
    around = scope()
    found: dict[str, str] = {}
    with _noting:
        for note in notes:
            found |= note()
    return Inside(around.span, found | around.tags, around) if found else around
