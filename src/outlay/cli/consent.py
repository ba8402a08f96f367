"""Asking before something is deleted that can't come back."""

from __future__ import annotations

import sys

import click

yes_option = click.option("--yes", "-y", is_flag=True, help="Don't ask.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")


def agreed(what: str, *, dry_run: bool, yes: bool, needed: bool = True) -> bool:
    """Return whether ``what`` is to be deleted; ask where there is something to lose and somebody to ask."""
    if dry_run:
        return False
    if yes or not needed:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError(f"this deletes {what}: say --yes where nobody can be asked, or --dry-run to look.")
    return click.confirm(f"Delete {what}?", err=True)
