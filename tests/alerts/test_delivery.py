"""Alerts arrive: once where the channel works, later where it does not, and never not at all."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.alerts import Alert, line
from outlay.alerts.delivery import FIRST_WAIT, LONGEST_WAIT, wait
from outlay.ledger.ledger import Ledger
from tests.alerts.receivers import Answer, Post, Request, Web
from tests.alerts.samples import DAY, HOUR, MINUTE, NOON, SECOND, Desk, alert


def hook(web: Web) -> str:
    """Return the channel that leads to ``web``."""
    return f"webhook+http://{web.host}/hook"


def ids(requests: list[Request]) -> list[str]:
    """Return the idempotency key of each request."""
    return [request.headers["idempotency-key"] for request in requests]


def keys(request: Request) -> list[str]:
    """Return the keys of the alerts in a request."""
    return [one["key"] for one in json.loads(request.body)["data"]["alerts"]]


def sending(before: list[threading.Thread]) -> list[str]:
    """Return the threads of outlay's that were not there before."""
    return [thread.name for thread in threading.enumerate() if thread not in before and "outlay" in thread.name]


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something holds that other threads bring about."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_an_alert_goes_to_every_channel_once(ledger: Ledger, web: Web) -> None:
    """And the history says when."""
    seen: list[Alert] = []
    desk = Desk(ledger, hook(web), seen.append)
    one = alert()
    desk.put(one)
    desk.step()
    desk.step(HOUR)
    assert [keys(request) for request in web.requests] == [[one.key]]
    assert seen == [one]
    assert desk.states == [("sent", ""), ("sent", "")]


def test_a_key_is_one_alert_in_each_project(ledger: Ledger) -> None:
    """Whoever finds it out again, in whatever process: the first word counts."""
    seen: list[Alert] = []
    desk = Desk(ledger, seen.append)
    desk.put(alert(key="k", title="first"), alert(key="k", title="second"), alert(key="k", project="", title="of all"))
    desk.step()
    assert [one.title for one in seen] == ["first", "of all"]


def test_a_process_tells_of_its_own_project_alone(ledger: Ledger) -> None:
    """Several applications of one person share a ledger, and not their channels."""
    seen: list[Alert] = []
    desk = Desk(ledger, seen.append, project="other")
    desk.put(alert())
    desk.step()
    assert (seen, desk.states) == ([], [])


def test_a_channel_can_be_for_the_critical_alone(ledger: Ledger, web: Web) -> None:
    """A severity before the URL is the least that it is told of."""
    desk = Desk(ledger, f"critical {hook(web)}")
    grave = alert(severity="critical")
    desk.put(alert(), grave, alert(severity="info"))
    desk.step()
    assert [keys(request) for request in web.requests] == [[grave.key]]


def test_alerts_of_one_moment_are_one_message_and_those_that_follow_another(ledger: Ledger, web: Web) -> None:
    """The first is not kept waiting, and a storm is two messages."""
    desk = Desk(ledger, hook(web), alert_group_seconds=60)
    first, second, third, fourth = (alert() for _ in range(4))
    desk.put(first, second)
    desk.step()
    for late in (third, fourth):
        desk.put(late)
        desk.step(20 * SECOND)
    assert [keys(request) for request in web.requests] == [[first.key, second.key]]
    desk.step(21 * SECOND)
    assert [keys(request) for request in web.requests] == [[first.key, second.key], [third.key, fourth.key]]


def test_a_critical_alert_takes_those_that_wait_along(ledger: Ledger, web: Web) -> None:
    """Nothing that matters at once waits for company."""
    desk = Desk(ledger, hook(web), alert_group_seconds=600)
    desk.put(alert())
    desk.step()
    plain, grave = alert(), alert(severity="critical")
    desk.put(plain, grave)
    desk.step(SECOND)
    assert keys(web.requests[1]) == [plain.key, grave.key]


def test_quiet_hours_hold_back_all_but_the_critical(ledger: Ledger, web: Web) -> None:
    """What was held comes in the morning, as one message; clocks went back that night."""
    night = 1_761_440_400 * SECOND  # 2025-10-26 01:00 UTC: the second 02:00 of Berlin
    desk = Desk(ledger, hook(web), alert_quiet_hours="22:00-07:00 Europe/Berlin")
    desk.now = night
    held, also, grave = alert(), alert(), alert(severity="critical")
    desk.put(held, also)
    desk.step()
    desk.put(grave)
    desk.step(MINUTE)
    desk.step(5 * HOUR - 2 * MINUTE)  # 06:59 in Berlin
    assert [keys(request) for request in web.requests] == [[grave.key]]
    desk.step(MINUTE)
    assert [keys(request) for request in web.requests[1:]] == [[held.key, also.key]]


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (Answer(500), "HTTP 500 Internal Server Error"),
        (Answer(429), "HTTP 429 Too Many Requests"),
        (Answer(404), "HTTP 404 Not Found"),
        (Answer(302, {"Location": "http://elsewhere.example/"}), "HTTP 302 Found"),
        (Answer(599), "HTTP 599"),
    ],
)
def test_what_is_refused_is_sent_again_under_the_same_id(
    ledger: Ledger, web: Web, answer: Answer, trouble: str
) -> None:
    """With the same body; the history says why it took two tries while it does."""
    web.answers = [answer]
    desk = Desk(ledger, hook(web))
    desk.put(alert())
    desk.step()
    assert desk.states == [("waiting", trouble)]
    desk.step(4 * SECOND)
    assert len(web.requests) == 1
    desk.step(SECOND)
    assert desk.states == [("sent", "")]
    assert len(set(ids(web.requests))) == 1
    assert len({request.body for request in web.requests}) == 1


@pytest.mark.parametrize("said", ["120", "date"])
def test_a_receiver_says_when_to_come_again(ledger: Ledger, web: Web, said: str) -> None:
    """Retry-After, in seconds or as a date, counts where it is longer than the wait of ours."""
    web.answers = [Answer(429, {"Retry-After": formatdate(time.time() + 121, usegmt=True) if said == "date" else said})]
    desk = Desk(ledger, hook(web))
    desk.put(alert())
    desk.step()
    desk.step(118 * SECOND)
    assert len(web.requests) == 1
    desk.step(4 * SECOND)
    assert len(web.requests) == 2


def test_a_channel_that_is_down_loses_nothing(ledger: Ledger, web: Web) -> None:
    """Its alerts wait, and come together when it is back; the other channels do not wait for it."""
    seen: list[Alert] = []
    dead = hook(web)
    web.close()
    desk = Desk(ledger, dead, seen.append, alert_group_seconds=0)
    alerts = [alert() for _ in range(20)]
    for one in alerts:
        desk.put(one)
        desk.step(MINUTE)
    assert seen == alerts
    silence = ledger.silences()[0]
    assert silence.channel.startswith("webhook+http://127.0.0.1:")
    assert "connection refused" in silence.trouble
    back = Web()
    try:
        desk = Desk(ledger, dead.replace(web.host, back.host), seen.append)  # it has moved: alerts wait for the old one
        desk.now = NOON + HOUR
        desk.step()
    finally:
        back.close()
    assert len(back.requests) == 0, "they were told to somebody already: a new channel does not get them"
    assert len(seen) == 20


def test_a_channel_that_comes_back_gets_all_that_waited(ledger: Ledger, web: Web) -> None:
    """In few messages: those that were tried before it, and the rest as one."""
    web.answers = [Answer(503)] * 4
    desk = Desk(ledger, hook(web))
    alerts = [alert() for _ in range(30)]
    for one in alerts:
        desk.put(one)
        desk.step(20 * SECOND)
    for _ in range(10):
        desk.step(10 * MINUTE)
    delivered = [key for request in web.requests[4:] for key in keys(request)]
    assert sorted(delivered) == sorted(one.key for one in alerts)
    assert len(web.requests) < 20
    assert ledger.silences() == []


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise imports it
def test_mail_comes_when_its_server_is_back(ledger: Ledger, post: tuple[Post, str]) -> None:
    """Through apprise and SMTP; what was refused is one mail in the end."""
    box, host = post
    box.refuse = True
    desk = Desk(ledger, f"mailto://{host}?from=outlay@shop.example&to=oncall@shop.example")
    desk.put(alert(title="first"), alert(title="second"))
    desk.step()
    ((state, trouble), _) = desk.states
    assert state == "waiting"
    assert "shop.example" not in trouble
    box.refuse = False
    desk.step(MINUTE)
    assert desk.states == [("sent", "")] * 2
    assert [str(mail["Subject"]) for mail in box.mails] == ["2 alerts; shop: first"]


def test_one_message_that_a_receiver_never_takes_does_not_hold_up_others(ledger: Ledger) -> None:
    """It is tried again for a week, and then left to the history."""
    taken: list[str] = []

    def particular(one: Alert) -> None:
        if one.title == "poison":
            raise ValueError(one.title)
        taken.append(one.key)

    desk = Desk(ledger, particular, alert_group_seconds=0)
    desk.put(alert(title="poison"))
    desk.step()
    others = [alert() for _ in range(5)]
    for one in others:
        desk.put(one)
        desk.step(10 * MINUTE)
    assert taken == [one.key for one in others]
    desk.step(8 * DAY)
    assert desk.states[0] == ("failed", "ValueError: poison")
    desk.step(DAY)
    assert len(ledger.told(undelivered=True)) == 1


def test_who_is_new_is_told_what_nobody_was_told(ledger: Ledger) -> None:
    """The alerts of the last day: they were raised before the channel, or it takes the place of one that was dead."""
    seen: list[Alert] = []
    desk = Desk(ledger, seen.append)
    old, young = alert(), alert()
    ledger.put([old], NOON - 2 * DAY)
    ledger.put([young], NOON - HOUR)
    desk.step()
    assert seen == [young]


def test_a_lease_that_ran_out_is_taken_up_under_the_same_id(ledger: Ledger, web: Web) -> None:
    """Whoever was killed between sending and noting it down: the receiver gets it again, and can tell."""
    desk = Desk(ledger, hook(web))
    desk.put(alert())
    desk.delivery.step(desk.outbox, NOON)
    desk.delivery.wait(20)  # it has arrived, and nobody notes it down
    other = Desk(ledger, hook(web))
    other.step(59 * SECOND)
    assert len(web.requests) == 1, "it is leased still"
    other.step(SECOND)
    assert len(web.requests) == 2
    assert len(set(ids(web.requests))) == 1
    assert web.requests[0].body == web.requests[1].body
    assert other.states == [("sent", "")]


def test_who_lost_its_lease_does_not_undo_what_the_next_one_does(ledger: Ledger) -> None:
    """A failure that is noted down too late frees nothing, and its trouble is not the last word."""
    free = threading.Event()
    seen: list[Alert] = []

    def slow(one: Alert) -> None:
        seen.append(one)
        if len(seen) == 1:
            free.wait(20)
            raise ValueError("too late")
        free.wait(20)

    first, second = Desk(ledger, slow), Desk(ledger, slow)
    first.put(alert())
    first.delivery.step(first.outbox, NOON)
    until(lambda: len(seen) == 1)
    second.delivery.step(second.outbox, NOON + MINUTE)
    until(lambda: len(seen) == 2)
    free.set()
    first.delivery.wait(20)
    first.delivery.step(first.outbox, NOON + MINUTE)
    assert second.states == [("waiting", "")]
    second.step(MINUTE)
    assert second.states == [("sent", "")]


def test_a_channel_that_is_down_is_not_asked_for_each_new_alert(ledger: Ledger, web: Web) -> None:
    """It is asked when its time has come, less often each time."""
    web.answers = [Answer(503)] * 100
    desk = Desk(ledger, hook(web), alert_group_seconds=0)
    for _ in range(30):
        desk.put(alert())
        desk.step(SECOND)
    assert len(web.requests) <= 4


def test_two_deliveries_over_one_ledger_send_each_alert_once(tmp_path: Path, web: Web) -> None:
    """Whoever claims it first; 100 alerts, two ledgers open at once."""
    with Ledger.open(tmp_path / "ledger.db") as first, Ledger.open(tmp_path / "ledger.db") as second:
        desks = [Desk(ledger, hook(web), lease=HOUR, alert_group_seconds=0) for ledger in (first, second)]
        alerts = [alert() for _ in range(100)]
        for number, one in enumerate(alerts):
            desks[number % 2].put(one)
            for desk in desks:
                desk.now = NOON + number * SECOND
                desk.delivery.step(desk.outbox, desk.now)
        for _ in range(3):
            for desk in desks:
                desk.step(SECOND)
    told = [key for request in web.requests for key in keys(request)]
    assert sorted(told) == sorted(one.key for one in alerts)


def test_a_channel_that_hangs_holds_up_neither_the_others_nor_the_caller(ledger: Ledger) -> None:
    """It counts as failed when its time is up, is not asked again while it hangs, and may still come through."""
    free, before = threading.Event(), threading.enumerate()
    seen: list[Alert] = []

    def hangs(_: Alert) -> None:
        free.wait(20)

    desk = Desk(ledger, hangs, seen.append, patience=SECOND // 5)
    desk.put(alert())
    began = time.monotonic()
    desk.delivery.step(desk.outbox, NOON)
    assert time.monotonic() - began < 5, "whoever hands over the message does not wait for it"
    desk.delivery.wait(0.5)
    desk.delivery.step(desk.outbox, NOON)
    states = dict(
        one for told in ledger.told() for one in [(d.channel.rsplit(".", 1)[1], d.trouble) for d in told.deliveries]
    )
    assert states["hangs"] == "no answer within 0.2 s"
    desk.put(alert())
    for _ in range(3):
        desk.now += HOUR
        desk.delivery.step(desk.outbox, desk.now)
    assert len([name for name in sending(before) if "hangs" in name]) == 1, "one thread, however long it hangs"
    free.set()
    desk.step()
    assert {state for state, _ in desk.states[:2]} == {"sent"}


def test_no_thread_exists_for_what_is_not_being_sent(ledger: Ledger, web: Web) -> None:
    """Not before the first alert, and not after the last."""
    before = threading.enumerate()
    desk = Desk(ledger, hook(web))
    desk.step()
    desk.put(alert())
    desk.step()
    assert sending(before) == []
    assert len(web.requests) == 1


def test_a_thread_that_stands_by_in_vain_goes_away(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each channel, however many alerts are raised meanwhile; whoever comes too late gets a new one."""
    monkeypatch.setattr(line, "STAND_BY", 0.05)
    seen: list[Alert] = []
    desk = Desk(ledger, seen.append)
    before = threading.enumerate()
    for _ in range(3):
        desk.delivery.stand_by()
    assert len(sending(before)) <= 1
    until(lambda: sending(before) == [])
    desk.put(alert())
    desk.step()
    assert len(seen) == 1


def test_a_thread_that_stands_by_takes_the_message(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an interpreter that ends starts no other: Python 3.12."""
    names: list[str] = []
    desk = Desk(ledger, lambda _: names.append(threading.current_thread().name))
    desk.put(alert(), alert())
    desk.delivery.stand_by()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    desk.step()
    assert [name.partition(":")[0] for name in names] == ["outlay alerts python"] * 2
    desk.put(alert())
    desk.step(HOUR)
    assert desk.states[-1] == ("waiting", "the process was ending")
    monkeypatch.undo()
    desk.step()
    assert desk.states[-1] == ("sent", "")


def refuse(_: threading.Thread) -> None:
    """Do what an interpreter does that is ending."""
    raise RuntimeError("can't create new thread at interpreter shutdown")


def test_who_forks_leaves_what_it_sends_to_the_parent(ledger: Ledger) -> None:
    """The child begins with nothing in hand."""
    free = threading.Event()
    desk = Desk(ledger, lambda _: free.wait(20))
    desk.put(alert())
    desk.delivery.step(desk.outbox, NOON)
    desk.delivery.forked()
    assert desk.delivery.step(desk.outbox, NOON) is False
    free.set()


@given(st.integers(1, 60), st.floats(0, 1), st.none() | st.floats(0, 10**7))
def test_waits_grow_to_an_hour_and_never_undercut_the_receiver(attempts: int, luck: float, asked: float | None) -> None:
    """Half of the doubled wait at least, an hour at most; what the receiver asks for up to a day."""
    found = wait(attempts, asked, lambda: luck)
    assert found >= min(FIRST_WAIT * 2 ** (attempts - 1), LONGEST_WAIT) / 2
    assert found <= max(LONGEST_WAIT, min(asked or 0, 86_400))
    assert found >= min(asked or 0, 86_400)


def test_a_function_may_be_async(ledger: Ledger) -> None:
    """It is awaited on the thread that sends."""
    seen: list[Any] = []

    async def told(one: Alert) -> None:
        seen.append((one.key, threading.current_thread().name.partition(":")[0]))

    desk = Desk(ledger, told)
    one = alert()
    desk.put(one)
    desk.step()
    assert seen == [(one.key, "outlay alerts python")]
