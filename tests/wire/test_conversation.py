"""Whatever a websocket carries: no message is too odd, and what is open when it closes is settled once."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import outlay.testing
from outlay import integration
from outlay.wire.conversation import Conversation
from outlay.wire.exchange import OPEN, Exchange
from outlay.wire.recognise import Match

PATHS = {
    "api.openai.com": ("/v1/realtime", "/v1/responses", "/v1/live/sessions"),
    "generativelanguage.googleapis.com": (
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
    ),
}
PLACES = [(host, path) for host, paths in PATHS.items() for path in paths]
KINDS = (
    "response.create", "response.created", "response.done", "response.completed", "error", "session.created",
    "session.closed", "conversation.item.input_audio_transcription.completed", "response.output_text.delta",
)  # fmt: skip
NAMES = (
    "response", "response_id", "id", "usage", "session", "model", "error", "event_id", "delta", "setup", "status",
    "serverContent", "modelTurn", "usageMetadata", "client_content", "turn_complete", "item_id", "input_tokens",
)  # fmt: skip
ODD: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.sampled_from(NAMES), inner)
)
MESSAGES = st.builds(
    lambda kind, members: {**members, **({"type": kind} if kind else {})},
    st.none() | st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(NAMES), ODD, max_size=4),
)
STEPS = st.lists(st.tuples(st.booleans(), MESSAGES.map(json.dumps) | st.text() | st.binary()), max_size=30)


@given(st.sampled_from(PLACES), STEPS)
def test_no_message_is_too_odd_and_none_is_left_open(place: tuple[str, str], steps: list[tuple[bool, Any]]) -> None:
    """Each that asks is one record; there are no more answers than messages that came."""
    opened = 0
    before = set(OPEN)

    def begin(match: Match, body: bytes | None) -> Exchange | None:
        nonlocal opened
        opened += 1
        return integration.meter.begin("websockets", match, *place, body, streams=False)

    with outlay.testing.ledger() as ledger:
        conversation = Conversation(integration.meter.sockets(*place), "model=gpt-realtime", begin)
        for sends, message in steps:
            if sends:
                exchange = conversation.sent(message)
                if exchange is not None:
                    exchange.send.alive = False
            else:
                conversation.received(message)
        conversation.closed(None)
        assert len(ledger.calls) == opened <= 2 * len(steps)
        assert set(OPEN) <= before
