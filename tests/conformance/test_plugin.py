"""A third party's package adds a wire format, a provider and an exporter, by entry points alone."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec

from outlay.records import Call

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "examples" / "outlay-example-plugin"
FORMATS = [PLUGIN / "src/outlay_parrot/squawks.py", *(ROOT / "integrations/outlay_integrations/apis").glob("[a-z]*.py")]


def install(folder: Path) -> Path:
    """Build the plugin's wheel with its own backend and unpack it, which is all that installing a pure one means."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=PLUGIN, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def run(application: Path, folder: Path) -> str:
    """Run an application where the plugin is installed; return what it prints."""
    path = os.pathsep.join(filter(None, (str(install(folder)), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path, "OUTLAY_DATA": str(folder / "data")}
    command = [sys.executable, str(application)]
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_installed_plugin_delivers(tmp_path: Path) -> None:
    """To a backend that is busy at first and does not take one of three calls: the others arrive."""
    done = json.loads(run(ROOT / "tests" / "delivery" / "cage.py", tmp_path))
    assert done["left"] == 0
    assert [(record["model"], record["tokens"], record["usd"]) for record in done["kept"]] == [
        ("gpt-4o-mini", 1_100, 0.00021),
        ("gpt-4o", 1_100, 0.0035),
    ]


def test_an_installed_plugin_is_found_and_its_format_metered(tmp_path: Path) -> None:
    """Plain and streamed: its provider, its model, its classes; and nothing of outlay's own was changed for it."""
    calls = msgspec.json.decode(run(Path(__file__).with_name("parrot.py"), tmp_path), type=list[Call])
    assert [call.streamed for call in calls] == [False, True]
    for call in calls:
        assert (call.provider, call.api, call.request_model, call.response_model) == (
            "parrot",
            "parrot.squawks",
            "macaw",
            "macaw-2",
        )
        assert (call.response_id, call.finish_reasons, call.outcome) == ("sq_1", ("bored",), "ok")
        assert call.usage is not None
        assert call.usage.classes == {"input": 8, "cache_read": 4, "output": 3}
        assert json.loads(bytes(call.raw_usage)) == {"heard": 12, "remembered": 4, "uttered": 3}
        assert call.cost.status == "unknown"


def test_a_wire_format_is_a_short_table() -> None:
    """Under 60 lines each, what budgets need beside it not counted; most are much shorter."""
    for path in FORMATS:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines < 60, f"{path}:{node.lineno}"
