"""A web server, a mail server and a ledger for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outlay.ledger.ledger import Ledger
from tests.alerts.receivers import Post, Web, mail_server, web_server


@pytest.fixture
def web() -> Iterator[Web]:
    """Return a web server that takes everything, unless it is told otherwise."""
    with web_server() as made:
        yield made


@pytest.fixture
def post() -> Iterator[tuple[Post, str]]:
    """Return a mail server's box, and its address."""
    with mail_server() as made:
        yield made


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Return a ledger of the test's own."""
    with Ledger.open(tmp_path / "ledger.db") as made:
        yield made
