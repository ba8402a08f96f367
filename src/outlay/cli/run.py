"""``outlay run app.py args…``, ``outlay run -m module args…``: any program, unchanged, with its calls metered.

The program takes this process's place (on Windows it runs beside it), in a Python that imports
``startup/sitecustomize.py`` first. So arguments, ``__main__``, tracebacks, signals, standard input and the exit status
are its own, and so are its children.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from outlay.config import load

STARTUP = Path(__file__).with_name("startup")
STARTED = "_OUTLAY_RUN"
"""Variable with the process id of the program, by which it is told from its children. No setting, hence its name."""


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Run a program, unchanged, with its calls metered.",
)
@click.option("-m", "--module", is_flag=True, help="Run a module, as `python -m` does.")
@click.option("--project", help="Whose calls these are, in place of the setting.")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder of the ledger, in place of the set one."
)
@click.argument("program", metavar="PROGRAM", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGS]…")
def command(
    program: str | None, arguments: tuple[str, ...], project: str | None, data: Path | None, *, module: bool
) -> int:
    """Run a Python file, a module, or any command, unchanged, with its calls metered.

    Everything after the program's name is its own. Settings come from OUTLAY_* variables, outlay.toml and
    [tool.outlay]. Python processes that the program starts are metered too.
    """
    if program is None:
        raise click.UsageError("name a program, like `outlay run app.py`, or a module, like `outlay run -m package`.")
    given = {"OUTLAY_PROJECT": project, "OUTLAY_DATA": None if data is None else str(data.absolute())}
    environment = {**os.environ, **{name: value for name, value in given.items() if value}}
    load(environ=environment)  # what is wrong is said before the program starts
    line = [sys.executable, "-m", program] if module else line_of(program)
    return _become([*line, *arguments], prepared(environment))


def line_of(program: str) -> list[str]:
    """Return the command line that starts ``program``: a Python file, or else a command on the PATH."""
    file = Path(program)
    if file.is_dir() or file.is_file():
        return [str(file.absolute())] if _is_other(file) else [sys.executable, program]
    beside = str(Path(sys.executable).parent)  # scripts of this environment, also where it is not activated
    found = shutil.which(program, path=os.pathsep.join((beside, os.environ.get("PATH", os.defpath))))
    if found is None:
        raise click.UsageError(f"there is no file {program}, and no command of that name.")
    return [found]


def _is_other(file: Path) -> bool:
    """Return whether ``file`` is a program in its own right: executable, and no Python by its name."""
    return file.is_file() and file.suffix not in (".py", ".pyw", ".pyz", ".pyc") and os.access(file, os.X_OK)


def prepared(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` with the folder of our sitecustomize first on Python's path."""
    path = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": f"{STARTUP}{os.pathsep}{path}" if path else str(STARTUP)}


def _become(line: list[str], environment: dict[str, str]) -> int:
    sys.stdout.flush()
    if os.name == "nt":  # exec there returns to the shell at once
        return subprocess.run(line, env=environment, check=False).returncode  # noqa: S603 - what the user asked for
    try:
        os.execve(line[0], line, {**environment, STARTED: str(os.getpid())})  # noqa: S606 - what the user asked for
    except OSError as error:
        raise click.UsageError(f"{line[0]} can't be run: {(error.strerror or 'no reason given').lower()}.") from None
