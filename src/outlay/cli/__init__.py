"""The ``outlay`` command. Each command is a module of its own, imported when it is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from outlay.errors import OutlayError

COMMANDS = {
    "calls": "List calls: the latest, the dearest, the failed, or one in full.",
    "demo": "Run a small application against a model host on this machine, and show its report.",
    "doctor": "Show what is metered here and what is not, proven by a call through each SDK.",
    "forget": "Take the personal tags of someone out of the ledger.",
    "prune": "Delete old calls from the ledger.",
    "report": "Show what was spent: by model, feature, user, day, …",
    "run": "Run a Python program, unchanged, with its calls metered.",
}


class Lazy(click.Group):
    """A group whose commands are imported one at a time, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a command; None for one that does not exist."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"outlay.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="outlay")
def cli() -> None:
    """Know what every LLM call cost, who spent it and why."""


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line: exit status 0, 1 for an error that is said in one sentence, 2 for a wrong usage."""
    try:
        return cli.main(arguments, prog_name="outlay", standalone_mode=True)
    except OutlayError as error:
        click.echo(f"outlay: {error}", err=True)
        sys.exit(1)
