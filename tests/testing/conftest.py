"""A model host, and a client of it, for the tests of outlay.testing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from outlay.loopback import ModelHost

HOSTS = {"127.0.0.1": "openai"}

MESSAGES: Any = [{"role": "user", "content": "hello there"}]


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Run a model host."""
    with ModelHost() as running:
        yield running


@pytest.fixture
def client(host: ModelHost) -> Iterator[openai.OpenAI]:
    """Make the OpenAI SDK's client for it."""
    http = openai.DefaultHttpxClient(verify=False)
    with openai.OpenAI(base_url=host.openai_url, api_key="none", max_retries=0, http_client=http) as made:
        yield made


@pytest.fixture
def ask(client: openai.OpenAI) -> Callable[[], str]:
    """Return a function that makes one call: the application under test."""

    def ask() -> str:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
        return answer.choices[0].message.content or ""

    return ask
