"""What holds in every test: outlay's own errors are raised, the ledger is a new one, no key of the user's is there."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

ALLOWED_SKIPS: dict[str, str] = {}
"""Reasons of skips that CI lets pass, each with why: {"needs Windows": "CI has Linux"}. Any other skip fails there."""

PERSONAL = ("OUTLAY_", "OPENAI_", "ANTHROPIC_", "OTEL_")
"""Environment variables of the person who runs the tests: they could spend money, or point at a ledger that matters."""

PROXIES = ("http_proxy", "https_proxy", "all_proxy")

IN_CI = os.environ.get("CI") == "true"

settings.register_profile("shared-machine", deadline=None)  # how long one example takes says nothing on shared cores
if not IN_CI:  # there hypothesis picks its own profile: no deadline, the same examples in every run
    settings.load_profile("shared-machine")


def pytest_configure() -> None:
    """Clear the environment before anything of outlay's is imported, in each worker too."""
    for name in list(os.environ):
        personal = name.startswith(PERSONAL) and not name.startswith("OUTLAY_TEST_")  # how long to fuzz, for instance
        if personal or name.lower() in PROXIES:
            del os.environ[name]


@pytest.fixture(autouse=True)
def _own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a data folder of its own, and raise what outlay would swallow; a test's children inherit both."""
    monkeypatch.setenv("OUTLAY_DATA", str(tmp_path / "outlay-data"))
    monkeypatch.setenv("OUTLAY_STRICT", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a test skipped in CI into a failed one."""
    report = yield
    return _no_silent_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a file skipped in CI into a failed one."""
    report = yield
    return _no_silent_skip(report)


def _no_silent_skip(report: Report) -> Report:
    if not IN_CI or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if reason.removeprefix("Skipped: ") not in ALLOWED_SKIPS:
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} is skipped under CI ({reason}); tests/conftest.py lists the skips allowed"
    return report
