"""The project's own files, as git knows them, and what the house tests ask of them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Block(NamedTuple):
    """A fenced block of a Markdown file."""

    language: str
    line: int
    """Line of the file that the block's first line is, counted from 1."""
    text: str


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file that is, or would be, committed, relative to the root; nothing of an environment made here."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    environments = [Path(name).parent for name in names if Path(name).name == "pyvenv.cfg"]
    found = (path for path in map(Path, sorted(names)) if (ROOT / path).is_file())
    return tuple(path for path in found if not any(path.is_relative_to(one) for one in environments))


def under(*folders: str, suffix: str) -> list[Path]:
    """Return the tracked files with ``suffix`` in any of ``folders``."""
    return [path for path in tracked() if path.suffix == suffix and any(path.is_relative_to(at) for at in folders)]


def packages() -> list[Path]:
    """Return the Python files of both packages."""
    return under("src", "integrations", suffix=".py")


def text(path: Path) -> str:
    """Return what stands in ``path``; nothing for a binary file."""
    return (ROOT / path).read_text(encoding="utf-8", errors="ignore")


def nodes(path: Path) -> Iterator[ast.AST]:
    """Walk the syntax tree of a Python file."""
    return ast.walk(ast.parse(text(path)))


def blocks(path: Path, *languages: str) -> list[Block]:
    """Return the fenced blocks of a Markdown file that are in one of ``languages``."""
    found: list[Block] = []
    language, begun, inside = "", 0, False
    lines = text(path).splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.startswith("```"):
            continue
        if inside and language in languages:
            found.append(Block(language, begun, "\n".join(lines[begun - 1 : number - 1]) + "\n"))
        language, begun, inside = line[3:].strip(), number + 1, not inside
    return found
