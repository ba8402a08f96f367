"""Slack, Teams, mail, PagerDuty and a hundred more: whatever apprise has a URL for, loaded with the first message."""

from __future__ import annotations

import logging
from contextvars import ContextVar
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
        """Send in the richest form that the service takes; apprise has time-outs of its own for each step."""
        apprise = _loaded()
        with _Listening() as heard:
            plugin = self._plugin(apprise, heard)
            form = _form(plugin.notify_format)
            body = {"html": message.html, "markdown": message.markdown}.get(form, message.text)
            senders = apprise.Apprise()
            senders.add(plugin)
            done = senders.notify(
                title=message.title,
                body=_cut(body, form, plugin.body_maxlen) or message.text,
                notify_type=getattr(apprise.NotifyType, _TYPES[message.severity]),
                body_format=getattr(apprise.NotifyFormat, form.upper()),
            )
        if not done:
            raise Undelivered(self._said(heard) or "refused, and apprise does not say why")

    def _plugin(self, apprise: Any, heard: _Listening) -> Any:
        asset = apprise.AppriseAsset(async_mode=False)  # on this thread, and no pool of its own
        plugin = apprise.Apprise.instantiate(str(self._address.reveal()), asset=asset)
        if plugin is None:
            raise Undelivered(self._said(heard) or f"apprise can't read this {self._address.scheme}:// URL")
        return plugin

    def _said(self, heard: _Listening) -> str:
        """Return what apprise told its log, without the parts of the URL."""
        return self._address.redact("; ".join(heard.lines))


def _loaded() -> Any:
    try:
        import apprise
    except ImportError:
        raise MissingExtra("apprise is not installed: pip install 'outlay[alerts]'.") from None
    return apprise


_hearing: ContextVar[_Listening | None] = ContextVar("outlay_alerts_hearing", default=None)
_TALKING = ("apprise", "urllib3.connectionpool", "urllib3.util.retry")
"""Loggers that quote URLs, at one level or another."""


class _Listening(logging.Filter):
    """Hear what is said while a message is sent, and keep it out of the application's log: it may quote the URL.

    What is said belongs to the message by its context, which apprise carries into threads of its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Take what was said here; leave what others say alone."""
        if _hearing.get() is not self:
            return True
        if record.levelno >= logging.WARNING:
            self.lines.append(" ".join(record.getMessage().split()))
        return False

    def __enter__(self) -> Self:
        self._token = _hearing.set(self)
        for name in _TALKING:
            logging.getLogger(name).addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in _TALKING:
            logging.getLogger(name).removeFilter(self)
        _hearing.reset(self._token)


def _form(formats: Any) -> str:
    """Return the form to write in: what a service prefers, but Markdown where it takes that and prefers plain text.

    Who takes any form (JSON, XML) hands it on as it is: plain text is best there.
    """
    names = [str(getattr(one, "value", one)) for one in (formats if isinstance(formats, tuple) else (formats,))]
    return "markdown" if names[0] == "text" and "markdown" in names and "html" not in names else names[0]


def _cut(body: str, form: str, longest: int) -> str:
    """Return ``body`` if the service takes so much of it; what is too long is cut, HTML not: a tag may be open."""
    if not longest or len(body) <= longest:
        return body
    return "" if form == "html" else body[: longest - 1] + "…"
