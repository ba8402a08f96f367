"""The ledger of a made-up shop, the same in every run: what the commands show in tests and in docs/cli.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from outlay.alerts import Alert
from outlay.cli.times import nanoseconds
from outlay.config.channels import Address
from outlay.ledger.ledger import Ledger
from outlay.money import PICO
from outlay.pricing import Prices
from outlay.records import Call, Cost, Coverage, Record, Usage
from outlay.spikes.cause import find_cause
from outlay.spikes.incidents import Incident
from outlay.spikes.series import Amount, name_of
from outlay.spikes.watch import Told

BEGIN = datetime(2026, 10, 1, 9, tzinfo=UTC)
DAYS = 50
"""October, and November up to the 19th."""
USERS = ("u-17", "u-42", "u-99")
FREE = Cost(status="free", amount=0)

KINDS: tuple[dict[str, Any], ...] = (
    {
        "feature": "answer",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "classes": {"input": 900, "cache_read": 1_800, "output": 240},
    },
    {
        "feature": "answer",
        "provider": "openai",
        "model": "o4-mini",
        "classes": {"input": 420, "output": 1_350},
        "reasoning": 1_200,
    },
    {
        "feature": "summarise",
        "provider": "anthropic",
        "model": "claude-haiku-4-5",
        "classes": {"input": 1_200, "cache_read": 3_800, "cache_write_5m": 200, "output": 180},
    },
)


def records() -> list[Record]:
    """Return a call of each kind for each user on each day, in November twice of the dear one; and some trouble."""
    prices = Prices.load()
    made: list[Call] = []
    for day in range(DAYS):
        for number, kind in enumerate([*KINDS, KINDS[1]] if day >= 31 else KINDS):
            for user in USERS:
                at = BEGIN + timedelta(days=day, minutes=7 * number, seconds=11 * USERS.index(user))
                made.append(_call(prices, len(made), at, user, **kind))
    troubled = made[-1].start
    return [*made, *_trouble(prices, len(made), troubled), *_coverage(len(made), troubled)]


def write(folder: Path) -> None:
    """Make the shop's ledger in ``folder``."""
    with Ledger.open(folder / "ledger.db") as ledger:
        ledger.write(records())
        tell(ledger)
        _spike(ledger)


def tell(ledger: Ledger) -> None:
    """Have alerts raised and sent: one arrived, one waits for a receiver that is down."""
    last = nanoseconds(BEGIN + timedelta(days=DAYS - 1))
    chat, pager = Address("slack://T/A/B"), Address("webhook+https://pager.shop.example/in", "critical")
    outbox = ledger.outbox()
    for number, (severity, share) in enumerate((("warning", 80), ("critical", 100))):
        now = last + number * 3_600 * 10**9
        title = f"tenant acme: ${share / 200:.2f} of $0.50 spent ({share} %)"
        key = f"budget:tenant:acme:{share}"
        told: dict[str, Any] = {"kind": "budget", "severity": severity, "subject": "tenant", "project": "shop"}
        ledger.put([Alert(key=key, title=title, at=now, amount=share * PICO // 200, limit=PICO // 2, **told)], now)
        outbox.enrol([chat, pager], "shop", now)
        for address in (chat, pager):
            claimed = outbox.claim(address.name, "shop", now=now, lease=now + 10**9, group=0, urgent_only=False)
            if claimed is not None and address is chat:
                outbox.delivered(address.name, claimed, now + 10**9)
            elif claimed is not None:
                due = now + 3_600 * 10**9
                outbox.undelivered(
                    address.name, claimed, trouble="HTTP 503 Service Unavailable", due=due, now=now + 10**9
                )
    ledger.alert(None, last + 7_200 * 10**9)


def _spike(ledger: Ledger) -> None:
    """Keep that answers became dearer in November: ten calls a day are too few for the watch to say so itself."""
    began = nanoseconds(BEGIN + timedelta(days=31))
    end = began + 3_600 * 10**9
    key = ("feature", "answer")
    incident = Incident(
        id="5e1f0a7c",
        series=[key, ("whole",)],
        driver="calls",
        opened=began,
        raised=began + 600 * 10**9,
        last=end,
        closed=end,
        score=0.71,
        days_known=31.0,
        excess={name_of(key): 0.0198, name_of(("whole",)): 0.0198},
        usual={name_of(key): Amount(0.0394, 0.0196, 6.0), name_of(("whole",)): Amount(0.0475, 0.0277, 9.0)},
    )
    body = msgspec.json.encode(Told(incident=incident, cause=find_cause(ledger, incident)))
    ledger.save_states({}, [], ledger.last_seq(), [(incident.id, began, end, body)], first=True)


def _call(
    prices: Prices,
    number: int,
    at: datetime,
    user: str,
    *,
    feature: str,
    provider: str,
    model: str,
    classes: dict[str, int | float],
    reasoning: int = 0,
) -> Call:
    usage = Usage(classes=classes, reasoning=reasoning)
    start = nanoseconds(at)
    end = start + 840_000_000
    api = {"openai": "openai.chat", "anthropic": "anthropic.messages"}[provider]
    return Call(
        id=_id(number),
        trace_id=_id(number) * 2,
        project="shop",
        feature=feature,
        path=f"serve/{feature}",
        tags={"user": user, "team": "support"},
        provider=provider,
        api=api,
        operation="chat",
        transport="httpx",
        host=f"api.{provider}.com",
        request_model=model,
        response_model=model,
        response_id=f"answer-{number}",
        request_id=f"request-{number}",
        start=start,
        end=end,
        status=200,
        finish_reasons=("stop",),
        usage=usage,
        cost=prices.cost(provider, (model,), usage, at=end),
    )


def _trouble(prices: Prices, number: int, at: int) -> list[Call]:
    """Return a failed attempt and its retry, a stream that was left, and a call that nobody has a price for."""
    second = 10**9
    plain: dict[str, Any] = {
        "trace_id": _id(number) * 2,
        "project": "shop",
        "feature": "answer",
        "path": "serve/answer",
        "provider": "openai",
        "api": "openai.chat",
        "operation": "chat",
        "transport": "httpx",
        "host": "api.openai.com",
        "request_model": "gpt-4o-mini",
        "tags": {"user": "u-99", "team": "support"},
    }
    late: dict[str, Any] = {"start": at + 60 * second, "end": at + 61 * second}
    left = Usage(
        classes={"input": 700, "output": 5},
        estimated=True,
        lower={"input": 175, "output": 2},
        upper={"input": 2800, "output": 400},
    )
    whole = Usage(classes={"input": 700, "output": 30})
    return [
        Call(**plain, **late, id=_id(number), outcome="error", status=429, error_type="429", cost=FREE),
        Call(
            **plain | {"start": at + 62 * second, "end": at + 63 * second},
            id=_id(number + 1),
            attempt=2,
            retry_of=_id(number),
            status=200,
            usage=whole,
            cost=prices.cost("openai", ("gpt-4o-mini",), whole, at=at),
        ),
        Call(
            **plain | {"start": at + 70 * second, "end": at + 71 * second},
            id=_id(number + 2),
            outcome="abandoned",
            streamed=True,
            status=200,
            usage=left,
            cost=prices.cost("openai", ("gpt-4o-mini",), left, at=at),
        ),
        Call(
            **plain
            | {"provider": "unknown", "host": "llm.corp.example", "request_model": "house-model-7b", "project": "lab"}
            | {"start": at + 80 * second, "end": at + 82 * second},
            id=_id(number + 3),
            status=200,
            usage=Usage(classes={"input": 1_000, "output": 100}),
        ),
    ]


def _coverage(calls: int, at: int) -> list[Coverage]:
    chat: dict[str, Any] = {"at": at, "method": "POST", "path": "/v1/chat/completions"}
    return [
        Coverage(**chat, provider="openai", host="api.openai.com", requests=calls, metered=calls),
        Coverage(**chat, provider="unknown", host="llm.corp.example", requests=1, metered=1),
        Coverage(
            at=at, provider="openai", host="api.openai.com", method="POST", path="/v1/videos", requests=2, metered=0
        ),
        Coverage(
            at=at,
            provider="openai",
            host="api.openai.com",
            method="GET",
            path="/v1/models",
            requests=5,
            metered=0,
            free=5,
        ),
    ]


def _id(number: int) -> str:
    """Return an id that looks like one: digits that differ from their first."""
    return f"{(number + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}"
