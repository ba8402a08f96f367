"""Where alerts go when nobody has named a place for them: to the log, in one line."""

from __future__ import annotations

from outlay.alerts.alert import Alert
from outlay.guard import logger


def say(alert: Alert) -> None:
    """Log ``alert``: its title, and what to do."""
    if alert.severity == "info":
        logger.info("%s. %s", alert.title, alert.advice)
    else:
        logger.warning("%s. %s", alert.title, alert.advice)
