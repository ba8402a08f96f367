"""What wakes people up: one type of alert, and its way to them.

Whoever finds something out makes an ``Alert`` and gives it to a ``Sink``; it need not care for the rest. The alert is
in the spool when ``put`` returns, then in the ledger, once for each key; from there it is delivered to every channel.
"""

from outlay.alerts.alert import SEVERITIES, Alert, Driver, Kind, Severity
from outlay.alerts.sink import Sink, herald, raised

__all__ = ["SEVERITIES", "Alert", "Driver", "Kind", "Severity", "Sink", "herald", "raised"]
