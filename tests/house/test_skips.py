"""Under CI nothing is skipped in silence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

TESTS = {
    "test_called.py": "import pytest\n\ndef test_it():\n    pytest.skip('no server')\n",
    "test_file.py": "import pytest\n\npytest.skip('no package', allow_module_level=True)\n",
    "test_marked.py": "import pytest\n\n@pytest.mark.skipif(True, reason='never')\ndef test_it():\n    pass\n",
    "test_expected.py": "import pytest\n\n@pytest.mark.xfail\ndef test_it():\n    assert False\n",
    "test_plain.py": "def test_it():\n    pass\n",
}


def failures(folder: Path, *, ci: bool) -> set[str]:
    """Run ``TESTS`` under our conftest in a pytest of its own, and return the files that failed."""
    shutil.copy(CONFTEST, folder / "conftest.py")
    for name, test in TESTS.items():
        (folder / name).write_text(test)
    own = {"CI": "true" if ci else "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-rfE", "--continue-on-collection-errors", f"--rootdir={folder}", "."]
    run = subprocess.run(command, cwd=folder, env=os.environ | own, check=False, capture_output=True, text=True)
    assert run.returncode in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}, run.stdout + run.stderr
    return set(re.findall(r"^(?:FAILED|ERROR) (\w+[.]py)", run.stdout, re.MULTILINE))


def test_a_skip_is_a_failure_under_ci(tmp_path: Path) -> None:
    """However a test is skipped, CI is red; a failure that is expected hides nothing, and passes."""
    assert failures(tmp_path, ci=True) == {"test_called.py", "test_file.py", "test_marked.py"}


def test_a_skip_is_a_skip_on_a_developers_machine(tmp_path: Path) -> None:
    """Not every machine has everything."""
    assert failures(tmp_path, ci=False) == set()
