"""Runs as LangSmith gets them from its own client, and what the exporter makes of its answers."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.export import Content, Delivered, Exporter, Later, Place, Refused
from outlay.records import Call, Cost, Span
from outlay_integrations.exporters.ids import uuid_of
from outlay_integrations.exporters.langsmith.backend import LANGSMITH
from outlay_integrations.exporters.langsmith.runs import run
from tests.exporters.readback import PAGE
from tests.exporters.records import FAILED, SPAN, WHOLE, batch
from tests.exporters.site import Answer, Site, serve
from tests.ledger.samples import START, call


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of the person who runs the tests out."""
    import os

    for name in [name for name in os.environ if name.startswith(("LANGSMITH_", "LANGCHAIN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANGSMITH_CONFIG_FILE", str(tmp_path / "none"))


@pytest.fixture
def site() -> Site:
    """Return an API that accepts all."""
    return Site(lambda _: Answer(202))


@pytest.fixture
def exporter(site: Site, tmp_path: Path) -> Iterator[Exporter]:
    """Yield an exporter to ``site``."""
    with serve(site) as url:
        options = LANGSMITH.options(endpoint=url, api_key="ls-key", project="shop")
        opened = LANGSMITH.open(options, Place(folder=tmp_path))
        yield opened
        opened.close()


def runs(site: Site) -> dict[str, dict[str, Any]]:
    """Return the runs that were accepted, put together from their parts, by our own id."""
    found: dict[str, dict[str, Any]] = {}
    for request in site.asked("/runs/multipart"):
        for name, value in request.parts.items():
            _, one, *field = name.split(".")
            found.setdefault(one, {}).update({field[0]: value} if field else value)
    return {one["extra"]["metadata"]["outlay_id"]: one for one in found.values()}


def shortened(shown: Any, whole: Any) -> bool:
    """Return whether a document is a part of another, with texts of which ``…`` stands for some."""
    if isinstance(shown, dict):
        return all(name in whole and shortened(value, whole[name]) for name, value in shown.items())
    if isinstance(shown, list):
        return len(shown) == len(whole) and all(map(shortened, shown, whole))
    if isinstance(shown, str):
        return re.fullmatch(re.escape(shown).replace("…", ".*"), str(whole)) is not None
    return bool(shown == whole)


def test_the_page_shows_a_call_as_it_is_sent(exporter: Exporter, site: Site) -> None:
    """Every field that docs/exporters.md shows, with its value."""
    exporter.send(batch())
    page = PAGE.read_text(encoding="utf-8")
    (block,) = [found for found in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if "dotted_order" in found]
    assert shortened(json.loads(block), runs(site)[WHOLE.id])


def test_a_trace_has_its_tree_its_tokens_and_its_cost(exporter: Exporter, site: Site) -> None:
    """By the client's own multipart route: one request, with ids and an order that LangSmith takes."""
    assert exporter.send(batch()) == Delivered()
    (request,) = site.requests
    assert (request.path, request.headers["x-api-key"]) == ("/runs/multipart", "ls-key")
    found = runs(site)
    root, whole, failed = found[SPAN.id], found[WHOLE.id], found[FAILED.id]
    assert {one["trace_id"] for one in found.values()} == {root["id"]}
    assert [one.get("parent_run_id") for one in (root, whole, failed)] == [None, root["id"], root["id"]]
    assert whole["dotted_order"] == f"{root['dotted_order']}.20251122T082640000000Z{whole['id']}"
    assert [one["run_type"] for one in (root, whole, failed)] == ["chain", "llm", "llm"]
    assert {one["session_name"] for one in found.values()} == {"shop"}
    assert datetime.fromisoformat(whole["start_time"]) == datetime.fromtimestamp(START / 1e9, UTC)
    assert (root.get("error"), failed["error"]) == (None, "rate_limit_exceeded")
    assert whole["events"] == [{"name": "new_token", "time": "2025-11-22T08:26:40.250000+00:00"}]
    said = whole["extra"]["metadata"]
    assert (said["ls_provider"], said["ls_model_name"]) == ("openai", "gpt-4o-mini-2024-07-18")
    assert (said["session_id"], said["user_id"], said["team"]) == ("s-1", "u-1", "search")
    assert "usage_metadata" not in root["extra"]["metadata"], "sums would count them twice"


def test_usage_has_its_parts_and_their_costs(exporter: Exporter, site: Site) -> None:
    """Totals include their parts; of parts that are nothing nothing is said."""
    exporter.send(batch())
    usage = runs(site)[WHOLE.id]["extra"]["metadata"]["usage_metadata"]
    costs = {name: usage.pop(name) for name in list(usage) if "cost" in name}
    assert usage == {
        "input_tokens": 180,
        "output_tokens": 30,
        "total_tokens": 210,
        "input_token_details": {
            "cache_read": 50,
            "cache_creation": 30,
            "ephemeral_5m_input_tokens": 20,
            "ephemeral_1h_input_tokens": 10,
        },
        "output_token_details": {"reasoning": 12},
    }
    details = costs.pop("input_cost_details")
    assert costs == pytest.approx({"input_cost": 23.25e-6, "output_cost": 14.25e-6, "total_cost": 37.5e-6}, abs=1e-15)
    assert details == pytest.approx({"cache_read": 3.75e-6, "cache_creation": 4.5e-6}, abs=1e-15)


def test_a_cost_that_is_not_known_is_left_out_and_said(exporter: Exporter, site: Site) -> None:
    """LangSmith may put a price of its own there; one that is free has explicit zeros."""
    unknown, free = call(cost=Cost(status="unknown")), call(cost=Cost(status="free", amount=0))
    exporter.send(batch(unknown, free))
    found = runs(site)
    said = found[unknown.id]["extra"]["metadata"]
    assert [name for name in said["usage_metadata"] if "cost" in name] == []
    assert (said["outlay_cost_status"], found[unknown.id]["tags"]) == ("unknown", ["cost:unknown"])
    assert found[free.id]["extra"]["metadata"]["usage_metadata"]["total_cost"] == 0.0


def test_content_is_sent_where_there_is_some(exporter: Exporter, site: Site) -> None:
    """As messages of a role and a text; what is not only text stays as it is."""
    call_of_a_tool = {"role": "assistant", "parts": [{"type": "tool_call", "name": "look"}]}
    content = Content(
        system_instructions=json.dumps([{"type": "text", "content": "Be kind."}]),
        input_messages=json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]),
        output_messages=json.dumps([call_of_a_tool]),
    )
    exporter.send(batch(WHOLE, content={WHOLE.id: content}))
    found = runs(site)[WHOLE.id]
    assert found["inputs"]["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "hi"},
    ]
    assert found["outputs"] == {"messages": [call_of_a_tool]}


def test_a_record_that_comes_again_is_the_same_run(exporter: Exporter, site: Site) -> None:
    """Each id is of version 7, made from ours and from when it began."""
    for _ in range(2):
        exporter.send(batch())
    first, second = [request.parts for request in site.asked("/runs/multipart")]
    assert first == second
    made = uuid_of(WHOLE)
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == START // 10**6


@given(
    st.lists(st.tuples(st.integers(0, 2**63), st.integers(0, 2**64 - 1)), unique_by=lambda pair: pair[1], max_size=20)
)
def test_ids_of_different_records_differ(made: list[tuple[int, int]]) -> None:
    """And sort by time, to the millisecond."""
    found = [uuid_of(call(id=f"{one:016x}", trace_id=f"{one:032x}", start=start)) for start, one in made]
    assert len(set(found)) == len(made)
    times = [one.int >> 80 for one in sorted(found)]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "answer, expected",
    [
        (Answer(422, b'{"detail": "bad"}'), Refused),
        (Answer(413), Refused),
        (Answer(429, headers={"retry-after": "7"}), Later),
        (Answer(500), Later),
        (Answer(401), Later),
        (Answer(404), Later),
        (Answer(200, b"<html>", {"content-type": "text/html"}), Later),
    ],
)
def test_the_answer_decides(
    exporter: Exporter, site: Site, answer: Answer, expected: type, caplog: pytest.LogCaptureFixture
) -> None:
    """And not the client, which tries thrice, logs, and goes on."""
    site.rule = lambda _: answer
    result = exporter.send(batch())
    assert isinstance(result, expected)
    assert len(site.requests) == 1
    assert not isinstance(result, Later) or answer.status != 429 or result.after == 7
    assert caplog.records == []


def test_a_run_that_it_has_is_delivered(exporter: Exporter, site: Site) -> None:
    """Alone; one among others is found by halves, so that the others are not lost with it."""
    site.rule = lambda _: Answer(409)
    assert exporter.send(batch(WHOLE)) == Delivered()
    assert isinstance(exporter.send(batch()), Refused)


def test_a_backend_that_hangs_or_hangs_up_is_asked_later(exporter: Exporter, site: Site) -> None:
    """Within the batch's time."""
    site.cut = True
    assert isinstance(exporter.send(batch()), Later)
    site.hang = 0.5
    assert isinstance(exporter.send(batch(timeout=0.1)), Later)


def test_the_environment_of_its_ecosystem_configures_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endpoint, key, workspace, project; money is never sampled."""
    with serve(site) as url:
        monkeypatch.setenv("LANGSMITH_ENDPOINT", url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "ls-env")
        monkeypatch.setenv("LANGSMITH_WORKSPACE_ID", "b4a1f4a2-0000-4000-8000-000000000000")
        monkeypatch.setenv("LANGSMITH_PROJECT", "nightly")
        monkeypatch.setenv("LANGSMITH_TRACING_SAMPLING_RATE", "0.0")
        exporter = LANGSMITH.open(LANGSMITH.options(), Place(folder=tmp_path))
        assert exporter.send(batch()) == Delivered()
        exporter.close()
    (request,) = site.requests
    assert request.headers["x-api-key"] == "ls-env"
    assert request.headers["x-tenant-id"] == "b4a1f4a2-0000-4000-8000-000000000000"
    assert {one["session_name"] for one in runs(site).values()} == {"nightly"}


STATUSES = st.sampled_from(["priced", "partial", "free", "included", "unknown"])


@given(status=STATUSES, amount=st.integers(0, 10**15), source=st.sampled_from(["computed", "reported"]))
def test_no_number_is_ever_empty(status: Any, amount: int, source: Any) -> None:
    """A cost is three floats or nothing: the backends take no null, and no half of one."""
    cost = Cost(status=status, amount=None if status == "unknown" else amount, source=source)
    record: Call | Span = call(cost=cost)
    usage = run(batch(record), record, "p")["extra"]["metadata"]["usage_metadata"]
    costs = [usage[name] for name in ("input_cost", "output_cost", "total_cost") if name in usage]
    assert len(costs) in (0, 3)
    assert (costs == []) == (status == "unknown")
    assert all(isinstance(one, float) for one in costs)
    assert json.loads(json.dumps(usage, allow_nan=False)) == usage
