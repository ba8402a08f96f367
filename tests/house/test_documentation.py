"""Documentation runs, and names everything that there is to name."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from outlay.cli import cli
from outlay.config import Settings
from outlay.loopback import ModelHost
from outlay.pricing import Prices
from outlay.records import Call, Coverage, Loss, Span
from tests.house.sources import ROOT, Block, blocks, text, tracked, under

PAGES = [
    path for path in tracked() if path == Path("README.md") or (path.is_relative_to("docs") and path.suffix == ".md")
]
EXAMPLES = under("examples", suffix=".py")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of a reader who tries things out: keys, and model hosts that answer."""
    with ModelHost() as host:
        keys = {"OPENAI_API_KEY": "none", "ANTHROPIC_API_KEY": "none"}
        hosts = {"OPENAI_BASE_URL": host.openai_url, "ANTHROPIC_BASE_URL": host.anthropic_url}
        own = {"OUTLAY_DATA": str(tmp_path / "outlay-data"), "OUTLAY_HOSTS": f"127.0.0.1:{host.port}=openai"}
        yield os.environ | keys | hosts | own


def run(script: str, folder: Path, environment: dict[str, str]) -> None:
    """Run ``script`` in a process of its own, as a reader would, and fail with what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def script_of(path: Path, found: list[Block]) -> str:
    """Return a program that runs the blocks of one page one after the other; errors name the page and its line."""
    steps = ["\n" * (block.line - 1) + block.text for block in found]
    return f"for step in {steps!r}:\n    exec(compile(step, {str(path)!r}, 'exec'))"


CONTEXT = click.Context(cli)
COMMANDS = cli.list_commands(CONTEXT)


def options_of(name: str) -> dict[str, str]:
    """Return every option of a command, short and long, with the longest way to write it."""
    command = cli.get_command(CONTEXT, name)
    assert command is not None
    commands = [command, *getattr(command, "commands", {}).values()]  # those of `outlay prices` are commands too
    options = [parameter for one in commands for parameter in one.params if isinstance(parameter, click.Option)]
    return {way: max(option.opts, key=len) for option in options for way in (*option.opts, *option.secondary_opts)}


def settings() -> set[str]:
    """Return the name of every setting, as a configuration file has it."""
    return {field.encode_name for field in msgspec.structs.fields(Settings)}


def section(page: str, heading: str) -> str:
    """Return what stands under ``heading`` in a Markdown page, up to the next heading."""
    found = re.search(rf"^##+ .*`{re.escape(heading)}`.*\n((?:(?!##).*\n?)*)", page, re.MULTILINE)
    assert found, f"no heading for `{heading}`"
    return found[1]


@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path, "python")], ids=str)
def test_the_code_of_a_page_runs(path: Path, tmp_path: Path, world: dict[str, str]) -> None:
    """The blocks of a page are one program, from top to bottom."""
    run(script_of(path, blocks(path, "python")), tmp_path, world)


@pytest.mark.parametrize("path", EXAMPLES, ids=str)
def test_an_example_runs(path: Path, tmp_path: Path, world: dict[str, str]) -> None:
    """Whole, with no key of a provider."""
    run(f"import runpy; runpy.run_path({str(ROOT / path)!r}, run_name='__main__')", tmp_path, world)


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_the_settings_of_a_page_are_settings(path: Path, tmp_path: Path) -> None:
    """What a page shows of a configuration file, or of a price book, can be copied."""
    for block in blocks(path, "toml"):
        shown = tomllib.loads(block.text)
        if "schema" in shown:
            book = tmp_path / "prices.toml"
            book.write_text(block.text, encoding="utf-8")
            assert Prices.load(book).book.digest
            continue
        shown = shown.get("tool", {}).get("outlay", shown)
        assert set(shown) <= settings(), f"{path}:{block.line}"


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_the_commands_of_a_page_are_commands(path: Path) -> None:
    """Each line ``outlay …`` of a page names a command and options that there are."""
    for block in blocks(path, "sh", "console"):
        for line in re.findall(r"(?:^|&& |\$ )outlay (.+)", block.text, re.MULTILINE):
            name, *arguments = shlex.split(line, comments=True)
            assert name in COMMANDS, f"{path}:{block.line}: outlay {name}"
            # What stands behind `run` is the program's own.
            own = {word.split("=")[0] for word in arguments if word.startswith("--")} if name != "run" else set()
            assert own <= {*options_of(name), "--help"}, f"{path}:{block.line}: outlay {line}"


def test_every_setting_is_documented() -> None:
    """Docs/configuration.md names each in code letters, and the variables that are no settings."""
    page = text(Path("docs/configuration.md"))
    names = [*sorted(settings()), "OUTLAY_CONFIG", "OUTLAY_STRICT"]
    assert [name for name in names if f"`{name}" not in page] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_with_its_options(name: str) -> None:
    """Docs/cli.md has a section for each, with each option in code letters."""
    words = section(text(Path("docs/cli.md")), f"outlay {name}")
    assert [option for option in sorted(set(options_of(name).values())) if f"`{option}" not in words] == []


@pytest.mark.parametrize("record", [Call, Span, Coverage, Loss])
def test_every_field_of_a_record_is_documented(record: type[msgspec.Struct]) -> None:
    """Docs/ledger.md names each in code letters: they are the ledger's columns."""
    page = text(Path("docs/ledger.md"))
    assert [name for name in record.__struct_fields__ if f"`{name}`" not in page] == []


def test_every_entry_point_is_documented() -> None:
    """Docs/integrations.md names each group that outlay looks into."""
    project = tomllib.loads(text(Path("pyproject.toml")))["project"]
    groups = [group for group in project["entry-points"] if group.startswith("outlay.")]
    page = text(Path("docs/integrations.md"))
    assert [group for group in groups if f"`{group}`" not in page] == []


def test_links_lead_somewhere() -> None:
    """A relative link names a file that is there."""
    pages = [path for path in tracked() if path.suffix == ".md"]
    links = [(path, link) for path in pages for link in re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", text(path))]
    assert [f"{path}: {link}" for path, link in links if not (ROOT / path.parent / link).exists()] == []
