"""Whether a store of budgets is there, asked before any call is made, by nothing but a connection that is closed again.

A store's own client connects with the first call: what is opened at start would be shared by the children of a fork.
"""

from __future__ import annotations

import socket
from contextlib import closing
from urllib.parse import urlsplit

PORTS = {"redis": 6379, "rediss": 6379, "postgres": 5432, "postgresql": 5432}
PATIENCE = 0.3
"""Seconds that each host may take to answer."""


def unreachable(url: str) -> str | None:
    """Return where nobody answers and why, if none of a URL's hosts does; None for a store that is a file or memory."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        return None
    trouble = None
    for place in parts.netloc.rpartition("@")[2].split(","):
        # An IPv6 address has its colons in brackets.
        host, _, number = (place, "", "") if place.endswith("]") or ":" not in place else place.rpartition(":")
        if not (host and (number or "0").isdigit()):
            return None  # a socket's path, or what only the client understands
        try:
            with closing(socket.create_connection((host.strip("[]"), int(number or PORTS[parts.scheme])), PATIENCE)):
                return None
        except OSError as error:
            trouble = f"{place} ({error.strerror or error})"
    return trouble
