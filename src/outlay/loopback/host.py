"""The loopback host: a real server on 127.0.0.1 that answers as OpenAI and Anthropic do, and bills nobody."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from outlay.loopback.behaviour import BEFORE_HEADERS, OK, Behaviour
from outlay.loopback.connection import Received
from outlay.loopback.delivery import Delivery, deliver_body, deliver_bytes, deliver_stream
from outlay.loopback.faults import anthropic_error, error_event, openai_error, vllm_refusal
from outlay.loopback.openai_responses import completed, queued, stream_response
from outlay.loopback.openai_texts import list_models
from outlay.loopback.reply import Json
from outlay.loopback.routes import Builder, find_builder, is_anthropic
from outlay.loopback.script import Chooser, Script, Step
from outlay.loopback.server import Server
from outlay.loopback.turn import Answer, Event, Refused, Turn


@dataclass(frozen=True)
class Billed:
    """One answer that the provider would put on the bill."""

    request: Received
    api: str
    model: str
    usage: Json
    """The true usage in the provider's own terms, whatever the answer said of it."""
    id: str | None
    """The answer's id; embeddings have none."""
    request_id: str
    tier: str | None
    streamed: bool


class ModelHost(Server):
    """Enter it to start the server; every method may be called while it runs.

    Answers do not depend on the clock or on chance: ids count up, times are fixed, tokens are words. Streams that are
    left or cut off are billed whole, as if the model had not noticed; errors and ``drop`` are billed nothing.
    """

    def __init__(self, default: Step | Chooser = OK, *, keep: bool = True) -> None:
        """Make a host; ``default`` is what it does when no script says otherwise.

        With ``keep=False`` it records neither requests nor bills, for millions of calls.
        """
        super().__init__(self._respond)
        self.requests: list[Received] = []
        self.billed: list[Billed] = []
        self._keep = keep
        self._script = Script(default)
        self._backgrounds: dict[str, Turn] = {}
        self._polls: dict[str, int] = {}
        self._count = 0

    @property
    def url(self) -> str:
        """The server's root, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """``base_url`` for the OpenAI SDK."""
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        """``base_url`` for the Anthropic SDK, which adds ``/v1`` itself."""
        return self.url

    def script(self, *steps: Step) -> None:
        """Queue behaviours for the next requests: objects, or strings as in the ``x-loopback`` header."""
        self._script.add(*steps)

    def _respond(self, method: str, target: str, headers: tuple[tuple[str, str], ...], body: bytes) -> Delivery:
        path, _, query = target.partition("?")
        with self._lock:
            self._count += 1
            request = Received(self._count, method, path, query, headers, body)
            if self._keep:
                self.requests.append(request)
        try:
            behaviour = self._script.choose(request)
        except ValueError as unknown:
            return _error(request, OK, _headers(request, OK), 400, str(unknown))
        given = _headers(request, behaviour)
        try:
            if behaviour.status != 200:
                return _fail(request, behaviour, given)
            return self._post(request, behaviour, given) if method == "POST" else self._get(request, behaviour, given)
        except Refused as refused:
            return _error(request, behaviour, given, refused.status, refused.message)

    def _post(self, request: Received, behaviour: Behaviour, headers: dict[str, str]) -> Delivery:
        found = find_builder(request.path)
        if found is None:
            raise Refused(404, f"Invalid URL (POST {request.path})")
        api, builder = found
        turn = Turn(request.number, _read_json(request), behaviour)
        if refused := sorted(behaviour.refuse & turn.body.keys()):
            return deliver_body(vllm_refusal(refused), behaviour, headers, pretty=False, status=400)
        answer = self._build(turn, api, builder, request, headers)
        if answer.body is not None:
            return deliver_body(answer.body, behaviour, headers, pretty=_pretty(request, behaviour))
        return deliver_stream(_break_off(answer.events, api, behaviour), behaviour, headers)

    def _build(self, turn: Turn, api: str, builder: Builder, request: Received, headers: Mapping[str, str]) -> Answer:
        answer = builder(turn)
        if turn.body.get("background") and answer.id is not None:
            self._backgrounds[answer.id] = turn
        if answer.usage is not None and self._keep and turn.behaviour.cut_at != BEFORE_HEADERS:
            request_id = headers.get("request-id") or headers["x-request-id"]
            bill = (answer.usage, answer.id, request_id, answer.tier, turn.streamed)
            self.billed.append(Billed(request, api, answer.model, *bill))
        return answer

    def _get(self, request: Received, behaviour: Behaviour, headers: dict[str, str]) -> Delivery:
        if request.path.endswith("/models"):
            return deliver_body(list_models(), behaviour, headers, pretty=True)
        folder, _, name = request.path.rpartition("/")
        turn = self._backgrounds.get(name)
        if not folder.endswith("/responses") or turn is None:
            raise Refused(404, f"Invalid URL ({request.method} {request.path})")
        asked = parse_qs(request.query)
        if asked.get("stream") == ["true"]:
            after = int(asked.get("starting_after", ["-1"])[0])
            events = stream_response(turn)[after + 1 :]
            return deliver_stream(_break_off(events, "openai.responses", behaviour), behaviour, headers)
        return deliver_body(self._poll(name, turn), behaviour, headers, pretty=_pretty(request, behaviour))

    def _poll(self, name: str, turn: Turn) -> Json:
        with self._lock:
            seen = self._polls[name] = self._polls.get(name, 0) + 1
        return completed(turn) if seen >= turn.behaviour.polls else queued(turn, "in_progress")


def _read_json(request: Received) -> Json:
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "We could not parse the JSON body of your request.")
    return body


def _headers(request: Received, behaviour: Behaviour) -> dict[str, str]:
    """Build the headers that identify a request, and those that ask for a pause."""
    number = f"req_loopback{request.number:06d}"
    if is_anthropic(request.path):
        headers = {"request-id": number, "anthropic-organization-id": "loopback"}
    else:
        headers = {"x-request-id": number, "openai-version": "2020-10-01", "openai-processing-ms": "1"}
    if behaviour.retry_after is not None:
        headers["retry-after"] = str(math.ceil(behaviour.retry_after))
        headers["retry-after-ms"] = str(math.ceil(behaviour.retry_after * 1000))
    return headers


def _pretty(request: Received, behaviour: Behaviour) -> bool:
    return not is_anthropic(request.path) if behaviour.pretty is None else behaviour.pretty


def _fail(request: Received, behaviour: Behaviour, headers: dict[str, str]) -> Delivery:
    if behaviour.status == 204:
        return deliver_bytes(b"", behaviour, headers, 204)
    if 300 <= behaviour.status < 400:
        return deliver_bytes(b"", behaviour, headers | {"location": f"{request.path}?redirected=1"}, behaviour.status)
    return _error(request, behaviour, headers, behaviour.status, behaviour.error)


def _error(
    request: Received, behaviour: Behaviour, headers: dict[str, str], status: int, message: str | None
) -> Delivery:
    if is_anthropic(request.path):
        body = anthropic_error(status, message, headers["request-id"])
    else:
        body = openai_error(status, message)
    return deliver_body(body, behaviour, headers, pretty=_pretty(request, behaviour), status=status)


def _break_off(events: tuple[Event, ...], api: str, behaviour: Behaviour) -> tuple[Event, ...]:
    if behaviour.error_at is None:
        return events
    return (*events[: behaviour.error_at], error_event(api, behaviour.error_at))
