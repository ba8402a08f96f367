"""Incidents: alarms that belong together, from the first bad bucket until an hour of quiet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from outlay.spikes.board import Alarm
from outlay.spikes.series import Amount, Key, depth, name_of, related

BUCKET = 300 * 10**9
HOUR = 3_600 * 10**9
QUIET = 12
"""Buckets without an alarm after which an incident is over."""
ECHO = 60
"""Buckets after an incident in which it can still be a part of the evidence: the longest window."""
REPEAT = 6 * HOUR
"""Nanoseconds after which an incident that goes on is told of again."""
GROWN = 3
"""Times the excess last told that an incident must have grown to, to be told of again before that."""
GROWN_LEAST = 10**12
"""Pico-USD that it must have grown by."""
Happening = Literal["opened", "grown", "closed"]


class Incident(msgspec.Struct, kw_only=True):
    """One thing that went wrong: the series in which it shows, the most telling first."""

    id: str
    series: list[Key]
    driver: str
    """The channel that drives it."""
    opened: int
    """Nanoseconds since the epoch at which its first bad bucket began."""
    raised: int
    """When that was known."""
    last: int
    """End of its latest bad bucket."""
    closed: int | None = None
    score: float
    days_known: float
    excess: dict[str, float] = {}
    """USD over the usual so far, by series."""
    usual: dict[str, Amount] = {}
    """What was expected so far, by series."""
    told: int = 0
    """When it was last told of."""
    told_excess: int = 0
    """Pico-USD of excess that was told."""
    early: int = 0
    """The bucket that it was found in before that was over."""
    counted: dict[str, Amount] = {}
    """What of that bucket is counted, by series: it is replaced by the whole."""

    @property
    def subject(self) -> Key:
        """The series that it is about."""
        return self.series[0]

    @property
    def excess_pico(self) -> int:
        """Pico-USD over the usual so far."""
        return round(max(0.0, self.excess.get(name_of(self.subject), 0.0)) * 1e12)

    @property
    def rate(self) -> int:
        """Pico-USD an hour that it costs if it goes on as it did."""
        return self.excess_pico * HOUR // max(BUCKET, self.last - self.opened)

    def sees(self, alarm: Alarm) -> bool:
        """Return whether ``alarm`` can be a part of this: it is not of another feature."""
        features = list(filter(_is_of_feature, self.series))
        if not features or not _is_of_feature(alarm.key):
            return True
        return any(related(key, alarm.key) for key in features)

    def add(self, alarm: Alarm) -> None:
        """Take in an alarm."""
        name = name_of(alarm.key)
        if alarm.key not in self.series:
            self.series.append(alarm.key)
            self.excess[name], self.usual[name] = 0.0, Amount(0.0, 0.0, 0.0)
            self._count(name, alarm.amounts)
        if _is_of_feature(alarm.key) or not any(map(_is_of_feature, self.series)):
            self.last = alarm.until  # the whole is in alarm for other reasons too
        if alarm.score > self.score and alarm.key == self.subject:
            self.score, self.driver = alarm.score, alarm.driver
        self._order(alarm)

    def follow(self, amounts: Mapping[Key, Amount], fresh: Iterable[Key]) -> None:
        """Count the latest bucket of the series that it shows in, but for the ``fresh``, which were counted already."""
        seen = set(fresh)
        for key in self.series:
            if key in amounts and key not in seen:
                self._count(name_of(key), (amounts[key],))

    def uncount(self) -> None:
        """Take back what was counted of a bucket before it was over."""
        for name, (cost, usual, calls) in self.counted.items():
            self._count(name, (Amount(-cost, -usual, -calls),))
        self.counted = {}

    def _count(self, name: str, amounts: Iterable[Amount]) -> None:
        for amount in amounts:
            was = self.usual[name]
            self.usual[name] = Amount(*[one + other for one, other in zip(was, amount, strict=True)])
            self.excess[name] += amount.cost - amount.usual

    def _order(self, alarm: Alarm) -> None:
        """Put the series first that says most: the most specific one that carries half of the excess."""
        most = max(self.excess.values())
        telling = [key for key in self.series if self.excess[name_of(key)] >= 0.5 * most or most <= 0.0]
        first = max(telling, key=lambda key: (depth(key), self.excess[name_of(key)]))
        if first != self.subject:
            self.series.remove(first)
            self.series.insert(0, first)
            if first == alarm.key:
                self.driver, self.score = alarm.driver, alarm.score


class Event(NamedTuple):
    """What happened to an incident."""

    what: Happening
    incident: Incident


class Echo(NamedTuple):
    """What is left in a series of an incident that is over."""

    until: int
    """When it ended, or the alarm that it was a part of."""
    end: int
    """When no window can have it any more."""
    score: float = 0.0
    """The highest score of such an alarm: it falls slowly."""


class Incidents:
    """The incidents that are open."""

    def __init__(self, open_ones: Iterable[Incident] = (), echoes: Mapping[str, Echo] = {}) -> None:
        """Take up those that were open, and what was to be heard of those that were over."""
        self.open = list(open_ones)
        self.echoes = dict(echoes)
        """By series."""

    def take(self, slot: int, alarms: Iterable[Alarm], amounts: Mapping[Key, Amount]) -> list[Event]:
        """Take in the alarms of a bucket, and every series' cost in it; return what is to be told."""
        events: list[Event] = []
        fresh: dict[str, set[Key]] = {}
        # The specific first: what the whole says is a part of it.
        for alarm in sorted(alarms, key=lambda alarm: -depth(alarm.key)):
            incident = self._home(alarm)
            if incident is None:
                if self._echoes(alarm):
                    continue
                incident = _begin(alarm)
                self.open.append(incident)
                events.append(Event("opened", incident))
            known = set(incident.series)
            incident.add(alarm)
            fresh.setdefault(incident.id, set()).update(set(incident.series) - known)
        now = (slot + 1) * BUCKET
        self.echoes = {name: echo for name, echo in self.echoes.items() if now < echo.end}
        for incident in list(self.open):
            if now - incident.last >= QUIET * BUCKET:
                incident.closed = incident.last
                self.open.remove(incident)
                over = Echo(incident.last, incident.last + ECHO * BUCKET)
                self.echoes.update(dict.fromkeys(map(name_of, incident.series), over))
                events.append(Event("closed", incident))
            else:
                if incident.early == slot:
                    incident.uncount()
                incident.follow(amounts, fresh.get(incident.id, ()))
                if _is_news(incident, now):
                    events.append(Event("grown", incident))
        return events

    def hurry(self, alarms: Iterable[Alarm]) -> list[Event]:
        """Take in the alarms of minutes: they open incidents, and change none that are open."""
        events = []
        for alarm in sorted(alarms, key=lambda alarm: -depth(alarm.key)):
            slot, incident = (alarm.until - 1) // BUCKET, self._home(alarm)
            if incident is None:
                if self._echoes(alarm):
                    continue
                incident = _begin(alarm)
                incident.early = slot
                self.open.append(incident)
                events.append(Event("opened", incident))
            if incident.early == slot and incident.raised == alarm.until and alarm.key not in incident.series:
                incident.add(alarm)
                incident.counted[name_of(alarm.key)] = alarm.amounts[-1]
        return events

    def _echoes(self, alarm: Alarm) -> bool:
        """Return whether a part of an alarm's evidence is an incident that is over, and showed in this series."""
        name = name_of(alarm.key)
        echo = self.echoes.get(name)
        if echo is None or alarm.began > echo.until or (alarm.began == echo.until and alarm.score > echo.score):
            return False
        self.echoes[name] = Echo(max(echo.until, alarm.until), echo.end, max(echo.score, alarm.score))
        return True

    def _home(self, alarm: Alarm) -> Incident | None:
        """Return the incident that an alarm is a part of: of those that it can be of, the latest, then the dearest."""
        fitting = [incident for incident in self.open if incident.sees(alarm)]
        return max(fitting, key=lambda incident: (incident.last, incident.excess_pico), default=None)


def told(incident: Incident, now: int) -> None:
    """Note that an incident was told of."""
    incident.told, incident.told_excess = now, incident.excess_pico


def _is_of_feature(key: Key) -> bool:
    return key[0] in ("feature", "model")


def _is_news(incident: Incident, now: int) -> bool:
    if not incident.told:
        return False
    if now - incident.told >= REPEAT:
        return True
    grown = incident.excess_pico
    return (
        now - incident.told >= HOUR
        and grown >= GROWN * incident.told_excess
        and grown - incident.told_excess >= GROWN_LEAST
    )


def _begin(alarm: Alarm) -> Incident:
    digest = hashlib.sha256(f"{name_of(alarm.key)} {alarm.began}".encode()).hexdigest()
    return Incident(
        id=digest[:8],
        series=[],
        driver=alarm.driver,
        opened=alarm.began,
        raised=alarm.until,
        last=alarm.until,
        score=0.0,
        days_known=alarm.days_known,
    )
