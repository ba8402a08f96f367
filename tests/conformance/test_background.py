"""A response that runs in the background is one record, whoever begins it, polls it, and how often."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from outlay.ledger.ledger import Ledger
from outlay.loopback import ModelHost
from tests.conformance.canned import Canned, FieldHost
from tests.conformance.compatible_shapes import SIMPLE, completion

PROGRAM = """if True:
    import sys, openai, outlay
    outlay.init("jobs", hosts={"127.0.0.1": "openai"})
    client = openai.OpenAI(base_url=sys.argv[1], api_key="none")
    if sys.argv[2] == "begin":
        print(client.responses.create(model="gpt-4o-mini", input="one two three", background=True).id)
    else:
        while client.responses.retrieve(sys.argv[2]).status != "completed":
            pass
        client.responses.retrieve(sys.argv[2])
    assert outlay.flush() == 0
"""

KEEP = {"OUTLAY_RETENTION_DAYS": "0"}
"""The host's answers claim to be made long ago, whatever the clock says: no call of theirs is too old to keep."""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(openai.OpenAI, "responses"), reason="this openai has no responses")
def test_other_processes_polls_settle_the_call_once(tmp_path: Path) -> None:
    """One process begins it, two others see it completed: one call, with the usage that was billed."""
    with ModelHost() as host:
        identity = run(host, "begin", tmp_path)
        with Ledger.open(tmp_path / "ledger.db") as ledger:
            assert [call.outcome for _, call in ledger.calls_after(0)] == ["pending"]
        run(host, identity, tmp_path)
        run(host, identity, tmp_path)
        (billed,) = host.billed
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ((_, call),) = ledger.calls_after(0)
        total = ledger.report().total
    assert (call.outcome, call.response_id, total.attempts, total.unpriced_calls) == ("ok", identity, 1, 0)
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage.output_tokens) == (
        billed.usage["input_tokens"],
        billed.usage["output_tokens"],
    )


DEFERRED = """if True:
    import sys, httpx, outlay
    outlay.init("deferred", hosts={"127.0.0.1": "x_ai"})
    url, what = sys.argv[1:]
    with outlay.tags(customer=what):
        if what == "begin":
            httpx.post(f"{url}/v1/chat/completions", json={"model": "grok-4.6", "deferred": True, "messages": []})
        else:
            for _ in range(2):
                httpx.get(f"{url}/v1/chat/deferred-completion/d-1")
    assert outlay.flush() == 0
"""


def test_an_answer_that_names_no_call_belongs_to_who_asked_for_it(tmp_path: Path) -> None:
    """XAI's deferred answers say neither which request they are of nor when it came: outlay has noted both."""
    answers = [
        Canned("/chat/completions", {"request_id": "d-1"}),
        Canned("/chat/deferred-completion/d-1", method="GET", status=202, file=b""),
        Canned("/chat/deferred-completion/d-1", completion("grok-4.6", SIMPLE), method="GET"),
    ]
    with FieldHost(answers) as host:
        for what in ("begin", "ask", "ask"):
            run(host, what, tmp_path, DEFERRED, host.url)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ((_, call),) = ledger.calls_after(0)
        total = ledger.report().total
    assert (call.outcome, call.request_model, call.response_model) == ("ok", "grok-4.6", "grok-4.6")
    assert (call.tags, str(call.cost.usd)) == ({"customer": "begin"}, "0.00007")
    assert (total.attempts, total.unpriced_calls) == (1, 0)


def run(host: ModelHost, argument: str, folder: Path, program: str = PROGRAM, url: str = "") -> str:
    """Run a program in a process of its own, on the ledger in ``folder``."""
    command = [sys.executable, "-c", program, url or host.openai_url, argument]
    done = subprocess.run(
        command, env=os.environ | KEEP | {"OUTLAY_DATA": str(folder)}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
