"""Read ``providers.toml``: who bills for which hosts."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from outlay.integration import Provider


def _rows() -> tuple[Provider, ...]:
    table = tomllib.loads((files(__package__) / "providers.toml").read_text(encoding="utf-8"))
    free = tuple(table.pop("free"))
    return tuple(
        Provider(
            name=name,
            hosts=tuple(row["hosts"]),
            free=free,
            ask_usage=row.get("ask_usage", True),
            terms=row.get("terms", {}),
        )
        for name, row in table.items()
    )


PROVIDERS = _rows()
