"""Slack, Teams, mail, PagerDuty and a hundred more: whatever apprise has a URL for, loaded with the first message."""

from __future__ import annotations

import logging
import threading
from typing import Any, Self

from outlay.alerts.channel import Undelivered
from outlay.alerts.message import Message
from outlay.config.channels import Address
from outlay.errors import MissingExtra

_TYPES = {"info": "INFO", "warning": "WARNING", "critical": "FAILURE"}
"""Names in ``apprise.NotifyType``."""


class Service:
    """A channel of apprise's."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def send(self, message: Message) -> None:
        """Send in the richest form that the service takes; apprise has time-outs of its own (4 s a step)."""
        apprise = _loaded()
        with _Listening() as heard:
            plugin = self._plugin(apprise, heard)
            form = str(getattr(plugin.notify_format, "value", plugin.notify_format))
            body = {"html": message.html, "markdown": message.markdown}.get(form, message.text)
            done = plugin.notify(
                title=message.title,
                body=_cut(body, form, plugin.body_maxlen) or message.text,
                notify_type=getattr(apprise.NotifyType, _TYPES[message.severity]),
                body_format=plugin.notify_format,
            )
        if not done:
            raise Undelivered(self._said(heard) or "refused, and apprise does not say why")

    def _plugin(self, apprise: Any, heard: _Listening) -> Any:
        plugin = apprise.Apprise.instantiate(str(self._address.reveal()))
        if plugin is None:
            raise Undelivered(self._said(heard) or f"apprise can't read this {self._address.scheme}:// URL")
        return plugin

    def _said(self, heard: _Listening) -> str:
        """Return what apprise told its log, without the parts of the URL."""
        return self._address.redact("; ".join(heard.lines))[:300]


def _loaded() -> Any:
    try:
        import apprise
    except ImportError:
        raise MissingExtra("apprise is not installed: pip install 'outlay[alerts]'.") from None
    return apprise


class _Listening(logging.Filter):
    """Hear what apprise says on this thread, and keep it out of the application's log: it may quote the URL."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._thread = threading.get_ident()
        self._logger = logging.getLogger("apprise")

    def filter(self, record: logging.LogRecord) -> bool:
        """Take what was said here; leave what others say alone."""
        if record.thread != self._thread:
            return True
        if record.levelno >= logging.WARNING:
            self.lines.append(" ".join(record.getMessage().split()))
        return False

    def __enter__(self) -> Self:
        self._logger.addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeFilter(self)


def _cut(body: str, form: str, longest: int) -> str:
    """Return ``body`` if the service takes so much of it; what is too long is cut, HTML not: a tag may be open."""
    if not longest or len(body) <= longest:
        return body
    return "" if form == "html" else body[: longest - 1] + "…"
