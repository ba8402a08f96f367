"""Where settings come from: arguments, over the environment, over outlay.toml, over pyproject.toml."""

from __future__ import annotations

import inspect
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import outlay
from outlay.config import Settings, load
from outlay.config.channels import Address, Secret
from outlay.config.settings import NAMES


def write(path: Path, text: str) -> Path:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@given(st.lists(st.sampled_from(["argument", "variable", "file", "project"]), unique=True))
def test_the_nearest_source_wins(tmp_path_factory: pytest.TempPathFactory, present: list[str]) -> None:
    """Argument, variable, outlay.toml, pyproject.toml: the first of them that sets something has it."""
    folder = tmp_path_factory.mktemp("project")
    if "file" in present:
        write(folder / "outlay.toml", 'release = "file"')
    if "project" in present:
        write(folder / "pyproject.toml", '[tool.outlay]\nrelease = "project"')
    environ = {"OUTLAY_RELEASE": "variable"} if "variable" in present else {}
    arguments = {"release": "argument"} if "argument" in present else {}
    ranked = [name for name in ("argument", "variable", "file", "project") if name in present]
    assert load(arguments, environ, folder).release == (ranked[0] if ranked else None)


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    """outlay.init() needs nothing."""
    assert load({}, {}, tmp_path) == Settings()


def test_tables_are_merged_name_by_name(tmp_path: Path) -> None:
    """A host named in the project stays named when the environment names another."""
    write(tmp_path / "pyproject.toml", '[tool.outlay.hosts]\n"a.example" = "openai"\n"b.example" = "openai"')
    write(tmp_path / "outlay.toml", '[hosts]\n"b.example" = "anthropic"\n[tags]\nteam = "search"')
    environ = {"OUTLAY_HOSTS": "c.example=groq, d.example:8000=vllm", "OUTLAY_TAGS": "env=test"}
    found = load({"tags": {"env": "argument"}}, environ, tmp_path)
    assert found.hosts == {
        "a.example": "openai", "b.example": "anthropic", "c.example": "groq", "d.example:8000": "vllm",
    }  # fmt: skip
    assert found.tags == {"team": "search", "env": "argument"}


def test_files_are_searched_upwards(tmp_path: Path) -> None:
    """From the working directory; a pyproject.toml that says nothing of outlay does not end the search."""
    write(tmp_path / "pyproject.toml", '[tool.outlay]\nrelease = "outer"\nproject = "outer"')
    write(tmp_path / "package/pyproject.toml", '[project]\nname = "inner"\ndependencies = ["outlay"]')
    write(tmp_path / "package/outlay.toml", 'project = "inner"')
    found = load({}, {}, tmp_path / "package/src")
    assert (found.project, found.release) == ("inner", "outer")


def test_a_named_file_takes_the_place_of_the_search(tmp_path: Path) -> None:
    """OUTLAY_CONFIG names an outlay.toml of any name, or a pyproject.toml."""
    write(tmp_path / "outlay.toml", 'project = "found"')
    named = write(tmp_path / "etc/production.toml", 'project = "named"')
    project = write(tmp_path / "etc/pyproject.toml", '[tool.outlay]\nproject = "section"')
    assert load({}, {"OUTLAY_CONFIG": str(named)}, tmp_path).project == "named"
    assert load({}, {"OUTLAY_CONFIG": str(project)}, tmp_path).project == "section"
    assert load({}, {"OUTLAY_CONFIG": ""}, tmp_path).project == "found"


@pytest.mark.parametrize(
    "text",
    [
        '[tool.outlay]\nproject = "p"',
        '[ tool . outlay ]\nproject = "p"',
        '["tool"."outlay"]\nproject = "p"',
        '[tool]\noutlay = { project = "p" }',
        '[tool]\noutlay.project = "p"',
        '[ "tool" ]\noutlay.project = "p"',
        'tool.outlay.project = "p"',
        'tool = { outlay = { project = "p" } }',
    ],
)
def test_a_section_is_found_however_it_is_spelled(tmp_path: Path, text: str) -> None:
    """A pyproject.toml is parsed only if it may hold the section: no spelling of TOML's may slip through."""
    write(tmp_path / "pyproject.toml", text)
    assert load({}, {}, tmp_path).project == "p"


def test_a_broken_pyproject_of_somebody_else_is_not_our_business(tmp_path: Path) -> None:
    """A file that is not addressed to outlay can't keep an application from starting."""
    write(tmp_path / "pyproject.toml", '[project\nname = "outlay-user"')
    assert load({}, {}, tmp_path) == Settings()


def test_relative_paths_in_a_file_start_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the application is started; those of a variable or an argument start at the working directory."""
    write(tmp_path / "prices.toml", "")
    write(tmp_path / "outlay.toml", 'data = "ledger"\nprice_book = "prices.toml"')
    write(tmp_path / "src/deep/x.py", "")
    monkeypatch.chdir(tmp_path / "src/deep")
    found = load({}, {})
    assert (found.data, found.price_book) == (str(tmp_path / "ledger"), str(tmp_path / "prices.toml"))
    assert load({}, {"OUTLAY_DATA": "here"}).data == str(tmp_path / "src/deep/here")
    assert load({"data": "~/there"}, {}).data == str(Path("~/there").expanduser())


VALUES: dict[str, tuple[str, Any]] = {
    "project": ("p", "p"),
    "release": ("1.2", "1.2"),
    "disabled": ("off", False),
    "data": ("/d", "/d"),
    "tags": ("a=1, b = x=y", {"a": "1", "b": "x=y"}),
    "hosts": ("llm.corp.example=Azure-OpenAI", {"llm.corp.example": "azure.ai.openai"}),
    "declared_tags": ("user, plan", ("user", "plan")),
    "timezone": ("Europe/Berlin", "Europe/Berlin"),
    "price_book": (__file__, __file__),
    "ask_usage": ("No", False),
    "instrument": ("false", False),
    "budgets": ('[{"name": "month", "limit": 200}]', ({"name": "month", "limit": 200},)),
    "budget_key": ("secret", "secret"),
    "budget_slice": ("said.signed", "said.signed"),
    "budget_rewrites": ("off", False),
    "budget_store": ("redis://cache.corp.example/3", "redis://cache.corp.example/3"),
    "spikes": ("no", False),
    "spike_tags": ("team, plan", ("team", "plan")),
    "spike_limits": ("call=2.50, repeats = 50", {"call": Decimal("2.50"), "repeats": 50}),
    "retention_days": ("0", 0),
    "retention_megabytes": (" 500 ", 500),
    "alert_channels": (
        "mailto://a.example?to=b@c.d,e@f.g, critical log://",
        (Address("mailto://a.example?to=b@c.d,e@f.g"), Address("log://", "critical")),
    ),
    "alert_webhook_secret": ("s3cret", Secret("s3cret")),
    "alert_quiet_hours": ("22:00-07:00, sat-sun Europe/Berlin", "22:00-07:00, sat-sun Europe/Berlin"),
    "alert_group_seconds": ("0", 0),
    "content": ("answer, summarise", ("answer", "summarise")),
    "content_limit": ("100", 100),
    "content_days": ("7", 7),
    "content_redact": ("package.module:name", "package.module:name"),
    "exporters": ("otlp, jsonl", {"otlp": {}, "jsonl": {}}),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_can_be_set_by_its_variable(tmp_path: Path, name: str) -> None:
    """OUTLAY_<NAME>, written as people write such things."""
    text, value = VALUES[name]
    assert getattr(load({}, {f"OUTLAY_{name.upper()}": text}, tmp_path), name) == value


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_variable_sets_nothing(tmp_path: Path, name: str) -> None:
    """A container's template that leaves a variable empty leaves the setting as it is."""
    assert load({}, {f"OUTLAY_{name.upper()}": " "}, tmp_path) == Settings()


def test_providers_go_by_their_proper_names(tmp_path: Path) -> None:
    """Whatever alias someone writes, and whatever the case of the host."""
    write(tmp_path / "outlay.toml", '[hosts]\n"LLM.Corp.example" = "azure"\n"*.ai.example" = "my-own"')
    assert load({}, {}, tmp_path).hosts == {"llm.corp.example": "azure.ai.openai", "*.ai.example": "my-own"}


def test_a_provider_that_looks_misspelled_is_asked_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A name of one's own is allowed, so it is a warning."""
    assert load({"hosts": {"a.example": "antropic"}}, {}, tmp_path).hosts == {"a.example": "antropic"}
    assert "'antropic', which outlay does not know; is it 'anthropic'?" in caplog.text


def test_a_variable_that_is_no_setting_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An environment may be set up for a newer outlay: an old process must still start in it."""
    with caplog.at_level(logging.WARNING, "outlay"):
        for _ in range(2):
            assert load({}, {"OUTLAY_PROJEKT": "x", "OUTLAY_TEST_REDIS": "y"}, tmp_path) == Settings()
    assert caplog.messages == [
        "outlay knows no variable OUTLAY_PROJEKT, and goes on without it; did you mean OUTLAY_PROJECT?"
    ]


@pytest.mark.parametrize(
    ("arguments", "environ"), [({}, {"OUTLAY_DISABLED": "1"}), ({"disabled": True}, {"OUTLAY_DISABLED": "0"})]
)
def test_disabled_nothing_else_is_read(tmp_path: Path, arguments: dict[str, Any], environ: dict[str, str]) -> None:
    """The switch that turns everything off works when something else is wrong."""
    write(tmp_path / "outlay.toml", "this is no TOML")
    assert load(arguments, environ | {"OUTLAY_RETENTION_DAYS": "soon"}, tmp_path) == Settings(disabled=True)


def test_an_argument_turns_on_what_the_environment_turns_off(tmp_path: Path) -> None:
    """Arguments win, here too."""
    assert not load({"disabled": False}, {"OUTLAY_DISABLED": "1"}, tmp_path).disabled


def test_every_setting_is_an_argument_of_init() -> None:
    """As docs/configuration.md says."""
    assert set(inspect.signature(outlay.init).parameters) == set(Settings.__struct_fields__)
