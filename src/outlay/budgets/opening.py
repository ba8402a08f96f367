"""Budgets as the settings name them, with the store that they count in."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from outlay.budgets.gate import Budgets
from outlay.budgets.tables import budgets_of
from outlay.budgets.teller import Opening, Sink, logged
from outlay.budgets.trade import Store
from outlay.config.settings import Settings
from outlay.errors import ConfigError
from outlay.guard import logger

FILE = "budgets.db"
"""The database in outlay's data folder that budgets are counted in, where no other store is set."""


def opened(
    settings: Settings, folder: Path, *, project: str = "", sink: Sink = logged, opening: Opening | None = None
) -> Budgets | None:
    """Return the gate of the budgets that are set; None without any. Raises ``ConfigError``.

    ``folder``: outlay's data folder. ``sink`` takes alerts, on a thread of the budgets' own. ``opening`` says what a
    window had cost before its budget was first counted.
    """
    budgets = budgets_of(settings.budgets)
    if not budgets and settings.budget_slice is None:
        return None
    return Budgets(
        budgets,
        store_of(settings, folder),
        project=project or project_of(settings),
        timezone=settings.timezone,
        journals=journals_of(settings, folder),
        sink=sink,
        opening=opening,
        key=settings.budget_key,
        slice_=settings.budget_slice,
    )


def project_of(settings: Settings) -> str:
    """Return the project that budgets are counted for: as set, or the working directory's name, as for calls."""
    return settings.project or Path.cwd().name


def journals_of(settings: Settings, folder: Path) -> Path | None:
    """Return the folder in which processes that count in this store leave their evidence."""
    url = settings.budget_store or ""
    if url == "memory":
        return None
    return folder / "leases" / blake2b(url.encode(), digest_size=6).hexdigest()


def store_of(settings: Settings, folder: Path) -> Store:
    """Return the store that the settings name by its URL, not connected yet."""
    url = settings.budget_store or ""
    if url == "memory":
        from outlay.budgets.stores.memory import MemoryStore

        return MemoryStore()
    scheme = urlsplit(url).scheme
    if scheme in ("redis", "rediss", "unix"):
        from outlay.budgets.stores.redis import RedisStore

        return RedisStore(*_redis(url))
    if scheme in ("postgres", "postgresql"):
        from outlay.budgets.stores.postgres import PostgresStore

        return PostgresStore(url)
    if url and scheme != "sqlite":
        what = f"{scheme}://" if scheme else repr(url)
        raise ConfigError(
            f"budget_store: {what} is no store of budgets: write redis://, postgresql://, sqlite:/// or 'memory'."
        )
    from outlay.budgets.stores.sqlite import SqliteStore

    parts = urlsplit(url)
    synchronous = parse_qs(parts.query).get("synchronous", ["normal"])[-1]
    if synchronous not in ("normal", "full"):
        raise ConfigError(f"budget_store: synchronous must be normal or full, not {synchronous!r}.")
    return SqliteStore(Path(parts.path) if url else folder / FILE, synchronous=synchronous)


def _redis(url: str) -> tuple[str, int]:
    """Return the URL as the client takes it, and the number of replicas that must have a step before it counts."""
    parts = urlsplit(url)
    queries = parse_qs(parts.query)
    replicas = queries.pop("replicas", ["0"])[-1]
    if not replicas.isdigit():
        raise ConfigError(f"budget_store: replicas must be a number, not {replicas!r}.")
    return parts._replace(query=urlencode(queries, doseq=True)).geturl(), int(replicas)


def tell_of_a_store_that_is_down(settings: Settings) -> None:
    """Say before any call is made that nobody answers where budgets are counted, and what to do."""
    from outlay.budgets.stores.reach import unreachable

    if where := unreachable(settings.budget_store or ""):
        logger.warning(
            "outlay reaches no store of budgets at %s: start it, or correct budget_store. Until then a budget that "
            "blocks refuses calls (on_store_down='open' lets them pass).",
            where,
        )
