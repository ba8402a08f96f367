"""Outages of each backend: whatever it does, every record is there in the end, and a second one is known by its id."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from outlay.export import Backend, Exporter, Later, Place, Result
from outlay.guard import failure_of
from outlay.ledger.ledger import Ledger
from outlay.records import Call, Span
from outlay_integrations.exporters.ids import uuid_of
from outlay_integrations.exporters.langsmith.backend import LANGSMITH
from outlay_integrations.exporters.mlflow.backend import MLFLOW
from outlay_integrations.exporters.otlp.backend import OTLP
from outlay_integrations.exporters.weave.backend import WEAVE
from tests.delivery.backends import Post, asked, ids, span
from tests.exporters.records import batch
from tests.exporters.site import SILENT, Answer, Request, Rule, Site, serve
from tests.exporters.test_mlflow import mlflow
from tests.ledger.samples import call

SECOND = 10**9
Record = Call | Span


class Case(NamedTuple):
    """A backend, how it is opened, how it answers when all is well, and which records are in a request."""

    backend: Backend
    options: dict[str, Any]
    address: str
    rule: Rule
    route: str
    named: Callable[[Record], str]
    """What a record's name is in the body of a request."""

    def is_records(self, request: Request) -> bool:
        """Return whether a request brings records."""
        return request.path.endswith(self.route)

    def got(self, site: Site, records: Sequence[Record]) -> Counter[str]:
        """Return how often each record was accepted, by our id."""
        bodies = [request.body.decode("latin-1") for request in site.accepted if self.is_records(request)]
        return Counter({one.id: sum(self._is_in(body, one) for body in bodies) for one in records})

    def _is_in(self, body: str, record: Record) -> bool:
        name = self.named(record)
        marks = [f'"id":"{name}"', f'"id": "{name}"', f'post.{name}"']
        if self.backend in (MLFLOW, OTLP):  # in protobuf: its tag and length, then the id
            marks = [f"\x12\x08{name}"]
        return any(mark in body for mark in marks)


PERSONAL = ("LANGSMITH_", "LANGCHAIN_", "WANDB_", "WF_", "MLFLOW_", "OTEL_")
TAKEN = Answer(200, b"", {"content-type": "application/x-protobuf"})


def _bytes_of(record: Record) -> str:
    return bytes.fromhex(record.id).decode("latin-1")


def _uuid_of(record: Record) -> str:
    return str(uuid_of(record))


CASES = {
    "otlp": Case(OTLP, {"metrics": False}, "endpoint", lambda _: TAKEN, "/v1/traces", _bytes_of),
    "mlflow": Case(MLFLOW, {}, "tracking_uri", mlflow, "/v1/traces", _bytes_of),
    "langsmith": Case(LANGSMITH, {"api_key": "k"}, "endpoint", lambda _: Answer(202), "/runs/multipart", _uuid_of),
    "weave": Case(WEAVE, {"project": "team/shop"}, "url", lambda _: Answer(), "/calls/complete", _uuid_of),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    """Return each backend in turn, without the settings of the person who runs the tests."""
    import os

    for name in [one for one in os.environ if one.startswith(PERSONAL)]:
        monkeypatch.delenv(name)
    return CASES[str(request.param)]


class Drill:
    """A backend's server, an exporter to it, and a ledger of which it is to get all."""

    def __init__(self, case: Case, url: str, site: Site, folder: Path, ledger: Ledger) -> None:
        self.case = case
        self.site = site
        self._url = url
        self._folder = folder
        self.records: list[Record] = []
        self._ledger = ledger
        self._exporter = self._open()
        self.post = Post(ledger, self._exporter, asked(tree=True, batch=7))

    def _open(self) -> Exporter:
        self.site.rule = self.case.rule
        options = self.case.backend.options(**self.case.options, **{self.case.address: self._url})
        return self.case.backend.open(options, Place(folder=self._folder))

    def restart(self) -> None:
        """Begin as a new process would."""
        self._exporter.close()
        self._exporter = self._open()
        self.post.recorder = self._exporter
        self.post.again()

    def write(self, number: int) -> list[Record]:
        """Add that many calls in tracked functions to the ledger."""
        made: list[Record] = []
        for _ in range(number // 3):
            outer = span(f"{random.getrandbits(63) + 1:016x}", feature="f", path="f")
            made += [outer, *(call(parent_id=outer.id, trace_id=outer.trace_id, path="f", start=SECOND) for _ in "ab")]
        self._ledger.write(made)
        self.records += made
        return made

    def run(self, rule: Rule | None = None, **trouble: Any) -> None:
        """Deliver while the server does as it is told, once, and let the pause pass."""
        self.site.rule = rule or self.case.rule
        for name, value in trouble.items():
            setattr(self.site, name, value)
        self.post.run()
        self.site.hang, self.site.cut = 0.0, False
        self.post.clock.sleep(400)

    def got(self) -> Counter[str]:
        """Return how often each record was accepted, by our id."""
        return self.case.got(self.site, self.records)

    def is_records(self, request: Request) -> bool:
        """Return whether a request brings records."""
        return self.case.is_records(request)

    def failing(self, answer: Answer) -> Rule:
        """Return a rule that answers so to whatever brings records."""
        return lambda request: answer if self.is_records(request) else self.case.rule(request)


@pytest.fixture
def drill(case: Case, tmp_path: Path) -> Iterator[Drill]:
    """Yield a drill with a server that is up."""
    site = Site(case.rule)
    with serve(site) as url, Ledger.open(tmp_path / "ledger.db") as ledger:
        made = Drill(case, url, site, tmp_path / "own", ledger)
        yield made
        made._exporter.close()  # noqa: SLF001 - its own fixture


def test_nothing_is_lost_by_any_kind_of_trouble(drill: Drill) -> None:
    """Hung up on, 429, 500, a proxy's page, a hang; new records come in meanwhile, and none is set aside."""
    drill.write(30)
    drill.run(cut=True)
    drill.write(6)
    for answer in (
        Answer(429, headers={"retry-after": "1"}),
        Answer(500),
        Answer(200, b"<p>", {"content-type": "text/html"}),
    ):
        before = len(drill.site.accepted)
        drill.run(drill.failing(answer))
        assert drill.post.left > 0
        drill.site.accepted[before:] = [one for one in drill.site.accepted[before:] if answer.status != 200]
    drill.run()
    assert (drill.post.left, drill.post.aside) == (0, {})
    assert min(drill.got().values()) >= 1


@pytest.mark.parametrize("said", ["1000", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_backend_is_left_alone_for_as_long_as_it_says(drill: Drill, said: str) -> None:
    """By ``Retry-After``, seconds or a date; the pause that would have been ours is one second."""
    drill.write(3)
    drill.site.rule = drill.failing(Answer(429, headers={"retry-after": said}))
    drill.post.run()
    assert drill.post.state.retry_at - drill.post.clock.now >= 1_000 * SECOND
    assert "429" in drill.post.state.trouble


def test_what_was_accepted_without_a_word_comes_again_by_the_same_id(drill: Drill) -> None:
    """The connection was lost, or the process killed, between acceptance and our note of it."""
    drill.write(12)
    drill.run(drill.failing(Answer(SILENT)))
    drill.restart()
    drill.run()
    counts = drill.got()
    assert drill.post.left == 0
    assert set(counts.values()) <= {1, 2}
    assert 2 in counts.values()


def test_a_server_that_dies_in_the_middle_gets_the_rest_later(drill: Drill) -> None:
    """After it has taken two batches; these do not come again."""
    drill.write(42)
    taken: list[Request] = []

    def rule(request: Request) -> Answer:
        if drill.is_records(request):
            taken.append(request)
            if len(taken) > 2:
                return Answer(503)
        return drill.case.rule(request)

    drill.run(rule)
    assert 0 < drill.post.left < 42
    drill.run()
    assert drill.post.left == 0
    assert set(drill.got().values()) == {1}


def test_a_record_that_it_refuses_is_alone_in_that(drill: Drill) -> None:
    """Batches are taken whole or not at all: the bad one is found by halves, and set aside with the backend's words."""
    made = drill.write(21)
    bad = next(record for record in made if isinstance(record, Call))

    def rule(request: Request) -> Answer:
        if drill.is_records(request) and drill.case.named(bad) in request.body.decode("latin-1"):
            return Answer(422, b'{"detail": "too odd"}')
        return drill.case.rule(request)

    drill.run(rule)
    assert list(drill.post.aside) == [bad.id]
    assert "too odd" in drill.post.aside[bad.id]
    assert drill.post.left == 0
    assert {one for one, count in drill.got().items() if count == 1} == set(ids(made)) - {bad.id}


def test_a_server_that_hangs_is_left_in_time(drill: Drill) -> None:
    """As trouble of the backend's that passes."""
    drill.site.hang = 1.0
    began = time.monotonic()
    answers: list[Result] = []
    error = failure_of(lambda: answers.append(drill.post.recorder.send(batch(timeout=0.1))))
    assert isinstance(error, OSError) if error is not None else isinstance(answers[0], Later)
    assert time.monotonic() - began < 1.0
