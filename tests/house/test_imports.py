"""Who may import what, beyond the layers that import-linter holds (``lint-imports``, in pyproject.toml)."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.house.sources import nodes, under

HEAVY = """
    anthropic anyio celery click flask genai_prices grpc http.client httpx httpx2 langsmith mlflow openai
    opentelemetry pandas pydantic redis requests rich sqlite3 starlette trio urllib.request
""".split()  # noqa: SIM905 - a list of words reads best as words
"""What an application that only imports outlay must not pay for; asyncio it does, since wrapt imports it."""

WITH_A_REQUEST = """
    dataclasses mmap queue sqlite3 tempfile tomllib wrapt zoneinfo outlay.ledger outlay.meter outlay.pricing outlay.wire
    outlay.worker outlay_integrations.apis outlay_integrations.providers
""".split()  # noqa: SIM905 - as above
"""What a program pays for with its first request, or with a file of settings, and not when it starts outlay."""

FOR_ONE_PART = {
    "click": ("src/outlay/cli",),
    "rich": ("src/outlay/cli",),
    "openai": ("src/outlay/cli",),
    "anthropic": ("src/outlay/cli",),
    "httpx": (),
    "httpx2": (),
    "opentelemetry": ("src/outlay/span_processor.py",),  # for type checkers alone
    "pydantic": (),
    "requests": (),
    "genai_prices": tuple(
        f"src/outlay/pricing/{name}.py" for name in ("compile", "clauses", "source")
    ),  # to build a table
}
"""Packages, and the only places in the core that may import them."""


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports, wherever in it."""
    names: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {f"outlay.{alias.name}" for alias in node.names} if module == "outlay" else {module}
    return names


def test_importing_outlay_loads_nothing_heavy() -> None:
    """No client, no framework, no command line, no database: each is loaded when it is needed."""
    script = f"import sys, outlay; print(*(name for name in {HEAVY} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout.split() == []


def test_starting_outlay_loads_nothing_that_only_requests_need(tmp_path: Path) -> None:
    """In a program that has its clients imported: the rest comes with the first request, or never."""
    start = "import httpx, httpx2, sys; before = set(sys.modules); import outlay; outlay.init()"
    script = f"{start}; print(*(sys.modules.keys() - before) & {{*{[*HEAVY, *WITH_A_REQUEST]}}})"
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert run.stdout.split() == []


def test_the_core_imports_no_heavy_library() -> None:
    """Not even inside a function, but for the parts that are allowed to."""
    out_of_place = [
        f"{path}: {name}"
        for path in under("src", suffix=".py")
        for name in {name.split(".")[0] for name in imported(path)} & set(FOR_ONE_PART)
        if not any(path.is_relative_to(place) for place in FOR_ONE_PART[name])
    ]
    assert out_of_place == []


def test_an_integration_needs_only_the_public_surface() -> None:
    """Ours are written as anyone's could be, on the modules made for that; the pytest plugin is outlay.testing's."""
    surface = {"outlay.integration", "outlay.testing"}
    inside = [
        f"{path}: {name}"
        for path in under("integrations", suffix=".py")
        for name in imported(path)
        if name.split(".")[0] == "outlay" and name not in surface
    ]
    assert inside == []


def test_the_loopback_host_stands_alone() -> None:
    """It plays the providers, so nothing of outlay's may help it to agree with outlay."""
    own = {name for path in under("src/outlay/loopback", suffix=".py") for name in imported(path)}
    assert [name for name in own if name.startswith("outlay.") and not name.startswith("outlay.loopback")] == []
