"""A host and a bare HTTP client for the tests of the host itself."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from outlay.loopback import ModelHost


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Run a loopback host."""
    with ModelHost() as host:
        yield host


@pytest.fixture
def client(host: ModelHost) -> Iterator[httpx.Client]:
    """Give a client that knows nothing of model APIs."""
    with httpx.Client(base_url=host.url, verify=False, timeout=20.0) as client:
        yield client
