"""A session for LangSmith's client, which tells nobody whether it could send: it tries thrice, logs, and goes on."""

from __future__ import annotations

import time
from typing import Any

import requests

from outlay.integration import Later, Refused
from outlay_integrations.exporters.answers import trouble

CONFLICT = 409
"""What LangSmith says where it has a run already."""


class Session(requests.Session):
    """A session that keeps what it is told to itself: the client sees success, and neither waits nor logs."""

    def begin(self, deadline: float) -> None:
        """Forget what was said; be done by ``deadline`` (``time.monotonic()``)."""
        self._deadline = deadline
        self._said: list[Refused | Later] = []
        self.conflict = False
        """Whether a place said that it has a run already."""

    def said(self) -> list[Refused | Later]:
        """Return what was wrong since ``begin``; the client may send to several places."""
        return self._said

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, within our time."""
        kwargs["timeout"] = max(self._deadline - time.monotonic(), 0.05)
        try:
            answer = super().request(method, url, *args, **kwargs)
        except requests.RequestException as error:
            self._said.append(Later(f"{type(error).__name__}: {error}"))
        else:
            wrong = trouble(answer)
            if answer.status_code == CONFLICT:
                self.conflict = True
            elif wrong is not None:
                self._said.append(wrong)
        success = requests.Response()
        success.status_code = 202
        return success
