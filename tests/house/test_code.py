"""The habits of the code that a linter has no rule for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.sources import nodes, packages, text, tracked, under

LINES = 300
LONGER_FILES: dict[str, str] = {}
"""Files that may have more than ``LINES`` lines, each with the reason why it holds one idea all the same."""

VAGUE = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}

BROAD = {"BaseException", "Exception"}

FOREIGN = re.compile(
    r"/(?:work|farm|root|home|Users|opt)/[\w.]+|/tmp/[\w.]+|[.]pyenv"
    r"|(?:pypi|test[.]pypi|pythonhosted|npmjs|debian)[.](?:org|com)|--(?:extra-)?index-url"
)
"""A path of one machine, or the host of a package registry."""

SILENCED = re.compile(r"#\s*(?:noqa|type:\s*ignore|pyright:\s*ignore).*")
RULES = r"# (?:noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*|(?:type|pyright): ignore\[[\w, -]+\])"
REASONED = re.compile(rf"{RULES}(?: +{RULES})*(?: +[-#])? +\w+ .*")
"""``# noqa: S603 - the command is our own`` or ``# type: ignore[misc]  # a type made at run time``."""


def broad(handler: ast.ExceptHandler) -> bool:
    """Return whether ``handler`` catches everything and keeps it: neither raises it again nor throws it on."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    everything = any(kind is None or (isinstance(kind, ast.Name) and kind.id in BROAD) for kind in caught)
    last = handler.body[-1]
    raised = isinstance(last, ast.Raise) and last.exc is None
    thrown = any(isinstance(node, ast.Attribute) and node.attr in {"throw", "athrow"} for node in ast.walk(last))
    return everything and not raised and not thrown


def suppresses_everything(node: ast.AST) -> bool:
    """Return whether ``node`` is ``suppress(Exception)``."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name == "suppress" and any(isinstance(kind, ast.Name) and kind.id in BROAD for kind in node.args)


@pytest.mark.parametrize("path", packages(), ids=str)
def test_a_file_holds_one_idea_on_three_hundred_lines(path: Path) -> None:
    """A longer file has a second idea inside, which gets a file of its own."""
    lines = len(text(path).splitlines())
    assert lines <= LINES or str(path) in LONGER_FILES, f"{path} has {lines} lines"


def test_a_file_that_may_be_longer_still_is() -> None:
    """The list of exceptions holds no more than it must."""
    assert [name for name in LONGER_FILES if len(text(Path(name)).splitlines()) <= LINES] == []


@pytest.mark.parametrize("path", packages(), ids=str)
def test_only_the_guard_swallows_every_exception(path: Path) -> None:
    """A handler may catch all to note it and hand it on; to go on after all is for guard.py alone."""
    if path == Path("src/outlay/guard.py"):
        return
    for node in nodes(path):
        assert not (isinstance(node, ast.ExceptHandler) and broad(node)), f"{path}:{node.lineno}: a broad except"
        assert not suppresses_everything(node), f"{path}: a broad suppress()"


def test_functions_are_short() -> None:
    """Nine in ten have fewer than 35 lines, docstring included."""
    functions = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in packages()
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert sorted(functions)[len(functions) * 9 // 10] < 35


def test_a_module_is_named_for_what_it_holds() -> None:
    """A name that fits anything gathers everything."""
    assert [path for path in packages() if VAGUE & set(path.stem.split("_"))] == []


@pytest.mark.parametrize("path", under("src", "integrations", "tests", "examples", "benchmarks", suffix=".py"), ids=str)
def test_a_silenced_rule_says_which_and_why(path: Path) -> None:
    """The next reader can judge whether it still holds."""
    if path.name != Path(__file__).name:
        assert [found for found in SILENCED.findall(text(path)) if not REASONED.fullmatch(found)] == []


@pytest.mark.parametrize("path", tracked(), ids=str)
def test_no_file_names_a_machine_or_a_registry(path: Path) -> None:
    """What is committed works on any machine, with the registries that it is set up for."""
    if path.name == Path(__file__).name:
        return
    found = FOREIGN.search(text(path))
    assert not found, f"{path}: {found and found[0]}"
