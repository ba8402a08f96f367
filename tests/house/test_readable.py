"""No two threads teach msgspec one of our types at the same time: that brings the interpreter down."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator

from tests.house.sources import ROOT, packages, text

PLAIN = {"dict", "list", "tuple", "str", "int", "float", "bytes", "Any", "msgspec", "Raw", "Ellipsis"}
"""Names of which types are made that need no learning."""
ALONE = {"src/outlay/pricing/source.py", "src/outlay/pricing/corrections.py", "src/outlay/pricing/compile.py",
         "src/outlay/config/settings.py", "src/outlay/wire/paths.py", "src/outlay/readable.py"}  # fmt: skip
"""Files whose types nobody else reads: of a table that is built, of settings, of a reader each; and who does it."""

RACE = """
import sys, threading, types
import msgspec
from outlay.readable import readable

sys.setswitchinterval(1e-6)
SOURCE = '''
from __future__ import annotations
import msgspec
class Inner(msgspec.Struct, frozen=True):
    x: int = 0
    y: dict[str, int] = {}
class Outer(msgspec.Struct):
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
''' + "".join(f"    f{number}: dict[str, int] | None = None\\n" for number in range(30))

def read(kind, barrier):
    barrier.wait()
    msgspec.json.decode(b'{"inner": {"x": 1}, "several": [{"x": 2}], "f1": {"a": 1}}', type=readable(kind))

for number in range(100):
    sys.modules[f"m{number}"] = module = types.ModuleType(f"m{number}")
    exec(SOURCE, module.__dict__)
    barrier = threading.Barrier(4)
    threads = [threading.Thread(target=read, args=(module.Outer, barrier)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_threads_that_read_a_type_for_the_first_time_together_live() -> None:
    """Without ``readable`` such a process ended by a signal in each of three tries (msgspec 0.22)."""
    assert subprocess.run([sys.executable, "-c", RACE], cwd=ROOT, check=False, timeout=60).returncode == 0


def types_read(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what msgspec is told to read: by ``type=…``, and what ``convert`` and ``Decoder`` get."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).startswith("msgspec."):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "type")
        if name == "convert":
            yield node.args[1]
        elif name == "Decoder":
            yield from node.args[:1]


def test_every_type_of_ours_is_made_readable_before_it_is_read() -> None:
    """Wherever msgspec reads one."""
    wrong = [
        f"{path}:{kind.lineno}: {ast.unparse(kind)}"
        for path in packages()
        if str(path) not in ALONE
        for kind in types_read(ast.parse(text(path)))
        if not ast.unparse(kind).startswith("readable(")
        and {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)} - PLAIN
    ]
    assert wrong == []
