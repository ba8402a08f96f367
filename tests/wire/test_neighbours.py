"""Other tools that patch HTTP clients: with them, under them and after them every request is counted once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("order", ["first", pytest.param("second", marks=pytest.mark.slow)])
@pytest.mark.parametrize("tool", ["opentelemetry", "sentry"])
def test_every_request_is_one_record_beside_another_tool(tool: str, order: str, tmp_path: Path) -> None:
    """Whoever patched first, after the other is taken off, and put on again; ``nox -s neighbours`` adds ddtrace."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.wire.neighbours", tool, order], check=False, capture_output=True, text=True,
        cwd=ROOT, env=os.environ | {"OUTLAY_DATA": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
