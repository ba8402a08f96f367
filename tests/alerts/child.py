"""Applications that raise alerts, each a process: ``python -m tests.alerts.child MODE CHANNEL [ARGUMENT]``."""

from __future__ import annotations

import os
import signal
import sys
import time

import outlay
from outlay import app
from outlay.alerts.delivery import Delivery
from tests.alerts.samples import SECRET, alert

SHORT = 2 * 10**9
"""A lease that a test can wait for."""


def start(channel: str) -> app.Outlay:
    """Start outlay with one channel."""
    made = app.init(project="shop", alert_channels=[channel], alert_webhook_secret=SECRET, alert_group_seconds=0)
    assert made is not None
    return made


def raise_alerts(channel: str, number: str) -> None:
    """Raise alerts with numbered keys, as another process does at the same time; leave when none of them waits."""
    shop = start(channel)
    for one in range(int(number)):
        shop.put(alert(key=f"shared {one}"))
        time.sleep(0.005)
    time.sleep(1.5)


def raise_and_leave(channel: str) -> None:
    """Raise an alert and come to an end."""
    start(channel).put(alert(key="last words"))


def raise_one_after_another(channel: str) -> None:
    """Raise two alerts, well apart, and vanish without an end."""
    shop = start(channel)
    shop.put(alert(key="first"))
    time.sleep(1.5)
    shop.put(alert(key="second"))
    time.sleep(1.5)
    os._exit(0)


def raise_and_die(channel: str) -> None:
    """Raise an alert and be killed before anything else happens."""
    shop = start(channel)
    shop.worker.hurry = lambda: None  # type: ignore[method-assign]  # the worker has had no time
    shop.put(alert(key="last words"))
    os.kill(os.getpid(), signal.SIGKILL)


def raise_and_wait(channel: str) -> None:
    """Raise an alert and wait for what becomes of it; the receiver knows the process by its output."""
    shop = start(channel)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    shop.put(alert(key="the one"))
    time.sleep(60)


def live(channel: str, seconds: str) -> None:
    """Live for a while, and raise nothing."""
    start(channel).worker.wake()
    time.sleep(float(seconds))


def call_the_unknown(channel: str) -> None:
    """Tell of a call that nobody has a price for, and of one that somebody has."""
    start(channel)
    with outlay.track("summarise"):
        outlay.record(provider="openai", model="gpt-99-imaginary", input_tokens=1000, output_tokens=100)
        outlay.record(provider="openai", model="gpt-4o", input_tokens=1000)


def main() -> None:
    """Do what the command line says."""
    assert Delivery.__init__.__kwdefaults__ is not None
    Delivery.__init__.__kwdefaults__["lease"] = SHORT
    globals()[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
