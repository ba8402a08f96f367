"""``webhook+https://…``: JSON, signed as Standard Webhooks 1.0 has it: receivers find a library that checks it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http
import http.client
import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from outlay.alerts.channel import Undelivered
from outlay.alerts.message import Message
from outlay.config.channels import Secret

TIMEOUT = 10.0
"""Seconds that the receiver may take for each step."""


class Webhook:
    """A receiver of one's own: 2xx means that it has the message, whatever else that it has not."""

    def __init__(self, url: str, secret: Secret) -> None:
        parts = urlsplit(url)
        self._user, _, host = parts.netloc.rpartition("@")
        self._url = parts._replace(netloc=host).geturl()
        self._secret = secret

    def send(self, message: Message) -> None:
        """Post the message; a repetition has the same body and the same id, and a signature of its own time."""
        body = message.json()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "outlay",
            "Idempotency-Key": message.id,
            **signed(message.id, int(time.time()), body, self._secret.reveal()),
        }
        if self._user:
            headers["Authorization"] = "Basic " + base64.b64encode(unquote(self._user).encode()).decode()
        request = urllib.request.Request(self._url, body, headers, method="POST")  # noqa: S310 - the scheme was checked
        opener = urllib.request.build_opener(_Still)
        try:
            with opener.open(request, timeout=TIMEOUT):
                return
        except urllib.error.HTTPError as error:
            with error:
                raise Undelivered(_status(error.code), _retry_after(error.headers.get("Retry-After"))) from None
        except urllib.error.URLError as error:
            raise Undelivered(_reason(error.reason)) from None
        except (OSError, http.client.HTTPException) as error:
            raise Undelivered(_reason(error)) from None


def signed(message: str, timestamp: int, body: bytes, secret: str) -> dict[str, str]:
    """Return the headers that prove who sent ``body``, and when (seconds since the epoch)."""
    content = f"{message}.{timestamp}.".encode() + body
    digest = hmac.new(key(secret), content, hashlib.sha256).digest()
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def key(secret: str) -> bytes:
    """Return the key that a secret stands for: what is encoded behind ``whsec_``, or else its own bytes."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()


class _Still(urllib.request.HTTPRedirectHandler):
    """Follow nobody: a redirected POST would come without its body, or take the message somewhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Make the redirect an error."""
        return


def _status(code: int) -> str:
    try:
        return f"HTTP {code} {http.HTTPStatus(code).phrase}"
    except ValueError:
        return f"HTTP {code}"


def _reason(error: object) -> str:
    """Return what went wrong, in the system's words: no part of the URL is in them."""
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT:g} s"
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    return type(error).__name__


def _retry_after(text: str | None) -> float | None:
    """Return the seconds that a receiver asks to wait for: it names them, or a date."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
