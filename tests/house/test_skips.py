"""Under CI nothing is skipped in silence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPPED_TEST = "import pytest\n\ndef test_it():\n    pytest.skip('no server')\n"
SKIPPED_FILE = "import pytest\n\npytest.skip('no package', allow_module_level=True)\n"
MARKED = "import pytest\n\n@pytest.mark.skipif(True, reason='no reason')\ndef test_it():\n    pass\n"
FAILING_AS_EXPECTED = "import pytest\n\n@pytest.mark.xfail\ndef test_it():\n    assert False\n"


def exit_code(folder: Path, test: str, *, ci: bool) -> int:
    """Run ``test`` under our conftest in a pytest of its own, and return how that ended."""
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--numprocesses=0", str(folder)]
    run = subprocess.run(
        command, cwd=folder, env=environment | {"CI": "true" if ci else ""}, check=False, capture_output=True
    )
    return run.returncode


@pytest.mark.parametrize("test", [SKIPPED_TEST, SKIPPED_FILE, MARKED], ids=["call", "file", "mark"])
def test_a_skip_is_a_failure_under_ci(test: str, tmp_path: Path) -> None:
    """However a test is skipped, CI is red."""
    assert exit_code(tmp_path, test, ci=True) in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}


def test_a_skip_is_a_skip_on_a_developers_machine(tmp_path: Path) -> None:
    """Not every machine has everything."""
    assert exit_code(tmp_path, SKIPPED_TEST, ci=False) == pytest.ExitCode.OK


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    """Pytest reports both as skipped; only a skip hides something."""
    assert exit_code(tmp_path, FAILING_AS_EXPECTED, ci=True) == pytest.ExitCode.OK
