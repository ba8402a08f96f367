"""Applications that raise alerts, each a process: ``python -m tests.alerts.child MODE CHANNEL [ARGUMENT]``."""

from __future__ import annotations

import os
import signal
import sys
import time

import httpx2

import outlay
from outlay import app
from outlay.alerts.delivery import Delivery
from outlay.loopback import ModelHost
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


def spend_a_budget(channel: str) -> None:
    """Call a model until most of a small budget is spent, and come to an end."""
    budget = outlay.Budget("month", limit="0.000001", alerts=[50])
    given = {"project": "shop", "alert_channels": [channel], "alert_webhook_secret": SECRET, "budgets": [budget]}
    app.init(**given, hosts={"127.0.0.1": "openai"})
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    with ModelHost() as host, httpx2.Client() as client, outlay.track("answer"):
        for _ in range(3):
            client.post(f"{host.openai_url}/chat/completions", json=body).raise_for_status()


def main() -> None:
    """Do what the command line says."""
    assert Delivery.__init__.__kwdefaults__ is not None
    Delivery.__init__.__kwdefaults__["lease"] = SHORT
    globals()[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
