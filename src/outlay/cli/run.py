"""``outlay run app.py args…``, ``outlay run -m module args…``: any program, unchanged, with its calls metered."""

from __future__ import annotations

import os
import runpy
import sys

import click

import outlay


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Run a Python program, unchanged, with its calls metered.",
)
@click.option("-m", "module", metavar="MODULE", help="Run a module, as `python -m` does.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(module: str | None, arguments: tuple[str, ...]) -> None:
    """Run a Python program, unchanged, with its calls metered.

    Everything after the program's name is its own. Settings come from OUTLAY_* variables and outlay.toml.
    """
    if module is None and not arguments:
        raise click.UsageError("name a program: `outlay run app.py`, or a module: `outlay run -m package.module`.")
    outlay.init()
    # As `python` itself does it: the program's folder, or the working directory for -m, comes first on the path.
    if module is not None:
        sys.argv = [module, *arguments]
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - a string, as sys.path has it
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    program, *rest = arguments
    if not os.path.exists(program):  # noqa: PTH110 - as given, for the message
        raise click.UsageError(f"there is no file {program}.")
    sys.argv = [program, *rest]
    sys.path.insert(0, os.path.dirname(os.path.abspath(program)))  # noqa: PTH100, PTH120 - strings, as sys.path has them
    runpy.run_path(program, run_name="__main__")
