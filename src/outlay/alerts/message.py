"""What people read: a few alerts as one message, plain, in Markdown and in HTML, and as JSON for programs."""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from outlay.alerts.alert import SEVERITIES, Alert, Driver
from outlay.money import usd, written

IN_FULL = 5
"""Alerts of a message that are written out; of those beyond it the title must do."""
DRIVERS = 6
LONGEST = 120
"""Characters of a name that somebody else has chosen, a user's id for instance."""


class Message(msgspec.Struct, frozen=True):
    """Alerts that go to one channel together."""

    id: str
    """The same for each try: by it a receiver knows a message that comes twice."""
    alerts: tuple[Alert, ...]
    zone: str = "UTC"
    """IANA zone that times are written in."""

    @property
    def severity(self) -> str:
        """The gravest of its alerts'."""
        return max((alert.severity for alert in self.alerts), key=SEVERITIES.index)

    @property
    def title(self) -> str:
        """One line: the alert's own, or how many there are and the gravest of them."""
        first = max(self.alerts, key=lambda alert: SEVERITIES.index(alert.severity))
        title = f"{first.project}: {first.title}" if first.project else first.title
        return _still(plain(title if len(self.alerts) == 1 else f"{len(self.alerts)} alerts; {title}", 250))

    @property
    def text(self) -> str:
        """All of it but the title, without markup."""
        return "\n\n".join("\n".join(block) for block in self._blocks(_TEXT))

    @property
    def markdown(self) -> str:
        """The same in Markdown that chats agree on: bold, code, lines."""
        return "\n\n".join("\n".join(block) for block in self._blocks(_MARKDOWN))

    @property
    def html(self) -> str:
        """The same in HTML, for mail."""
        return "".join(f"<p>{'<br>'.join(block)}</p>" for block in self._blocks(_HTML))

    def line(self, alert: Alert) -> str:
        """Return an alert on one line, for a log."""
        return " | ".join(self._one(alert, _TEXT, several=True))

    def json(self) -> bytes:
        """Return what a program reads: amounts are decimal strings in USD, times are ISO 8601 in UTC."""
        body = {
            "type": "outlay.alerts",
            "id": self.id,
            "timestamp": _iso(max(alert.at for alert in self.alerts)),
            "data": {"alerts": [as_data(alert) for alert in self.alerts]},
        }
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    def _blocks(self, form: _Form) -> Iterator[list[str]]:
        several = len(self.alerts) > 1
        for alert in self.alerts[:IN_FULL]:
            yield list(self._one(alert, form, several=several))
        rest = self.alerts[IN_FULL:]
        if rest:
            yield [
                f"And {len(rest)} more (see {form.name('outlay alerts')}):",
                *(form.bullet + form.prose(plain(alert.title)) for alert in rest),
            ]

    def _one(self, alert: Alert, form: _Form, *, several: bool) -> Iterator[str]:
        if several:
            of = f"{alert.project}: " if alert.project else ""
            yield form.strong(plain(f"[{alert.severity}] {of}{alert.title}", 250))
        if alert.text:
            yield form.prose(plain(alert.text, 2000))
        amount = _amount(alert)
        since = f"since {self._when(alert.since)}" if alert.since is not None else f"at {self._when(alert.at)}"
        yield form.prose(f"{amount}, {since}." if amount else f"{since[0].upper()}{since[1:]}.")
        if alert.drivers:
            yield form.prose("Driven by:")
            yield from (
                f"{form.bullet}{form.prose(plain(driver.dimension))} {form.name(plain(driver.value) or '(none)')}: "
                f"{form.prose(_share(driver, alert))}"
                for driver in alert.drivers[:DRIVERS]
            )
        if alert.advice:
            yield f"{form.strong('What to do:')} {form.prose(plain(alert.advice, 500))}"

    def _when(self, at: int) -> str:
        moment = datetime.fromtimestamp(at // 10**9, ZoneInfo(self.zone))
        return f"{moment:%Y-%m-%d %H:%M} {moment.tzname()}"


def as_data(alert: Alert) -> dict[str, Any]:
    """Return an alert for programs."""
    return {
        "key": alert.key,
        "kind": alert.kind,
        "severity": alert.severity,
        "project": alert.project,
        "at": _iso(alert.at),
        "since": None if alert.since is None else _iso(alert.since),
        "subject": alert.subject,
        "title": alert.title,
        "text": alert.text,
        "advice": alert.advice,
        "amount_usd": _usd(alert.amount),
        "limit_usd": _usd(alert.limit),
        "drivers": [
            {"dimension": driver.dimension, "value": driver.value, "amount_usd": _usd(driver.amount)}
            for driver in alert.drivers
        ],
        "facts": alert.facts,
    }


def _usd(amount: int | None) -> str | None:
    return None if amount is None else f"{usd(amount):f}"


def _iso(at: int) -> str:
    seconds, rest = divmod(at, 10**9)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000).isoformat()


def _amount(alert: Alert) -> str:
    if alert.amount is None:
        return ""
    spent = written(usd(alert.amount))
    if not alert.limit:
        return spent
    return f"{spent} of {written(usd(alert.limit))} ({100 * alert.amount / alert.limit:.0f} %)"


def _share(driver: Driver, alert: Alert) -> str:
    spent = written(usd(driver.amount))
    return f"{spent} ({100 * driver.amount / alert.amount:.0f} %)" if alert.amount else spent


def plain(text: str, longest: int = LONGEST) -> str:
    """Return ``text`` on one line, without what could steer a terminal or be a line of its own, and not too long."""
    kept = "".join(" " if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") else letter for letter in text)
    short = " ".join(kept.split())
    return short if len(short) <= longest else short[: longest - 1].rstrip() + "…"


def _still(text: str) -> str:
    """Return ``text`` of which no chat makes markup, a mention or a link: end users choose some names."""
    return text.translate({ord("*"): "∗", ord("<"): "‹", ord(">"): "›", ord("@"): "＠"})  # noqa: RUF001 - meant to look alike


class _Form(NamedTuple):
    """How text is marked up."""

    strong: Callable[[str], str]
    name: Callable[[str], str]
    prose: Callable[[str], str]
    bullet: str


_TEXT = _Form(str, str, str, "  ")
_MARKDOWN = _Form(
    strong=lambda text: f"**{_still(text).replace('`', chr(39))}**",
    name=lambda text: f"`{_still(text).replace('`', chr(39))}`",
    prose=_still,
    bullet="- ",
)
_HTML = _Form(
    strong=lambda text: f"<b>{html.escape(text)}</b>", name=html.escape, prose=html.escape, bullet="&nbsp;&nbsp;"
)
