"""The pytest plugin, in a pytest of its own: as an application's tests meet it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
import outlay
outlay.init(project="app")
"""

TESTS = """
import os
import outlay

def work():
    return outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1_000_000)

def test_with_the_fixture(outlay_ledger):
    assert work() is outlay_ledger.only
    assert (outlay_ledger.only.project, str(outlay_ledger.cost)) == ("app", "0.15")

def test_with_the_fixture_again(outlay_ledger):
    assert outlay_ledger.calls == []

def test_without_the_fixture():
    assert work().project == "app"
    print("DATA", os.environ["OUTLAY_DATA"])
"""


def run(folder: Path, *arguments: str, **files: str) -> str:
    """Run pytest on ``files`` in ``folder``, with a real ledger's folder in the environment, and return its output."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "tmp").mkdir(exist_ok=True)
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OUTLAY_STRICT"))}
    environ = keep | {"OUTLAY_DATA": str(folder / "real"), "TMPDIR": str(folder / "tmp")}
    plugins = ["-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:asyncio"]
    command = [sys.executable, "-m", "pytest", "-s", f"--rootdir={folder}", *plugins, *arguments]
    done = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_test_run_never_writes_into_the_users_ledger(tmp_path: Path, workers: str) -> None:
    """Nor leaves anything behind, even where a conftest starts outlay before the first test; in each worker too."""
    run(tmp_path, "-n", workers, conftest=CONFTEST, test_app=TESTS)
    assert not (tmp_path / "real").exists()
    assert [path.name for path in (tmp_path / "tmp").iterdir() if path.name.startswith("outlay")] == []


@pytest.mark.slow
def test_who_wants_it_can_have_the_real_ledger(tmp_path: Path) -> None:
    """outlay_isolate = false; tests that ask for the fixture still have their own."""
    (tmp_path / "pytest.ini").write_text("[pytest]\noutlay_isolate = false\n")
    shown = run(tmp_path, "-n", "0", conftest=CONFTEST, test_app=TESTS)
    assert f"DATA {tmp_path / 'real'}" in shown
    assert (tmp_path / "real/ledger.db").is_file()


def test_a_suite_that_does_not_use_outlay_does_not_load_it(tmp_path: Path) -> None:
    """The plugin is in every test run of an environment: it loads itself and nothing more."""
    test = "import sys\n\ndef test_it():\n    print('LOADED', sorted(n for n in sys.modules if 'outlay' in n))\n"
    shown = run(tmp_path, "-n", "0", "-p", "no:hypothesispytest", test_it=test)
    assert "LOADED ['outlay_integrations', 'outlay_integrations.pytest_plugin']" in shown


@pytest.mark.slow
def test_the_environment_is_as_before_afterwards(tmp_path: Path) -> None:
    """For a program that runs pytest inside it."""
    (tmp_path / "test_it.py").write_text(
        "import os\n\ndef test_it():\n    assert os.environ['OUTLAY_DATA'] != 'before'\n"
    )
    script = "import os, pytest; assert pytest.main(['-q', '-n', '0']) == 0; print(os.environ['OUTLAY_DATA'])"
    environ = os.environ | {"OUTLAY_DATA": "before"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environ, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "before"
