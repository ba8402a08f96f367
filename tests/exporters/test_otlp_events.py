"""Content as log events: beside the spans where that is asked for, and never in their way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from outlay.export import Batch, Content, Delivered, Exporter, Later, Place, Result
from outlay.ledger.ledger import Ledger
from outlay_integrations.exporters.otlp.backend import OTLP
from tests.delivery.backends import Post, asked
from tests.exporters.receiver import Answer, Receiver
from tests.exporters.test_otlp import WAYS, WHOLE, attributes
from tests.ledger.samples import call

INPUT = [
    {"role": "user", "parts": [{"type": "text", "content": "what is it?"}]},
    {"role": "assistant", "parts": [{"type": "tool_call", "id": None, "name": "look", "arguments": "{}"}]},
]
OUTPUT = [{"role": "assistant", "parts": [{"type": "text", "content": "a cat"}], "finish_reason": "stop"}]
SAID = Content(
    system_instructions=json.dumps([{"type": "text", "content": "be brief"}]),
    input_messages=json.dumps(INPUT),
    output_messages=json.dumps(OUTPUT),
    truncated=True,
)
BATCH = Batch(records=(WHOLE, call()), content={WHOLE.id: SAID})
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

Open = Callable[..., Exporter]


@pytest.fixture
def receiver() -> Receiver:
    """Return a receiver that accepts all."""
    return Receiver()


@pytest.fixture(params=WAYS)
def opened(request: pytest.FixtureRequest, receiver: Receiver, tmp_path: Path) -> Iterator[Open]:
    """Yield what opens an exporter to ``receiver``, by each protocol in turn."""
    made: list[Exporter] = []
    with WAYS[request.param](receiver) as endpoint:

        def open_(**options: Any) -> Exporter:
            given = OTLP.options(endpoint=endpoint, protocol=request.param, metrics=False, **options)
            made.append(OTLP.open(given, Place(folder=tmp_path, project="shop")))
            return made[-1]

        yield open_
        for exporter in made:
            exporter.close()


def test_an_event_has_what_was_said_in_the_context_of_its_span(opened: Open, receiver: Receiver) -> None:
    """By the conventions' name, messages in structured form; usage and cost stand at the span alone."""
    assert opened(content_as="events").send(BATCH) == Delivered()
    (event,) = receiver.logs
    assert event.event_name == "gen_ai.client.inference.operation.details"
    assert (event.trace_id.hex(), event.span_id.hex()) == (WHOLE.trace_id, WHOLE.id)
    assert event.time_unix_nano == WHOLE.end
    said = attributes(event)
    assert said["gen_ai.system_instructions"] == [{"type": "text", "content": "be brief"}]
    asked_tool = {"type": "tool_call", "name": "look", "arguments": "{}"}
    assert said["gen_ai.input.messages"] == [INPUT[0], {"role": "assistant", "parts": [asked_tool]}]
    assert said["gen_ai.output.messages"] == OUTPUT
    assert (said["gen_ai.operation.name"], said["gen_ai.provider.name"]) == ("chat", "openai")
    assert (said["gen_ai.request.model"], said["gen_ai.conversation.id"]) == ("gpt-4o-mini", "s-1")
    assert (said["log.record.uid"], said["outlay.content.truncated"]) == (WHOLE.id, True)
    assert not [name for name in said if "usage" in name or "cost" in name]
    assert len(receiver.spans) == 2


@pytest.mark.parametrize(
    "option, environment, in_span, in_event",
    [
        ("", "", True, False),
        ("attributes", "EVENT_ONLY", True, False),
        ("events", "", False, True),
        ("both", "NO_CONTENT", True, True),
        ("", "SPAN_ONLY", True, False),
        ("", "event_only", False, True),
        ("", "SPAN_AND_EVENT", True, True),
        ("", "NO_CONTENT", False, False),
    ],
)
def test_where_content_goes_is_said(
    opened: Open,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    environment: str,
    in_span: bool,
    in_event: bool,
) -> None:
    """By an option, else by the variable that instrumentations of OpenTelemetry's read, else to attributes."""
    monkeypatch.setenv(CAPTURE, environment)
    assert opened(content_as=option).send(BATCH) == Delivered()
    span = next(span for span in receiver.spans if span.span_id.hex() == WHOLE.id)
    assert ("gen_ai.input.messages" in attributes(span)) == in_span
    assert bool(receiver.logs) == in_event


def test_without_content_no_event_is_sent(opened: Open, receiver: Receiver) -> None:
    """No request either."""
    assert opened(content_as="events").send(Batch(records=(WHOLE,), content={WHOLE.id: Content()})) == Delivered()
    assert receiver.log_requests == 0


@pytest.mark.parametrize("answer", [(404, {}, b""), (400, {}, b"odd")])
def test_a_receiver_without_logs_gets_the_spans(
    opened: Open, receiver: Receiver, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    """It is said once, and nothing is held up."""
    receiver.answer_logs = lambda _: answer
    exporter = opened(content_as="events")
    assert [exporter.send(BATCH), exporter.send(BATCH)] == [Delivered(), Delivered()]
    assert len(receiver.spans) == 4
    assert [record.getMessage()[:57] for record in caplog.records if record.name == "outlay"] == [
        "outlay's receiver of OTLP takes no content as log events:"
    ]


def test_events_that_can_not_be_taken_now_come_again_without_their_spans(opened: Open, receiver: Receiver) -> None:
    """What the receiver has is not sent twice; a part that it rejected is told in the end."""
    receiver.answer_logs = lambda number: (503, {}, b"") if number < 2 else (200, {}, b"")
    exporter = opened(content_as="events")
    results: list[Result] = [exporter.send(BATCH) for _ in range(4)]
    assert [type(result) for result in results] == [Later, Later, Delivered, Delivered]
    assert sorted(receiver.ids.values()) == [2, 2], "the fourth batch is a new one, and goes whole"
    assert [attributes(event)["log.record.uid"] for event in receiver.logs] == [WHOLE.id, WHOLE.id]


def test_an_outage_of_the_logs_alone_loses_nothing(opened: Open, receiver: Receiver, tmp_path: Path) -> None:
    """All spans once, and all events."""
    receiver.answer_logs = lambda number: (503, {}, b"") if number % 3 else (200, {}, b"")
    exporter = opened(content_as="events")
    made = [call() for _ in range(10)]

    class Speaking:
        """The exporter, which finds content with each call."""

        def send(self, batch: Batch) -> Result:
            """Send the batch with what was said."""
            said = {one.id: SAID for one in batch.calls}
            return exporter.send(Batch(records=batch.records, content=said))

        def close(self) -> None:
            """Have nothing to close."""

    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.write(made)
        post = Post(ledger, Speaking(), asked(batch=3))
        for _ in range(20):
            post.run()
            post.clock.sleep(400)
        assert (post.left, post.aside) == (0, {})
    assert receiver.ids == {one.id: 1 for one in made}
    assert sorted(attributes(event)["log.record.uid"] for event in receiver.logs) == sorted(one.id for one in made)
