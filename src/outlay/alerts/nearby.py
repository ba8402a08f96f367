"""Channels that leave nobody's machine: the log, standard error, and a function of the application's own."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections.abc import Callable
from typing import Any

from outlay.alerts.message import Message

logger = logging.getLogger("outlay.alerts")

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}


class Log:
    """``log://``: the logger ``outlay.alerts``, one record an alert."""

    def send(self, message: Message) -> None:
        """Log each alert at the level of its severity; the record has it as ``alert``."""
        for alert in message.alerts:
            logger.log(_LEVELS[alert.severity], "%s", message.line(alert), extra={"alert": alert})


class Stderr:
    """``stderr://``: for programs that somebody watches."""

    def send(self, message: Message) -> None:
        """Print the message."""
        print(f"outlay: {message.title}\n{message.text}", file=sys.stderr, flush=True)  # noqa: T201 - what was asked for


class Function:
    """A function of the application's own, plain or async, that is called with each alert, on a thread of outlay's."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def send(self, message: Message) -> None:
        """Call it; what it raises means that the alert did not arrive, and it is called again later."""
        for alert in message.alerts:
            done = self._function(alert)
            if inspect.isawaitable(done):
                asyncio.run(_awaited(done))


async def _awaited(done: Any) -> None:
    await done
