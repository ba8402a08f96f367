"""The pytest plugin: the fixture ``outlay_ledger``, and a test run that never writes into the user's own ledger.

Every test suite of an environment with outlay loads this file, so it imports nothing of outlay's until a test asks.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from outlay.testing import Ledger

_VARIABLE = "OUTLAY_DATA"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare ``outlay_isolate``."""
    text = "Keep the calls of this test run out of the user's own ledger, in a folder that is removed at the end."
    parser.addini("outlay_isolate", text, type="bool", default=True)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Point outlay to a throw-away folder before the first line of the user's code runs: a conftest may start it."""
    if not early_config.getini("outlay_isolate"):
        return
    before = os.environ.get(_VARIABLE)
    try:
        folder = tempfile.mkdtemp(prefix="outlay-tests-")
    except OSError:  # nowhere to write: pytest's own tests will say so better than we could
        return
    os.environ[_VARIABLE] = folder
    # Run last of all, after the exit of an outlay that was started meanwhile.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    def restore() -> None:
        if os.environ.get(_VARIABLE) == folder:
            os.environ.pop(_VARIABLE)
            if before is not None:
                os.environ[_VARIABLE] = before

    early_config.add_cleanup(restore)


@pytest.fixture
def outlay_ledger() -> Iterator[Ledger]:
    """Meter the calls of this test into a ledger of its own, and show it: ``outlay_ledger.only.cost``."""
    from outlay.testing import ledger

    with ledger() as seen:
        yield seen
