"""What a call leaves behind is its record: memory does not grow with the number of calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import gc, sys, httpx2, outlay

ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Four."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}
EVENT = 'data: {"id":"chatcmpl-1","model":"gpt-4o-mini-2024-07-18","choices":[],"usage":{"prompt_tokens":9,'
EVENT += '"completion_tokens":2,"total_tokens":11}}\\n\\ndata: [DONE]\\n\\n'

def answer(request):
    if b"stream" in request.content:
        return httpx2.Response(200, text=EVENT, headers={"content-type": "text/event-stream"})
    return httpx2.Response(500 if b"wrong" in request.content else 200, json=ANSWER)

client = httpx2.Client(transport=httpx2.MockTransport(answer))
asked = {"model": "gpt-4o-mini"} | {"plain": {}, "stream": {"stream": True}, "error": {"user": "wrong"}}[sys.argv[1]]

def held(calls):
    for number in range(calls):  # each another question, so that an error is nobody's retry: attempts are told apart
        question = asked | {"messages": [{"role": "user", "content": f"{number} + 2?"}]}
        with outlay.track("sum"):
            client.post("https://api.openai.com/v1/chat/completions", json=question)
    assert outlay.flush(timeout=60) == 0
    gc.collect()
    return sys.getallocatedblocks()

outlay.init(data=sys.argv[2], ask_usage=False)
held(300)
print(-held(300) + held(900))
"""


@pytest.mark.parametrize("kind", ["plain", "stream", "error"])
def test_memory_does_not_grow_with_the_number_of_calls(kind: str, tmp_path: Path) -> None:
    """Not by one object a call: msgspec kept an iterator for each record once, 48 MB in a million calls."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, str(tmp_path)], capture_output=True, text=True, timeout=120, check=True
    )
    assert int(done.stdout) < 450, done.stdout
