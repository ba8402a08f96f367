"""Outages of a real receiver, over HTTP and gRPC: afterwards nothing is missing, and what came twice has one id."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from outlay.export import Place
from outlay.ledger.ledger import Ledger
from outlay_integrations.exporters.otlp.backend import OTLP
from tests.delivery.backends import Post, asked, calls, ids
from tests.exporters.receiver import ACCEPTED, Answer, Receiver, grpc_receiver, http_receiver

CALLS = 30


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Yield a ledger with calls."""
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")


def drill(ledger: Ledger, endpoint: str, protocol: str, folder: Path, between: Callable[[int], None]) -> Post:
    """Deliver all the ledger's calls, with ``between`` called after each try; a new process takes over now and then."""
    exporter = OTLP.open(OTLP.options(endpoint=endpoint, protocol=protocol, metrics=False), Place(folder=folder))
    post = Post(ledger, exporter, asked(batch=4))
    ledger.write(calls(CALLS))
    for number in range(60):
        post.run()
        if not post.left:
            break
        post.clock.sleep(400)
        between(number)
        if number % 5 == 4:
            post.again()
    exporter.close()
    return post


def check(ledger: Ledger, receiver: Receiver, post: Post) -> None:
    """Compare what the receiver accepted with the ledger."""
    made = {call.id for _, call in ledger.calls_after(0, 1_000)}
    assert len(made) == CALLS
    assert set(receiver.ids) == made
    assert (post.left, post.aside) == (0, {})
    assert post.state.delivered == CALLS


def shaky(seed: int) -> Callable[[int], Answer]:
    """Return answers of which two thirds are troubles."""
    chance = random.Random(seed)
    troubles: list[Answer] = [
        (429, {"retry-after": "3"}, b"slow down"),
        (500, {}, b""),
        (503, {}, b"<html>"),
        (502, {}, b""),
    ]
    return lambda _: ACCEPTED if chance.random() < 0.33 else chance.choice(troubles)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_errors_of_every_kind_lose_nothing_and_send_nothing_twice(
    ledger: Ledger, tmp_path: Path, protocol: str
) -> None:
    """429, 500, 502 and 503 at random: what was not accepted was not kept."""
    receiver = Receiver()
    receiver.answer = shaky(7)
    serve = grpc_receiver if protocol == "grpc" else http_receiver
    with serve(receiver) as endpoint:
        post = drill(ledger, endpoint, protocol, tmp_path, lambda _: None)
    check(ledger, receiver, post)
    assert set(receiver.ids.values()) == {1}


def test_a_receiver_that_is_down_at_the_start_gets_everything_when_it_is_up(ledger: Ledger, tmp_path: Path) -> None:
    """And one that dies in the middle, and comes back at the same address."""
    receiver = Receiver()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with ExitStack() as up:

        def toggle(number: int) -> None:
            if number == 2:
                up.enter_context(http_receiver(receiver, port))
                receiver.answer = lambda request: ACCEPTED if request < 3 else (503, {}, b"going down")
            elif number == 3:
                up.close()
            elif number == 5:
                receiver.answer = lambda _: ACCEPTED
                up.enter_context(http_receiver(receiver, port))

        post = drill(ledger, f"http://127.0.0.1:{port}", "http/protobuf", tmp_path, toggle)
    check(ledger, receiver, post)
    assert set(receiver.ids.values()) == {1}


@pytest.mark.parametrize("trouble", ["cut", "hang"])
def test_what_was_accepted_without_an_answer_comes_again_with_its_id(
    ledger: Ledger, tmp_path: Path, trouble: str
) -> None:
    """The connection breaks, or nobody waits any longer, after the receiver has kept the batch."""
    receiver = Receiver()
    receiver.cut, receiver.hang = trouble == "cut", 1.0 if trouble == "hang" else 0.0

    def mend(number: int) -> None:
        if number == 1:
            receiver.cut, receiver.hang = False, 0.0

    with http_receiver(receiver) as endpoint:
        post = drill(ledger, endpoint, "http/protobuf", tmp_path, mend)
    check(ledger, receiver, post)
    twice = [one for one, times in receiver.ids.items() if times > 1]
    assert len(twice) == 4, "the first batch alone"
    assert len(ids([call for _, call in ledger.calls_after(0, 100)])) == CALLS


def test_a_batch_that_is_too_large_or_bad_is_split(ledger: Ledger, tmp_path: Path) -> None:
    """A receiver that takes two spans at once says 413 until they are two; each comes once."""
    receiver = Receiver()
    sizes: list[int] = []

    keep = receiver.take

    def take(body: bytes) -> Answer:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        request = ExportTraceServiceRequest.FromString(body)
        sizes.append(sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans))
        return (413, {}, b"too large") if sizes[-1] > 2 else keep(body)

    receiver.take = take  # type: ignore[method-assign]  # a receiver with limits
    with http_receiver(receiver) as endpoint:
        post = drill(ledger, endpoint, "http/protobuf", tmp_path, lambda _: None)
    check(ledger, receiver, post)
    assert set(receiver.ids.values()) == {1}
    assert max(sizes) == 4
