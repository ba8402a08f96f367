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


def run(host: ModelHost, argument: str, folder: Path) -> str:
    """Run the program in a process of its own, on the ledger in ``folder``."""
    command = [sys.executable, "-c", PROGRAM, host.openai_url, argument]
    done = subprocess.run(
        command, env=os.environ | KEEP | {"OUTLAY_DATA": str(folder)}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
