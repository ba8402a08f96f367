"""docs/how-a-call-travels.md tells what each mark means."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py")) + sorted((ROOT / "integrations").rglob("*.py"))
PAGE = ROOT / "docs" / "how-a-call-travels.md"


def marks(tree: ast.AST) -> Iterator[str]:
    """Yield every string that stands in a tuple or list given to something called marks, or built from it."""
    for node in ast.walk(tree):
        targets: list[ast.expr | None] = []
        if isinstance(node, ast.Assign):
            targets = list(node.targets)
        elif isinstance(node, ast.AugAssign):
            targets = [node.target]
        if isinstance(node, ast.keyword) and node.arg == "marks":
            yield from _strings(node.value)
        elif any(target is not None and "marks" in ast.unparse(target) for target in targets):
            assert isinstance(node, ast.Assign | ast.AugAssign)
            yield from _strings(node.value)


def _strings(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        for element in node.elts if isinstance(node, ast.Tuple | ast.List) else ():
            if isinstance(element, ast.Constant) and isinstance(element.value, str):
                yield element.value
            elif isinstance(element, ast.JoinedStr) and isinstance(element.values[0], ast.Constant):
                yield str(element.values[0].value)


def test_every_mark_is_documented() -> None:
    """In code letters, in the table of marks; and none is told there that is not made."""
    made = {mark for path in SOURCES for mark in marks(ast.parse(path.read_text(encoding="utf-8")))}
    assert {"usage_requested", "unreadable", "process_died", "damaged_", "mocked"} <= made
    table = PAGE.read_text(encoding="utf-8").partition("## Marks")[2]
    told = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE))))
    assert made - told == set()
    spelled = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert [mark for mark in sorted(told - made) if f'"{mark}"' not in spelled] == []
