"""Read ``providers.toml``: who bills for which hosts."""

from __future__ import annotations

import tomllib
from pathlib import Path

from outlay.integration import Provider


def _rows() -> tuple[Provider, ...]:
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    free = tuple(table.pop("free"))
    return tuple(
        Provider(
            name=name,
            hosts=tuple(row["hosts"]),
            free=free,
            ask_usage=row.get("ask_usage", True),
            terms=row.get("terms", {}),
            served_by=row.get("served_by"),
            cost_header=row.get("cost_header"),
        )
        for name, row in table.items()
    )


PROVIDERS = _rows()
