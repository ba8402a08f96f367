"""A setting that can't be used is one sentence that says where it stands and what to do, before any call is made."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import outlay
from outlay import app
from outlay.config import load
from outlay.errors import ConfigError, MissingExtra

ARGUMENTS = "the arguments of init()"


def complaint(start: Path, arguments: dict[str, Any], environ: dict[str, str]) -> str:
    """Return what outlay says of settings that can't be used: one sentence on one line."""
    with pytest.raises(ConfigError) as caught:
        load(arguments, environ, start)
    said = str(caught.value)
    assert "\n" not in said
    assert re.search(r"[.?]$", said)
    return said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("projekt = 'x'", "{file}: there is no setting 'projekt'; did you mean 'project'?"),
        ("zzz = 1", "{file}: there is no setting 'zzz'; known are project, release, "),
        ("project = 3", "{file}: project must be a text, not 3."),
        ("ask_usage = 'yes'", "{file}: ask_usage must be true or false, not 'yes'."),
        ("retention_days = '30'", "{file}: retention_days must be a whole number, not '30'."),
        ("retention_days = true", "{file}: retention_days must be a whole number, not True."),
        ("retention_days = 1.5", "{file}: retention_days must be a whole number, not 1.5."),
        ("retention_days = -1", "{file}: retention_days = -1 is no number of days to keep: write one from 1 to 36500,"),
        ("retention_days = 99999", "or 0 for no limit."),
        ("retention_megabytes = 10_000_000_000", "{file}: retention_megabytes = 10000000000 is no number of megabytes"),
        ("content_days = 0", "{file}: content_days = 0 is no number of days to keep: write one from 1 to 36500."),
        ("content_limit = 0", "{file}: content_limit = 0 is no number of characters to keep: write one from 1 to"),
        ("content_limit = -1", "{file}: content_limit = -1 is no number of characters to keep"),
        ("tags = 'a=1'", "{file}: tags must be a table of name = \"value\", not 'a=1'."),
        ("tags = {a = {b = 1}}", '{file}: tags must be a table of name = "value"'),
        ('tags = {"" = "x"}', "{file}: tags has an empty name"),
        ("declared_tags = 'user'", "{file}: declared_tags must be a list of names, like"),
        ("declared_tags = [1]", "{file}: declared_tags must be a list of names, like"),
        ("timezone = 'Mars/Olympus'", "{file}: timezone = 'Mars/Olympus' is not an IANA zone: write one like"),
        ("timezone = '../../etc/passwd'", "is not an IANA zone"),
        ("timezone = ''", "is not an IANA zone"),
        ("price_book = 'nowhere.toml'", "nowhere.toml' is not there: give the path of a TOML file of prices"),
        ("data = ''", "{file}: data = '' is not a path"),
        ('hosts = {"https://llm.corp.example/v1" = "openai"}', "write the host only, 'llm.corp.example',"),
        ('hosts = {"llm.corp.example/v1" = "openai"}', "{file}: [hosts] has a name that is not a host: write the host"),
        ('hosts = {"a b" = "openai"}', "write a host like 'llm.corp.example'"),
        ('hosts = {"" = "openai"}', "{file}: hosts has an empty name"),
        ('hosts = {"a.example" = ""}', "{file}: [hosts] names no provider for 'a.example'"),
        ('hosts = ["a.example"]', "{file}: hosts must be a table"),
        ("alert_channels = 'log://'", "{file}: alert_channels must be a list of URLs, like"),
        ("alert_channels = ['log']", "{file}: entry 1 of alert_channels is no channel: write a URL like"),
        ("alert_channels = ['log://', 3]", "{file}: entry 2 of alert_channels is no channel: write a URL like"),
        ("alert_channels = ['webhook+https://a.example/x']", "has a webhook, whose messages are signed: set"),
        ("alert_webhook_secret = ''", "{file}: alert_webhook_secret must be a text that is not empty."),
        ("alert_quiet_hours = '25:00-7:00'", "{file}: alert_quiet_hours = '25:00-7:00' are no quiet hours: write them"),
        ("alert_quiet_hours = '22:00-07:00 Mars/Olympus'", "are no quiet hours"),
        ("alert_group_seconds = -1", "{file}: alert_group_seconds = -1 is no number of seconds: write one from 0 to"),
        ("spike_limits = 5", "{file}: spike_limits must be a table of numbers, like {{ call = 2.5, repeats = 50 }}."),
        (
            "spike_limits = {calls = 5}",
            "{file}: there is no limit spike_limits.calls; known are call, times, call_least,",
        ),
        ("spike_limits = {call = -1}", "{file}: spike_limits.call = -1 must be an amount of USD from 0 to 9,000,000."),
        ("spike_limits = {call = nan}", "{file}: spike_limits.call = nan must be an amount of USD"),
        ("spike_limits = {call = 'much'}", "{file}: spike_limits.call = 'much' must be an amount of USD"),
        ("spike_limits = {run_least = true}", "{file}: spike_limits.run_least = True must be an amount of USD"),
        (
            "spike_limits = {repeats = 1.5}",
            "{file}: spike_limits.repeats = 1.5 must be a whole number from 0 to 1,000,000",
        ),
        ("spike_limits = {capped = 21}", "{file}: spike_limits.capped = 21 must be a whole number from 0 to 20."),
        ("project = ", "{file} is not valid TOML: "),
    ],
)
def test_a_file_that_can_not_be_used(tmp_path: Path, text: str, said: str) -> None:
    """The sentence begins with the file."""
    file = tmp_path / "outlay.toml"
    file.write_text(text, encoding="utf-8")
    assert said.format(file=file) in complaint(tmp_path, {}, {})


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("OUTLAY_DISABLED", "maybe", "OUTLAY_DISABLED='maybe' must be 1 or 0 (or true, false, yes, no, on, off)."),
        ("OUTLAY_ASK_USAGE", "2", "OUTLAY_ASK_USAGE='2' must be 1 or 0"),
        ("OUTLAY_RETENTION_DAYS", "30d", "OUTLAY_RETENTION_DAYS='30d' must be a whole number."),
        ("OUTLAY_RETENTION_DAYS", "-5", "retention_days = -5 is no number of days"),
        ("OUTLAY_TAGS", "user", "OUTLAY_TAGS must be written as name=value,name=value."),
        ("OUTLAY_TAGS", "=1", "OUTLAY_TAGS must be written as name=value,name=value."),
        ("OUTLAY_HOSTS", "https://a.example=openai", "[hosts] has a name that is not a host: write the host only"),
        ("OUTLAY_TIMEZONE", "CEST+1", "timezone = 'CEST+1' is not an IANA zone"),
        ("OUTLAY_PRICE_BOOK", "/nowhere", "price_book = '/nowhere' is not there"),
        ("OUTLAY_DATA", "~nobody-at-all/x", "names a home that there is not: write the path in full."),
    ],
)
def test_a_variable_that_can_not_be_used(tmp_path: Path, variable: str, text: str, said: str) -> None:
    """The sentence begins with the environment."""
    found = complaint(tmp_path, {}, {variable: text})
    assert found.startswith("the environment: ")
    assert said in found


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("nowhere.toml", "can't be read (no such file or directory): mend it, or name another file by OUTLAY_CONFIG."),
        (".", "can't be read (is a directory)"),
        ("latin.toml", "is not UTF-8, as TOML must be: save it as UTF-8."),
        ("other/pyproject.toml", "tool.outlay must be a table"),
    ],
)
def test_a_named_file_that_can_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, said: str
) -> None:
    """Who names a file means it: none is an error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin.toml").write_bytes('project = "Käse"'.encode("latin-1"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/pyproject.toml").write_text("tool.outlay = 1")
    assert said in complaint(tmp_path, {}, {"OUTLAY_CONFIG": named})


def test_an_argument_that_can_not_be_used(tmp_path: Path) -> None:
    """The sentence begins with init()."""
    assert (
        complaint(tmp_path, {"projct": 1}, {}) == f"{ARGUMENTS}: there is no setting 'projct'; did you mean 'project'?"
    )
    assert complaint(tmp_path, {"declared_tags": "user"}, {}).startswith(f"{ARGUMENTS}: declared_tags must be a list")


def test_what_is_secret_of_a_channel_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong, with a channel or beside it; and not by printing the settings either."""
    secret = "hooks.example/T0/B0/s3cret"
    for channels in (
        [f"webhook+https://{secret}"],
        [f"slack//{secret}"],
        {f"slack://{secret}": 1},
        f"slack://{secret}",
    ):
        given = {"alert_channels": channels, "alert_quiet_hours": "never"}
        assert "s3cret" not in complaint(tmp_path, given, {})
    good = {"alert_channels": [f"json://me:s3cret@h.example/{secret}"], "alert_webhook_secret": "s3cret"}
    assert "s3cret" not in repr(load(good, {}, tmp_path))
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(MissingExtra, match=r"needs apprise: pip install 'outlay\[alerts\]'") as caught:
        load(good, {}, tmp_path)
    assert "s3cret" not in str(caught.value)


def test_a_key_inside_a_host_is_not_repeated(tmp_path: Path) -> None:
    """Someone may paste a URL with its password; a complaint ends up in logs."""
    found = complaint(tmp_path, {"hosts": {"https://me:sk-secret@llm.example/?key=sk-secret": "openai"}}, {})
    assert "sk-secret" not in found
    assert "'llm.example'" in found


@pytest.mark.parametrize(
    "name", ["llm", "llm.corp.example", "*.corp.example", "127.0.0.1:8080", "::1", "[fe80::1]", "a_b.c"]
)
def test_every_kind_of_host_can_be_named(tmp_path: Path, name: str) -> None:
    """A short name, a pattern, an address, one with a port: what an HTTP client may send to."""
    assert load({"hosts": {name: "openai"}}, {}, tmp_path).hosts == {name: "openai"}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(load({}, {}, Path("/")).__struct_fields__)), anything))
def test_whatever_is_given_is_taken_or_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, given: dict[str, Any]
) -> None:
    """No value of any type gets another exception out of outlay."""
    said = ARGUMENTS
    try:
        load(given, {}, tmp_path_factory.getbasetemp())
    except ConfigError as error:
        said = str(error)
    assert said.startswith(ARGUMENTS)


def test_init_refuses_before_anything_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No patch, no folder, no thread: the application is as it was."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outlay.toml").write_text("retention = 30")
    active = app.patcher().active
    with pytest.raises(outlay.ConfigError, match="did you mean 'retention_days'"):
        outlay.init()
    assert app.current() is None
    assert app.patcher().active is active
    assert not (tmp_path / "outlay-data").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"exporters": ["nope"]},
        {"price_book": "/nowhere.toml"},
        {"budgets": [{"name": "m", "limit": 1}], "budget_store": "redis.example:6379"},
        {"budgets": [{"name": "m", "limit": 1}], "budget_store": "Memory"},
    ],
    ids=str,
)
def test_init_that_refuses_leaves_what_runs_as_it_is(
    wrong: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sets something wrong the second time goes on being metered as the first time."""
    monkeypatch.setattr(app, "stand_in", None)
    try:
        running = app.init(data=str(tmp_path), instrument=False)
        with pytest.raises(outlay.ConfigError):
            app.init(data=str(tmp_path), instrument=False, **wrong)
        assert app.current() is running is not None
    finally:
        app.shut()
