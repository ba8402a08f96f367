"""What a channel is: something that a message can be sent by, and that says why where it can't."""

from __future__ import annotations

from typing import Protocol

from outlay.alerts.message import Message
from outlay.config.channels import Address, Secret


class Undelivered(Exception):
    """A message did not arrive, or nobody can say that it did."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        """Say why, in a few words without a secret, and in how many seconds to come again if the receiver said so."""
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Channel(Protocol):
    """A way to people."""

    def send(self, message: Message) -> None:
        """Return when the message has arrived; raise ``Undelivered`` where it has not. May take its time."""


def opened(address: Address, secret: Secret | None) -> Channel:
    """Return the channel of an address; nothing is sent and no library of its kind loaded yet."""
    target = address.reveal()
    if not isinstance(target, str):
        from outlay.alerts.nearby import Function

        return Function(target)
    if address.scheme in ("log", "stderr"):
        from outlay.alerts.nearby import Log, Stderr

        return Log() if address.scheme == "log" else Stderr()
    if address.scheme.startswith("webhook+"):
        from outlay.alerts.webhook import Webhook

        return Webhook(target.removeprefix("webhook+"), secret or Secret(""))
    from outlay.alerts.services import Service

    return Service(address)
