"""The way of content as log events: they go after the spans, and a receiver without logs holds no span up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from outlay.integration import Batch, Later, Refused
from outlay_integrations.exporters.otlp.events import events
from outlay_integrations.exporters.otlp.transport import NoRoute, Transport

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

logger = logging.getLogger("outlay")


class Details:
    """A receiver of log events."""

    def __init__(self, transport: Transport, resource: Resource) -> None:
        self._transport = transport
        self._resource = resource
        self._dropped = False

    def send(self, batch: Batch, timeout: float) -> Later | None:
        """Send what was said in the calls of the batch; return what is wrong, if that may pass."""
        made = events(batch.calls, batch.content, self._resource)
        result = self._transport.send(made, timeout) if made else None
        if isinstance(result, (Refused, NoRoute)):
            if not self._dropped:
                logger.warning("outlay's receiver of OTLP takes no content as log events: %s", result.reason)
            self._dropped = True
            return None
        return result if isinstance(result, Later) else None

    def shutdown(self) -> None:
        """Close the connections."""
        self._transport.shutdown()
