"""A Celery task runs in the tags and below the span that it was sent in: a real worker, its messages in memory."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker

import outlay
from outlay import context
from outlay.middleware import celery, pack, unpack
from tests.context.kept import Kept, call

pytestmark = pytest.mark.slow  # a worker takes seconds to start and to end

app = Celery("tests", broker="memory://", backend="cache+memory://")
app.conf.update(worker_hijack_root_logger=False, task_default_retry_delay=0, broker_connection_retry_on_startup=True)


def task(function: Callable[..., None], **options: Any) -> Any:
    """Make a Celery task of ``function``."""
    return app.task(**options)(function)


@task
def plain() -> None:
    """Call a model."""
    call()


@task
@outlay.track(feature="task")
def tracked() -> None:
    """Call a model, as a feature of its own."""
    call()


def _flaky(self: Any) -> None:
    """Call a model, and fail twice."""
    call()
    if self.request.retries < 2:
        raise self.retry(countdown=0)


flaky = task(_flaky, bind=True, max_retries=2)


@task
def sender() -> None:
    """Send another task, with a tag more."""
    with outlay.tags(step="second"):
        plain.delay()


@task
def broken() -> None:
    """Call a model, and fail."""
    call()
    raise ZeroDivisionError


@pytest.fixture(scope="module")
def worker() -> Iterator[None]:
    """Run a worker in a thread, with what outlay needs installed."""
    celery.install()
    celery.install()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kombu's and celery's own
        level = logging.root.level
        with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=20):
            logging.root.setLevel(level)  # the worker raised it, for every test that comes after
            yield
    celery.uninstall()


def test_tags_and_span_travel_from_producer_to_worker(worker: None, kept: Kept) -> None:
    """Trace and path go on; a task sent from nowhere has none, though the worker ran others before."""
    with outlay.tags(user="ünï", tenant="acme"), outlay.track("request") as span:
        plain.delay().get(20)
        tracked.delay().get(20)
    plain.delay().get(20)
    first, second, third = kept.calls
    assert first.tags == second.tags == {"user": "ünï", "tenant": "acme"}
    assert (first.path, second.path, second.feature) == ("request", "request/task", "task")
    assert first.parent_id == span.id
    assert first.trace_id == second.trace_id == span.trace_id
    assert (third.tags, third.path, third.parent_id) == ({}, "", None)
    assert sorted(one.name for one in kept.spans) == ["request", "tracked"]


def test_retries_and_what_a_task_sends_keep_them(worker: None, kept: Kept) -> None:
    """Each try is in the tags of who asked first."""
    with outlay.tags(user="u"):
        flaky.delay().get(20)
        sender.delay().get(20)
        with pytest.raises(ZeroDivisionError):
            broken.delay().get(20)
    plain.delay().get(20)
    assert sorted(kept.tags, key=len) == [{}, *[{"user": "u"}] * 4, {"user": "u", "step": "second"}]


def test_an_eager_task_runs_where_it_is_called(worker: None, kept: Kept) -> None:
    """There is no message."""
    with outlay.tags(user="u"), outlay.track("here") as span:
        plain.apply()
        assert span.calls == 1
    assert kept.tags == [{"user": "u"}]


def test_what_is_packed_here_is_unpacked_there(kept: Kept) -> None:
    """One line of ASCII, for any queue that has headers."""
    assert pack() is None
    with outlay.tags(user="u 🧾 \n"), outlay.track("outer") as span:
        parcel = pack()
    assert parcel is not None
    assert parcel.isascii()
    assert parcel.isprintable()
    with outlay.tags(other="x"), unpack(parcel):
        call()
    assert kept.calls[0].tags == {"user": "u 🧾 \n"}
    assert (kept.calls[0].parent_id, kept.spans[0].id) == (span.id, span.id)
    assert context.scope() is context.OUTSIDE


@pytest.mark.parametrize("parcel", [None, "", "nonsense", "[]", '{"tags": 3}'])
def test_a_parcel_that_can_not_be_read_changes_nothing(
    parcel: str | None, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message came from another version, or from someone else."""
    monkeypatch.delenv("OUTLAY_STRICT")
    with outlay.tags(user="u"), unpack(parcel):
        call()
    assert kept.tags == [{"user": "u"}]
