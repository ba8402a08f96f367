"""Tags from requests, and spans across processes: ``ASGI``, ``WSGI``, ``celery.install``, ``pack`` and ``unpack``."""

from __future__ import annotations

from outlay.middleware.asgi import ASGI
from outlay.middleware.parcel import pack, unpack
from outlay.middleware.wsgi import WSGI

__all__ = ["ASGI", "WSGI", "pack", "unpack"]
