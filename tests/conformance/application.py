"""An application of the tests, run in a process of its own: ``application.py MODE URL`` writes what its calls gave.

It begins and ends outlay at different moments of its life; the test reads the ledger that it leaves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import outlay


def ask(client: Any, text: str) -> None:
    """Call the OpenAI SDK; the model is named as the test wants to find it."""
    answer = client.chat.completions.create(model=text, messages=[{"role": "user", "content": "hello"}])
    sys.stdout.write(answer.choices[0].message.content + "\n")


def make(url: str) -> Any:
    """Import the SDK, now, and make a client of it."""
    import openai

    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", http_client=openai.DefaultHttpxClient(verify=False))


def before(url: str) -> None:
    """Start outlay, then import the SDK."""
    assert "openai" not in sys.modules
    assert "httpx2" not in sys.modules
    outlay.init()
    ask(make(url), "metered")


def after(url: str) -> None:
    """Import the SDK and make its client, then start outlay; stop it; start it again."""
    client = make(url)
    ask(client, "too-early")
    outlay.init()
    ask(client, "metered")
    outlay.uninstrument()
    ask(client, "too-late")
    outlay.init()
    ask(client, "metered-again")


def alone(url: str) -> None:
    """Meter one client and no other, and its copy, which sends by the same HTTP client."""
    client, other = make(url), make(url)
    assert outlay.instrument(client) is client
    ask(other, "other")
    ask(client, "metered")
    ask(client.with_options(timeout=10), "metered-copy")
    outlay.uninstrument()
    ask(client, "too-late")


MODES: Mapping[str, Callable[[str], None]] = {"before": before, "after": after, "alone": alone}

if __name__ == "__main__":
    MODES[sys.argv[1]](sys.argv[2])
