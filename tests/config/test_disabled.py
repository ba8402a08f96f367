"""OUTLAY_DISABLED=1 makes everything a no-op."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """if True:
    import threading, sys
    import httpx2, openai, outlay
    from outlay.loopback import ModelHost

    send = httpx2.Client.send
    outlay.init(project="p", price_book="/nowhere")
    assert httpx2.Client.send is send

    @outlay.track(feature="f")
    def ask(client):
        return client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])

    with ModelHost() as host:
        client = openai.OpenAI(base_url=host.openai_url, api_key="none")
        assert outlay.instrument(client) is client
        assert "send" not in vars(client._client)
        with outlay.tags(user="u"), outlay.track("block") as span:
            assert ask(client).choices
            client.chat.completions.create(model="gpt-4o-mini", messages=[], stream=True).close()
        assert (span.calls, span.cost) == (0, 0)
        assert all(request.json().get("stream_options") is None for request in host.requests)
        client.close()

    assert outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1) is None
    assert outlay.flush() == 0
    outlay.uninstrument()
    assert not [thread.name for thread in threading.enumerate() if thread.name == "outlay"]
    assert "sqlite3" not in sys.modules
    print(outlay.calculate_cost("gpt-4o-mini", input_tokens=1_000_000))
"""


def test_disabled_everything_is_a_no_op(tmp_path: Path) -> None:
    """No patch, no thread, no file, no line in a log; the application does not notice. Prices are still prices."""
    environ = os.environ | {"OUTLAY_DISABLED": "1", "OUTLAY_TIMEZONE": "Mars", "OUTLAY_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
    done = subprocess.run(command, cwd=tmp_path, env=environ, check=False, capture_output=True, text=True)
    assert (done.stderr, done.stdout) == ("", "0.15\n")
    assert list(tmp_path.iterdir()) == []
