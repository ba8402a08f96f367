"""Commands that have commands of their own, one of which is meant where none is named."""

from __future__ import annotations

from typing import Any

import click


class Group(click.Group):
    """A group that puts its ``default`` command in: ``outlay prices gpt-4o`` is ``outlay prices show gpt-4o``."""

    def __init__(self, *arguments: Any, default: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the command that is meant."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args.insert(0, self.default)
        return super().parse_args(ctx, args)
