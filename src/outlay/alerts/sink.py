"""Where alerts are put by whoever raises them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from outlay.alerts.alert import Alert
from outlay.config import Settings
from outlay.records import Raised

if TYPE_CHECKING:
    from outlay.alerts.delivery import Delivery


class Sink(Protocol):
    """Takes alerts; ``outlay.app.Outlay`` is one, and so is whatever a test keeps them in."""

    def put(self, alert: Alert) -> None:
        """Take an alert, from any thread: one write to the spool, no lock and no network.

        It survives the process. A second one with the same project and key is none.
        """


def raised(alert: Alert) -> Raised:
    """Return an alert as a record of the spool."""
    try:
        text = msgspec.json.encode(alert)
    except UnicodeEncodeError:  # a tag of the user's holds half a character
        text = msgspec.json.encode(_clean(msgspec.to_builtins(alert)))
    return Raised(at=alert.at, alert=msgspec.Raw(text))


def herald(settings: Settings, project: str) -> Delivery | None:
    """Return what brings the alerts of ``project`` to people; None, and nothing loaded, where no channel is set."""
    if not settings.alert_channels:
        return None
    from outlay.alerts.delivery import Delivery

    return Delivery(settings, project)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_clean(name): _clean(held) for name, held in value.items()}
    return [_clean(held) for held in value] if isinstance(value, list) else value
