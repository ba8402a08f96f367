"""The ``outlay`` command. Each command is a module of its own, imported when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches

import click

from outlay.errors import OutlayError

COMMANDS = {
    "alerts": "Show which alerts were raised, and who was told; try a channel.",
    "budgets": "Show how the budgets stand; set a limit, audit the counters.",
    "calls": "List calls: the latest, the dearest, the failed, or one in full.",
    "compare": "Compare what the same work costs on several models, or on GPUs of your own.",
    "demo": "Run a small application against model hosts on this machine, and show its report.",
    "doctor": "Show what is metered here and what is not, proven by calls through each SDK.",
    "export": "Show and command what is delivered to exporters.",
    "explain": "Say why spend changed from one time to another.",
    "forget": "Take a person out of the ledger, and leave the money in.",
    "mark": "Note that something was deployed, so that spikes show it.",
    "prices": "Show what is known of a model's price, since when and whence.",
    "prune": "Delete calls from the ledger: the old, the many, or a project's.",
    "report": "Show what was spent: by model, feature, user, day, …",
    "reprice": "Price recorded calls anew, beside what was recorded.",
    "run": "Run a program, unchanged, with its calls metered.",
    "spikes": "Show what rose, why, and who carries it.",
    "trends": "Show what a request costs over time, by function, feature or model.",
}


class Lazy(click.Group):
    """A group whose commands are imported one at a time, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; for one that does not exist, say which was meant."""
        if cmd_name not in COMMANDS:
            near = get_close_matches(cmd_name, COMMANDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(COMMANDS))}."
            raise click.UsageError(f"there is no command {cmd_name!r}; {hint}", ctx)
        command: click.Command = importlib.import_module(f"outlay.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the signature is click's
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(
    cls=Lazy,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=False,
)
@click.version_option(package_name="outlay", message="outlay %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Know what every LLM call cost, who spent it and why."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0, 1 for what went wrong or needs attention, 2 for a wrong usage, 130 for Ctrl-C.

    Whatever went wrong is said in one sentence on stderr.
    """
    sys.exit(status_of(arguments))


def status_of(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    try:
        status = cli.main(arguments, prog_name="outlay", standalone_mode=False)
    except OutlayError as error:
        return _fail(str(error), 1)
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _fail("stopped.", 130)
    except BrokenPipeError:  # `outlay calls | head`: who read has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status if isinstance(status, int) else 0


def _fail(sentence: str, status: int) -> int:
    click.echo(f"outlay: {sentence}", err=True)
    return status
