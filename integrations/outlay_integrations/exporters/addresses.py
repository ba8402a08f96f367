"""Addresses that an exporter is given as an option."""

from __future__ import annotations


def check_address(option: str, address: str, example: str) -> None:
    """Raise ValueError, which outlay says when it starts, where ``address`` is given and is no server's."""
    if address and not address.startswith(("http://", "https://")):
        raise ValueError(f"{option} = {address!r} is no server's address: write it as {example}")
