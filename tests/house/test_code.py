"""The habits of the code that a linter has no rule for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.house.sources import nodes, packages, text, tracked

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


def suppresses_everything(call: ast.Call) -> bool:
    """Return whether ``call`` is ``suppress(Exception)``."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name == "suppress" and any(isinstance(kind, ast.Name) and kind.id in BROAD for kind in call.args)


def test_a_file_holds_one_idea_on_three_hundred_lines() -> None:
    """A longer file has a second idea inside, which gets a file of its own; the exceptions are no more than needed."""
    longer = {str(path) for path in packages() if len(text(path).splitlines()) > LINES}
    assert longer == set(LONGER_FILES)


def test_only_the_guard_swallows_every_exception() -> None:
    """A handler may catch all to note it and hand it on; to go on after all is for guard.py alone."""
    places = [
        f"{path}:{node.lineno}"
        for path in packages()
        if path != Path("src/outlay/guard.py")
        for node in nodes(path)
        if (isinstance(node, ast.ExceptHandler) and broad(node))
        or (isinstance(node, ast.Call) and suppresses_everything(node))
    ]
    assert places == []


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


def test_a_silenced_rule_says_which_and_why() -> None:
    """The next reader can judge whether it still holds."""
    code = [path for path in tracked() if path.suffix == ".py" and path.name != Path(__file__).name]
    unreasoned = [
        f"{path}: {found}" for path in code for found in SILENCED.findall(text(path)) if not REASONED.fullmatch(found)
    ]
    assert unreasoned == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    """What is committed works on any machine, with the registries that it is set up for."""
    others = [path for path in tracked() if path.name != Path(__file__).name]
    assert [f"{path}: {found[0]}" for path in others for found in FOREIGN.finditer(text(path))] == []
