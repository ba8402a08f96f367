"""The public functions: each a thin, documented door to the default instance.

The instance and its parts are imported with the first call: ``import outlay`` alone costs a program next to nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from outlay.context import scope
from outlay.errors import ConfigError
from outlay.guard import guard
from outlay.records import Call

if TYPE_CHECKING:
    from outlay.alerts import Alert
    from outlay.budgets.budget import Budget
    from outlay.pricing.comparison import Comparison

T = TypeVar("T")


def init(
    project: str | None = None,
    *,
    release: str | None = None,
    disabled: bool | None = None,
    data: str | os.PathLike[str] | None = None,
    tags: Mapping[str, str] | None = None,
    hosts: Mapping[str, str] | None = None,
    declared_tags: tuple[str, ...] | list[str] | None = None,
    timezone: str | None = None,
    price_book: str | os.PathLike[str] | None = None,
    ask_usage: bool | None = None,
    instrument: bool | None = None,
    budgets: Iterable[Budget | Mapping[str, Any]] | None = None,
    budget_store: str | None = None,
    budget_key: str | None = None,
    budget_slice: str | None = None,
    budget_rewrites: bool | None = None,
    retention_days: int | None = None,
    retention_megabytes: int | None = None,
    alert_channels: Sequence[str | Callable[[Alert], object]] | None = None,
    alert_webhook_secret: str | None = None,
    alert_quiet_hours: str | None = None,
    alert_group_seconds: int | None = None,
    spikes: bool | None = None,
    spike_tags: Sequence[str] | None = None,
    spike_limits: Mapping[str, object] | None = None,
    content: Sequence[str] | None = None,
    content_limit: int | None = None,
    content_days: int | None = None,
    content_redact: str | Callable[[str], str] | None = None,
    exporters: Sequence[str | Callable[..., object]] | Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    """Start metering: patch the HTTP clients that LLM SDKs send by, before or after they are imported.

    Settings left out come from ``OUTLAY_*`` variables, ``outlay.toml`` or ``[tool.outlay]`` of pyproject.toml, in this
    order; docs/configuration.md describes each. A second call starts anew with the new settings. Raises
    ``ConfigError`` with one sentence for a setting that can't be used. ``OUTLAY_DISABLED=1`` makes it a no-op.
    """
    from outlay import app

    given = {
        "project": project,
        "release": release,
        "disabled": disabled,
        "data": None if data is None else os.fspath(data),
        "tags": None if tags is None else {name: str(value) for name, value in tags.items()},
        "hosts": None if hosts is None else dict(hosts),
        "declared_tags": declared_tags,
        "timezone": timezone,
        "price_book": None if price_book is None else os.fspath(price_book),
        "ask_usage": ask_usage,
        "instrument": instrument,
        "budgets": None if budgets is None else tuple(budgets),
        "budget_store": budget_store,
        "budget_key": budget_key,
        "budget_slice": budget_slice,
        "budget_rewrites": budget_rewrites,
        "retention_days": retention_days,
        "retention_megabytes": retention_megabytes,
        "alert_channels": alert_channels,
        "alert_webhook_secret": alert_webhook_secret,
        "alert_quiet_hours": alert_quiet_hours,
        "alert_group_seconds": alert_group_seconds,
        "spikes": spikes,
        "spike_tags": spike_tags,
        "spike_limits": spike_limits,
        "content": None if content is None else tuple(content),
        "content_limit": content_limit,
        "content_days": content_days,
        "content_redact": content_redact,
        "exporters": exporters,
    }
    app.init(**{name: value for name, value in given.items() if value is not None})


def instrument(client: T) -> T:
    """Meter one client alone, an SDK's or an HTTP library's, and return it: nothing else is patched.

    Starts outlay without the global patches if it has not been started. Raises ``ConfigError`` if no HTTP client that
    outlay knows is inside. While outlay is disabled, the client stays as it is.
    """
    from outlay import app

    if app.current() is None and app.init(instrument=False) is None:
        return client
    if not app.patcher().instrument(client):
        raise ConfigError(
            f"outlay knows no HTTP client inside {type(client).__qualname__}: call outlay.init() to meter "
            "every client, or outlay.record() for calls that no HTTP client sends."
        )
    return client


def uninstrument() -> None:
    """Stop: take the patches away, settle what is open, and carry what was written to the ledger."""
    from outlay import app

    app.shut()


def flush(timeout: float = 5.0) -> int:
    """Carry everything recorded so far to the ledger and to the exporters, within ``timeout`` seconds.

    The store of the budgets is told what was spent, if it can be reached.
    Returns how much is left: 0 when all is delivered. Records are safe on this machine's disk before that: call it
    where the disk vanishes with the process, or decorate with ``flush_before_return`` what the process lives for.
    """
    from outlay import app

    current = app.current()
    if current is None:
        return 0
    with guard("flushing"):
        return current.flush(timeout)
    return 0


def calculate_cost(
    model: str,
    *,
    input_tokens: int = 0,
    output_tokens: int = 0,
    cache_read_input_tokens: int = 0,
    cache_write_input_tokens: int = 0,
    cache_write_1h_input_tokens: int = 0,
    reasoning_output_tokens: int = 0,
    provider: str | None = None,
    at: datetime | None = None,
    tier: str | None = None,
) -> Decimal:
    """Return what a call costs, in USD, exactly.

    ``input_tokens`` includes cache reads and writes, ``output_tokens`` includes reasoning. ``at``: when the call ends,
    now where not given. ``tier``: ``batch``, ``flex``, ``priority``, … Raises ``UnknownPrice`` for an unknown model and
    for a class without a price, ``ValueError`` where parts exceed their total.
    """
    from outlay import app

    return app.prices().calculate(
        model,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_input_tokens=cache_read_input_tokens,
        cache_write_input_tokens=cache_write_input_tokens,
        cache_write_1h_input_tokens=cache_write_1h_input_tokens,
        reasoning_output_tokens=reasoning_output_tokens,
        provider=provider,
        at=at,
        tier=tier,
    )


def compare(
    *models: str,
    input_tokens: int = 0,
    output_tokens: int = 0,
    cache_share: Decimal | float | str = 0,
    requests: int | None = None,
    token_ratios: Mapping[str, Decimal | float | str] | None = None,
    tier: str | None = None,
    at: datetime | None = None,
) -> list[Comparison]:
    """Return what the same work costs on each of ``models``, the cheapest first: ``outlay compare`` for programs.

    ``cache_share``: the part of the input that is read from a cache, 0 to 1. ``requests``: in how many calls; without
    it they are short, and a fee per request is left out. ``token_ratios``: model to how many times as many output
    tokens it writes for the same answers. Raises ``UnknownPrice`` for an unknown model, ``ValueError`` for numbers
    that can't be.
    """
    from outlay import app
    from outlay.pricing import comparison

    work = comparison.Work(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_share=comparison.share(cache_share),
        requests=requests,
    )
    return comparison.compare(app.prices(), models, work, token_ratios=token_ratios, tier=tier, at=at)


def record(
    *,
    provider: str,
    model: str,
    input_tokens: int = 0,
    output_tokens: int = 0,
    cache_read_input_tokens: int = 0,
    cache_write_input_tokens: int = 0,
    cache_write_1h_input_tokens: int = 0,
    reasoning_output_tokens: int = 0,
    cost: Decimal | float | str | None = None,
    operation: str = "chat",
    start: datetime | None = None,
    end: datetime | None = None,
    tier: str | None = None,
    error_type: str | None = None,
    tags: Mapping[str, object] | None = None,
) -> Call | None:
    """Keep a call that no HTTP client of this process sent: a local model, another host's log, an import.

    Totals include their parts, as everywhere at the surface. ``cost`` in USD, if the provider told it, wins over the
    computed one. ``end`` defaults to now, ``start`` to ``end``. Returns the call as kept, or None where outlay is off.
    Raises ``ValueError`` for what can't be: counts, amounts, times, and names that are no texts.
    """
    from outlay import app

    current = app.current()
    if current is None:
        return None
    from outlay.recording import Told, charged, nanoseconds, recorded  # loaded by those who use it

    now = time.time_ns()
    told = Told(
        provider=provider,
        model=model,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_input_tokens=cache_read_input_tokens,
        cache_write_input_tokens=cache_write_input_tokens,
        cache_write_1h_input_tokens=cache_write_1h_input_tokens,
        reasoning_output_tokens=reasoning_output_tokens,
        reported=charged(cost),
        operation=operation,
        start=nanoseconds("start", start, now if end is None else nanoseconds("end", end, now)),
        end=nanoseconds("end", end, now),
        tier=tier,
        error_type=error_type,
        tags={} if tags is None else tags,
    )
    call = recorded(current.home, current.prices(), told)
    current.meter.tell(call, scope().span)
    return call
