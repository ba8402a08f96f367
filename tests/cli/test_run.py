"""``outlay run`` runs any program as if outlay were not there, with its calls metered, and those of its children."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlay.cli.run import line_of
from outlay.loopback import ModelHost
from tests.cli.conftest import Cli, command

CALL = """
import os, openai
def call():
    with openai.OpenAI(api_key="none", base_url=os.environ["HOST"]) as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}])
"""

SELF = """
import json, sys
print(json.dumps([sys.argv, sys.path[0], __name__, __file__ if "__file__" in globals() else None, sys.stdin.read(),
                  [place for place in sys.path if "outlay" in place and "startup" in place]]))
"""


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Yield a model host for programs to call."""
    with ModelHost() as running:
        yield running


def calls(cli: Cli) -> list[str]:
    """Return the project of each call in the ledger."""
    return [call["project"] for call in json.loads(cli("calls", "--limit", "100", "--json").out)]


@pytest.mark.parametrize("way", [["app.py"], ["-m", "app"]], ids=["file", "module"])
def test_a_program_finds_everything_as_without_outlay(way: list[str], tmp_path: Path) -> None:
    """Arguments, path, name, standard input: what `python` itself gives it."""
    (tmp_path / "app.py").write_text(SELF)
    arguments = [*way, "-h", "--json", "a b", "--", "-m"]
    bare = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, input="hello", check=True, capture_output=True, text=True
    )
    done = command("run", *arguments, folder=tmp_path, stdin="hello")
    assert (done.status, done.out, done.err) == (0, bare.stdout, "")
    assert json.loads(done.out)[1] == str(tmp_path)


@pytest.mark.parametrize(
    "program",
    ["raise SystemExit(7)", "import os; os._exit(9)", "raise ValueError('boom')", "import sys; sys.exit('no')"],
)
def test_a_program_ends_as_it_would(program: str, tmp_path: Path) -> None:
    """Its exit status and its traceback, without a line of outlay's."""
    (tmp_path / "app.py").write_text(program + "\n")
    bare = subprocess.run([sys.executable, "app.py"], cwd=tmp_path, check=False, capture_output=True, text=True)
    done = command("run", "app.py", folder=tmp_path)
    assert (done.status, done.err) == (bare.returncode, bare.stderr)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to handle")
def test_signals_reach_the_program(tmp_path: Path) -> None:
    """It is the process itself that was started, no child of it."""
    (tmp_path / "app.py").write_text(
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    line = [sys.executable, "-m", "outlay.cli", "run", "app.py"]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 42


def test_calls_of_the_program_and_of_its_children_are_metered(cli: Cli, tmp_path: Path, host: ModelHost) -> None:
    """Spawned workers and scripts that it starts are the program's too; the project can be named."""
    (tmp_path / "calling.py").write_text(CALL)
    (tmp_path / "app.py").write_text(
        "import multiprocessing, subprocess, sys\n"
        "from calling import call\n"
        "if __name__ == '__main__':\n"
        "    call()\n"
        "    worker = multiprocessing.get_context('spawn').Process(target=call)\n"
        "    worker.start()\n"
        "    worker.join()\n"
        "    subprocess.run([sys.executable, '-c', 'import calling; calling.call()'], check=True)\n"
    )
    done = command("run", "--project", "bot", "app.py", folder=tmp_path, environment={"HOST": host.openai_url})
    assert done.status == 0, done.err
    assert calls(cli) == ["bot"] * 3
    assert len(host.billed) == 3


def test_a_program_may_call_init_itself(cli: Cli, tmp_path: Path, host: ModelHost) -> None:
    """Its own settings win, and nothing is counted twice."""
    (tmp_path / "app.py").write_text(f"{CALL}\nimport outlay\noutlay.init(project='own')\ncall()\n")
    done = command("run", "app.py", folder=tmp_path, environment={"HOST": host.openai_url})
    assert done.status == 0, done.err
    assert calls(cli) == ["own"]


def test_the_sitecustomize_of_others_still_runs(tmp_path: Path) -> None:
    """Ours stands before it on the path, and steps aside."""
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.customized = True\n")
    (tmp_path / "app.py").write_text("import outlay.app\nprint(customized, outlay.app.current() is not None)\n")
    done = command("run", "app.py", folder=tmp_path, environment={"PYTHONPATH": str(tmp_path)})
    assert done == (0, "True True\n", "")


def test_commands_run_too(tmp_path: Path) -> None:
    """A console script of this environment, found where it stands, whether that is on the PATH or not."""
    done = command("run", "pytest", "--version", folder=tmp_path, environment={"PATH": os.defpath})
    assert done.status == 0
    assert "pytest" in done.out + done.err
    assert line_of(sys.executable) == [sys.executable]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "outlay: name a program, like `outlay run app.py`, or a module, like `outlay run -m package`.\n"),
        (("nope.py",), "outlay: there is no file nope.py, and no command of that name.\n"),
    ],
)
def test_a_program_that_is_not_there_is_told(arguments: tuple[str, ...], sentence: str, cli: Cli) -> None:
    """Before anything is started."""
    done = cli("run", *arguments)
    assert (done.status, done.err) == (2, sentence)


def test_a_wrong_setting_is_told_before_the_program_starts(tmp_path: Path) -> None:
    """One sentence, exit status 1, and the program has not begun."""
    (tmp_path / "app.py").write_text("print('begun')\n")
    done = command("run", "app.py", folder=tmp_path, environment={"OUTLAY_TIMEZONE": "Mars"})
    assert (done.status, done.out) == (1, "")
    assert "timezone = 'Mars' is not an IANA zone" in done.err
