"""Ports for servers that tests start."""

from __future__ import annotations

import random
import socket

_random = random.SystemRandom()  # the module's own numbers are the same in each worker


def free_port() -> int:
    """Return a port that nobody listens on, and that no connection takes before a server does.

    It is below those from which systems take a port for a connection.
    """
    while True:
        port = _random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
