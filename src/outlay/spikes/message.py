"""An incident or a guard's finding as an alert: what, how much, since when, who drives it, what to do."""

from __future__ import annotations

from datetime import UTC, datetime

from outlay.alerts.alert import Alert, Severity
from outlay.money import usd
from outlay.spikes.cause import Cause
from outlay.spikes.explanation import MEANINGS
from outlay.spikes.guards import Finding, Rule
from outlay.spikes.incidents import Event, Incident
from outlay.spikes.series import title_of

_DAY = 86_400 * 10**9

CHANNELS = {
    "calls": "the number of calls",
    "input": "tokens read per call",
    "output": "tokens written per call",
    "price": "dollars per token",
    "misses": "the share of the input that came from no cache",
    "latency": "seconds per call",
    "errors": "failed calls",
    "retries": "calls that try again",
}
"""What each channel measures."""
CRITICAL = 10 * 10**12
"""Pico-USD an hour beyond the usual from which on an alert is critical."""
FREE = ("latency", "errors", "retries")
"""Channels whose rise need not cost anything."""


def dollars(amount: int) -> str:
    """Write pico-USD for people: cents from a dollar up, two digits that count below."""
    value = usd(amount)
    if value == 0 or abs(value) >= 1:
        return f"${value:,.2f}"
    return f"${value:.{max(2, 1 - value.adjusted())}f}"


def moment(at: int) -> str:
    """Write a moment (ns since the epoch) in UTC."""
    return f"{datetime.fromtimestamp(at // 10**9, UTC):%Y-%m-%d %H:%M} UTC"


def alert_of(event: Event, cause: Cause | None, now: int, project: str = "") -> Alert:
    """Return the alert that tells of ``event``."""
    incident = event.incident
    return Alert(
        key=f"spike:{incident.id}:{event.what}:{incident.told if event.what == 'grown' else 0}",
        kind="spike",
        severity=_severity(event),
        project=project,
        at=now,
        since=incident.opened,
        subject=incident.id,
        title=_title(event, excess_of(incident, cause)),
        text=_text(event, cause),
        advice=f"Look: `outlay spikes show {incident.id}`; it is fine: `outlay spikes dismiss {incident.id}`.",
        amount=excess_of(incident, cause),
        drivers=() if cause is None else cause.carriers,
        facts={
            "event": event.what,
            "series": title_of(incident.subject),
            "channel": incident.driver,
            "usd_per_hour": f"{usd(incident.rate):f}",
            "score": round(incident.score, 3),
            **_parts_in_usd(cause),
        },
    )


def _parts_in_usd(cause: Cause | None) -> dict[str, str]:
    """Return what adds up to the alert's amount; nothing where less was spent than usual, and the amount is 0."""
    if cause is None or cause.explanation.difference < 0:
        return {}
    return {f"{name}_usd": f"{usd(part):f}" for name, part in _parts(cause)}


def _parts(cause: Cause) -> list[tuple[str, int]]:
    return [(name, part) for name, part in cause.explanation.parts.items() if part]


def _severity(event: Event) -> Severity:
    incident = event.incident
    if event.what == "closed":
        return "info"
    return "critical" if incident.rate >= CRITICAL else "warning"


def excess_of(incident: Incident, cause: Cause | None) -> int:
    """Return what the incident cost beyond the usual: what the parts of its explanation add up to."""
    return incident.excess_pico if cause is None else max(0, cause.explanation.difference)


def _title(event: Event, excess: int) -> str:
    incident = event.incident
    what, amount = title_of(incident.subject), dollars(excess)
    rise = f"{CHANNELS[incident.driver]} rose"
    if event.what == "closed":
        return f"{what}: over, {amount} beyond the usual"
    if incident.driver in FREE:
        return f"{what}: {rise} at {moment(incident.opened)}"
    return f"{what}: {amount} beyond the usual since {moment(incident.opened)}, {rise}"


def _text(event: Event, cause: Cause | None) -> str:
    incident = event.incident
    said = [f"First bad bucket: {moment(incident.opened)}."]
    if event.what == "closed":
        said.append(f"Last one: {moment(incident.last)}.")
    else:
        said.append(f"If it goes on: {dollars(incident.rate)} an hour beyond the usual.")
    if cause is not None:
        explanation = cause.explanation
        said.append(f"Cost {dollars(explanation.after)} where {dollars(explanation.before)} was expected:")
        parts = sorted(_parts(cause), key=lambda part: -abs(part[1]))
        said[-1] += " " + ", ".join(f"{MEANINGS[name]} {_signed(part)}" for name, part in parts) + "."
        if cause.carriers:
            said.append(
                "Carried by "
                + ", ".join(f"{d.dimension} {d.value} ({_signed(d.amount)})" for d in cause.carriers)
                + "."
            )
        if cause.marks:
            said.append("Shortly before: " + ", ".join(f"{name} at {moment(at)}" for at, name in cause.marks) + ".")
        if cause.examples:
            said.append(f"Examples: {', '.join(f'`outlay calls {call}`' for call in cause.examples)}.")
    if incident.days_known < 8:
        said.append(f"Judged by {incident.days_known:.1f} days of history: the day of the week is not known yet.")
    return " ".join(said)


def _signed(amount: int) -> str:
    return ("+" if amount > 0 else "-") + dollars(abs(amount))


_SEVERITIES: dict[Rule, Severity] = {"new_model": "info"}


def alert_of_finding(finding: Finding, now: int, project: str = "") -> Alert:
    """Return the alert that tells of what a guard found."""
    return Alert(
        key=finding.key,
        kind="spike",
        severity=_SEVERITIES.get(finding.rule, "warning"),
        project=project,
        at=now,
        since=finding.at,
        subject=finding.model if finding.rule == "new_model" else finding.call,
        title=sentence(finding),
        text=f"Feature {finding.feature or '(none)'}, {finding.site or 'in no function'}, {moment(finding.at)}.",
        advice=_ADVICE[finding.rule].format(call=finding.call, model=finding.model),
        amount=finding.amount,
        facts={"rule": finding.rule, "feature": finding.feature, "site": finding.site, "call": finding.call},
    )


_ADVICE: dict[Rule, str] = {
    "dear_call": "See what it read and wrote: `outlay calls {call}`.",
    "dear_run": "See its latest call: `outlay calls {call}`.",
    "loop": "See its latest call: `outlay calls {call}`.",
    "output_limit": "Raise the limit, or ask for less: answers that are cut off are paid for all the same.",
    "new_model": "See its latest call: `outlay calls {call}`.",
}


_LOOPS = {"request": "sent the same request", "tools": "was told to call the same tool with the same arguments"}


def sentence(finding: Finding) -> str:
    """Return what a guard has to say, in one line."""
    what = finding.feature or "(no feature)"
    amount = "" if finding.amount is None else dollars(finding.amount)
    usual = "" if finding.usual is None else f", {dollars(finding.usual)} is usual"
    return {
        "dear_call": f"{what}: one call cost {amount}{usual}",
        "dear_run": f"{what}: one run has cost {amount} in {finding.count} calls{usual}",
        "loop": f"{what}: one run {_LOOPS.get(finding.repeated, '')} {finding.count} times, {amount} so far",
        "output_limit": f"{what}: {finding.count} of the last 20 answers ended at the output limit",
        "new_model": f"{what} used {finding.model}, which it never did before",
    }[finding.rule]
