"""Calls and prices as Weave's trace server gets them, and what the exporter makes of its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.export import Content, Delivered, Exporter, Later, Place, Refused
from outlay.records import Call, Cost, Usage
from outlay_integrations.exporters.ids import uuid_of
from outlay_integrations.exporters.weave.backend import WEAVE
from outlay_integrations.exporters.weave.prices import Prices
from tests.exporters.records import FAILED, SPAN, TRACE, WHOLE, batch
from tests.exporters.site import Answer, Request, Site, serve
from tests.ledger.samples import START, call

SECOND = 10**9


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of the person who runs the tests out."""
    import os

    for name in [name for name in os.environ if name.startswith(("WANDB_", "WF_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def site() -> Site:
    """Return a trace server that accepts all."""
    return Site()


@pytest.fixture
def exporter(site: Site, tmp_path: Path) -> Iterator[Exporter]:
    """Yield an exporter to ``site``."""
    with serve(site) as url:
        opened = WEAVE.open(WEAVE.options(url=url, project="team/shop"), Place(folder=tmp_path))
        yield opened
        opened.close()


def calls(site: Site) -> dict[str, dict[str, Any]]:
    """Return the calls that were accepted, by our own id."""
    sent = [one for request in site.asked("/calls/complete") for one in request.json["batch"]]
    return {one["attributes"]["outlay"]["id"]: one for one in sent}


def told(site: Site) -> list[dict[str, Any]]:
    """Return the prices that were told, in order, of one model each."""
    return [price for request in site.asked("/cost/create") for price in request.json["costs"].values()]


def priced(tokens: dict[str, int], pico: dict[str, int], **fields: Any) -> Call:
    """Return a call with these tokens, at these pico-USD a token."""
    by_class = {name: count * pico[name] for name, count in tokens.items()}
    cost = Cost(status="priced", amount=sum(by_class.values()), by_class=by_class, price_id=fields.pop("price_id", "p"))
    return call(usage=Usage(classes=dict(tokens)), cost=cost, **fields)


def shown(price: dict[str, Any], one: dict[str, Any]) -> float:
    """Return what Weave computes for a call by a price, as its server does."""
    (usage,) = one["summary"]["usage"].values()
    read, write = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    return float(
        (usage["input_tokens"] - read - write) * price["prompt_token_cost"]
        + usage["output_tokens"] * price["completion_token_cost"]
        + read * price["cache_read_input_token_cost"]
        + write * price["cache_creation_input_token_cost"]
    )


def test_a_trace_has_its_tree_its_tokens_and_its_cost(exporter: Exporter, site: Site) -> None:
    """Usage under the model's name at calls alone; our exact cost in the summary and the attributes."""
    assert exporter.send(batch()) == Delivered()
    (request,) = site.asked("/calls/complete")
    assert request.path == "/v2/team/shop/calls/complete"
    found = calls(site)
    root, whole, failed = found[SPAN.id], found[WHOLE.id], found[FAILED.id]
    assert {one["trace_id"] for one in found.values()} == {TRACE}
    assert [one["parent_id"] for one in (root, whole, failed)] == [None, root["id"], root["id"]]
    assert (root["op_name"], whole["op_name"], whole["display_name"]) == ("answer", "outlay.chat", "chat gpt-4o-mini")
    assert (whole["thread_id"], whole["turn_id"]) == ("s-1", root["id"])
    assert whole["summary"]["usage"] == {
        "gpt-4o-mini-2024-07-18": {
            "requests": 1,
            "input_tokens": 180,
            "output_tokens": 30,
            "total_tokens": 210,
            "cache_read_input_tokens": 50,
            "cache_creation_input_tokens": 30,
        }
    }
    own = whole["attributes"]["outlay"]
    assert (own["cost_usd"], whole["summary"]["outlay"]["cost_usd"]) == (37.5e-6, 37.5e-6)
    assert (own["cost_status"], own["ttft_ms"], own["cache_write_1h_input_tokens"]) == ("priced", 250, 10)
    assert (whole["attributes"]["team"], whole["attributes"]["user"]) == ("search", "u-1")
    assert (failed["exception"], failed["summary"]["status_counts"]) == (
        "rate_limit_exceeded",
        {"success": 0, "error": 1},
    )
    assert "usage" not in root["summary"], "Weave adds what is below a call to its own"


def test_prices_are_told_once_and_before_the_calls(exporter: Exporter, site: Site) -> None:
    """In force from the first call on, so that the cost that Weave computes is ours."""
    some = [priced({"input": 1000, "output": 50 * n}, {"input": 150_000, "output": 600_000}) for n in (1, 2)]
    exporter.send(batch(*some))
    exporter.send(batch(*some))
    assert [request.path.rpartition("/")[2] for request in site.requests] == ["create", "complete", "complete"]
    (price,) = told(site)
    assert price["effective_date"] == "2025-11-22T08:26:40+00:00"
    for one in some:
        found = calls(site)[one.id]
        assert shown(price, found) == pytest.approx(float(one.cost.usd or 0), abs=1e-9)
        assert "weave_cost" not in found["attributes"]["outlay"]


def test_a_rate_that_was_not_known_yet_is_told_when_a_call_needs_it(exporter: Exporter, site: Site) -> None:
    """The first call had no cache reads."""
    rates = {"input": 150_000, "output": 600_000, "cache_read": 75_000}
    exporter.send(batch(priced({"input": 10, "output": 5}, rates)))
    later = priced({"input": 10, "cache_read": 90, "output": 5}, rates, start=START + SECOND)
    exporter.send(batch(later))
    assert [price["cache_read_input_token_cost"] for price in told(site)] == [0.0, 75e-9]
    assert shown(told(site)[1], calls(site)[later.id]) == pytest.approx(float(later.cost.usd or 0), abs=1e-9)


def test_a_price_that_has_changed_holds_from_then_on(exporter: Exporter, site: Site) -> None:
    """By another row of the price table: both before and after, Weave's cost is ours."""
    before = priced({"input": 10, "output": 5}, {"input": 150_000, "output": 600_000})
    after = priced(
        {"input": 10, "output": 5}, {"input": 100_000, "output": 400_000}, start=START + SECOND, price_id="q"
    )
    exporter.send(batch(before, after))
    first, second = told(site)
    assert [price["effective_date"] for price in (first, second)] == [
        "2025-11-22T08:26:40+00:00",
        "2025-11-22T08:26:41+00:00",
    ]
    assert shown(first, calls(site)[before.id]) == pytest.approx(float(before.cost.usd or 0), abs=1e-9)
    assert shown(second, calls(site)[after.id]) == pytest.approx(float(after.cost.usd or 0), abs=1e-9)


PLAIN = {"input": 150_000, "output": 600_000, "cache_write_5m": 200_000, "cache_write_1h": 300_000}


@pytest.mark.parametrize(
    "other, reason",
    [
        (
            priced({"input": 9, "output": 5}, {"input": 300_000, "output": 600_000}, start=START + SECOND),
            "another band",
        ),
        (
            priced({"input": 9, "output": 5}, {"input": 75_000, "output": 300_000}, terms={"tier": "batch"}),
            "another provider, tier or region",
        ),
        (priced({"input": 9, "output": 5}, PLAIN | {"input": 1}, provider="azure.ai.openai"), "another provider"),
        (priced({"cache_write_5m": 100, "cache_write_1h": 100, "output": 1}, PLAIN), "classes of several rates"),
        (priced({"input": 9, "web_search": 1, "output": 5}, PLAIN | {"web_search": 10**10}), "fees"),
        (call(cost=Cost(status="priced", amount=7 * 10**6, source="reported")), "reported by the provider"),
        (call(cost=Cost(status="partial", amount=7 * 10**6, unpriced=("output",))), "partial"),
        (call(cost=Cost(status="unknown")), "unknown"),
    ],
)
def test_what_weave_can_not_express_is_said(exporter: Exporter, site: Site, other: Call, reason: str) -> None:
    """Our own cost stands beside it, and no other call's price is touched."""
    exporter.send(batch(priced({"input": 10, "output": 5}, PLAIN)))
    exporter.send(batch(other))
    own = calls(site)[other.id]["attributes"]["outlay"]
    assert own["weave_cost"].startswith(reason)
    assert own.get("cost_usd") == (None if other.cost.usd is None else pytest.approx(float(other.cost.usd)))
    assert len(told(site)) == 1


def test_the_log_says_once_what_weave_can_not_express(
    exporter: Exporter, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """And at the end how many calls that were; of calls without a price reports speak."""
    caplog.set_level("INFO", "outlay")
    reported = [call(cost=Cost(status="priced", amount=7, source="reported")) for _ in range(3)]
    exporter.send(batch(*reported, call(cost=Cost(status="unknown"))))
    exporter.close()
    first, last = caplog.messages
    assert "(reported by the provider)" in first
    assert last == "Weave computes another cost than ours for {'reported by the provider': 3}."
    assert site.accepted


RATES = st.fixed_dictionaries(
    {name: st.integers(1, 10**8) for name in ("input", "output", "cache_read", "cache_write_5m")}
)
TOKENS = st.dictionaries(
    st.sampled_from(["input", "output", "cache_read", "cache_write_5m"]), st.integers(1, 10**5), min_size=1
)


@given(rates=RATES, used=st.lists(TOKENS, min_size=1, max_size=8))
def test_wherever_one_rate_set_holds_weaves_cost_is_ours(
    tmp_path_factory: pytest.TempPathFactory, rates: dict[str, int], used: list[dict[str, int]]
) -> None:
    """Whichever classes a call has, and in whatever order they turn up."""
    prices = Prices(tmp_path_factory.mktemp("prices"), "team/shop")
    made = [priced(tokens, rates, start=START + place * SECOND) for place, tokens in enumerate(used)]
    assert prices.differences(made) == {}
    bodies = [body["gpt-4o-mini"] for body in prices.news()]
    for one in made:
        from outlay_integrations.exporters.weave.calls import call as body_of

        body = body_of(batch(one), one, "team/shop")
        in_force = max(
            (price for price in bodies if price["effective_date"] <= body["started_at"]),
            key=lambda price: price["effective_date"],
        )
        assert shown(in_force, body) == pytest.approx(float(one.cost.usd or 0), abs=1e-9)


def test_a_new_process_knows_what_was_told(site: Site, tmp_path: Path) -> None:
    """A price that was told but not noted is told again, which changes nothing."""
    for _ in range(2):
        with serve(site) as url:
            exporter = WEAVE.open(WEAVE.options(url=url, project="team/shop"), Place(folder=tmp_path))
            exporter.send(batch(priced({"input": 10, "output": 5}, PLAIN)))
            exporter.close()
    assert len(told(site)) == 1


def test_a_record_that_comes_again_is_the_same_call(exporter: Exporter, site: Site) -> None:
    """By its id, made from ours."""
    exporter.send(batch())
    exporter.send(batch())
    first, second = [request.json for request in site.asked("/calls/complete")]
    assert first == second
    assert first["batch"][1]["id"] == str(uuid_of(WHOLE))


def test_content_is_sent_where_there_is_some(exporter: Exporter, site: Site) -> None:
    """As it was kept, by OpenTelemetry's schema."""
    messages = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    content = Content(input_messages=json.dumps(messages), output_messages="[]", truncated=True)
    exporter.send(batch(WHOLE, content={WHOLE.id: content}))
    found = calls(site)[WHOLE.id]
    assert found["inputs"] == {"model": "gpt-4o-mini", "messages": messages}
    assert (found["output"], found["attributes"]["outlay"]["content_truncated"]) == ([], True)


@pytest.mark.parametrize(
    "answer, expected",
    [
        (Answer(422, b'{"detail": "bad"}'), Refused),
        (Answer(413), Refused),
        (Answer(429, headers={"retry-after": "7"}), Later),
        (Answer(500), Later),
        (Answer(401), Later),
        (Answer(200, b"<html>", {"content-type": "text/html"}), Later),
    ],
)
def test_the_answer_decides(exporter: Exporter, site: Site, answer: Answer, expected: type) -> None:
    """What was refused is split by who delivers; the rest comes again."""
    site.rule = lambda request: answer if request.path.endswith("complete") else Answer()
    result = exporter.send(batch())
    assert isinstance(result, expected)
    assert len(site.requests) == 2, "a price and the calls, once each"
    assert not isinstance(result, Later) or answer.status != 429 or result.after == 7


def test_prices_that_are_refused_hold_nothing_up(exporter: Exporter, site: Site) -> None:
    """Each call says that Weave's cost is not ours; a server that can't take them now is asked again."""
    one = priced({"input": 10, "output": 5}, PLAIN)
    site.rule = lambda request: Answer(503) if request.path.endswith("create") else Answer()
    assert isinstance(exporter.send(batch(one)), Later)
    site.rule = lambda request: Answer(422) if request.path.endswith("create") else Answer()
    assert exporter.send(batch(one)) == Delivered()
    assert calls(site)[one.id]["attributes"]["outlay"]["weave_cost"] == "prices were refused"
    site.rule = lambda _: Answer()
    exporter.send(batch(one))
    assert len(told(site)) == 1


def wandb(request: Request) -> Answer:
    """Answer as W&B does to who has a default entity, and no project yet."""
    if request.path != "/graphql":
        return Answer()
    query = request.json["query"]
    if "viewer" in query:
        return Answer(200, b'{"data": {"viewer": {"defaultEntity": {"name": "mine"}}}}')
    return Answer(200, b'{"data": {"project": null}}' if "query Project" in query else b'{"data": {}}')


def test_the_environment_of_its_ecosystem_configures_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key, the project, a server of one's own; the entity is asked for, and the project made."""
    site.rule = wandb
    with serve(site) as url:
        monkeypatch.setenv("WANDB_BASE_URL", url)
        monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
        monkeypatch.setenv("WANDB_PROJECT", "nightly")
        exporter = WEAVE.open(WEAVE.options(), Place(folder=tmp_path))
        assert exporter.send(batch(WHOLE)) == Delivered()
        exporter.close()
    assert [request.path for request in site.requests] == [
        "/graphql",
        "/graphql",
        "/graphql",
        "/traces/cost/create",
        "/traces/v2/mine/nightly/calls/complete",
    ]
    assert site.requests[2].json["variables"] == {"name": "nightly", "entity": "mine"}
    assert {request.headers["authorization"][:6] for request in site.requests} == {"Basic "}


def test_a_team_that_is_not_said_is_asked_for(tmp_path: Path) -> None:
    """With what to set."""
    with pytest.raises(ValueError, match="set WANDB_API_KEY"):
        WEAVE.open(WEAVE.options(project="shop"), Place(folder=tmp_path))
