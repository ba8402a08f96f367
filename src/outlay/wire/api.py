"""The shape of a wire format's table: which requests it takes, where its answer says what, how its usage adds up.

A path is a dotted string into JSON, ``*`` standing for every element of a list: ``choices.*.finish_reason``. Where a
field takes several paths, the first that holds something other than null wins. A path into a usage object may be an
expression (``wire/derived.py``): ``total_tokens - prompt_tokens``, ``cost | cost.total_cost``,
``promptTokensDetails[modality=AUDIO].tokenCount``.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from outlay.wire.declined import Declined

Paths = tuple[str, ...]


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """One of the provider's totals, and the classes that it includes.

    ``rest`` is the class of what the parts leave. OpenAI's ``prompt_tokens`` includes cached tokens; Anthropic's
    ``input_tokens`` includes nothing, so there it has no parts.
    """

    path: str
    rest: str
    parts: Mapping[str, str] = {}


class UsageTable(msgspec.Struct, frozen=True, kw_only=True):
    """How the provider's usage object becomes disjoint classes."""

    totals: tuple[Total, ...]
    others: Mapping[str, str] = {}
    """Class → path of what stands in no total: searches, seconds."""
    reasoning: str | None = None
    """Path of the thinking tokens that the output includes."""
    otherwise: Mapping[str, str] = {}
    """Class → path of what is billed where nothing else was said."""
    sum: str | None = None
    """Path of the provider's own grand total, to check against."""


class Apart(msgspec.Struct, frozen=True, kw_only=True):
    """Usage objects inside of the usage object, whose counts its totals leave out (Anthropic's ``iterations``).

    Each is read by the format's own usage table.
    """

    path: str
    """Where their list stands."""
    kind: str = "type"
    added: tuple[str, ...] = ()
    """Kinds that the call's model is billed for: they are added to its classes."""
    items: tuple[str, ...] = ()
    """Kinds that another model is billed for: each is a cost item."""
    model: str = "model"
    """Where an item names its model."""
    stepped_in: str = ""
    """The kind of what a model took that stepped in for those before it, which declined: theirs are items as well."""


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """A usage object of another model's, beside the answer's own: what a tool of the provider's used."""

    path: Paths
    model: Paths
    """Where the answer names that model."""
    usage: UsageTable


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer, plain or an event of a stream, says what."""

    model: Paths = ("model",)
    id: Paths = ("id",)
    usage: Paths = ("usage",)
    finish: Paths = ()
    status: Paths = ()
    """Where the state of an answer made in the background stands."""
    error: Paths = ("error",)
    terms: Mapping[str, Paths] = {}
    """Price term → where the answer tells it: ``tier``."""
    usage_terms: Mapping[str, str] = {}
    """Price term → where the usage object tells it: ``tier``, ``speed``, ``inference_geo``."""
    called: Mapping[str, str] = {}
    """Value of these → what prices call it: ``ON_DEMAND_FLEX``, ``flex``."""
    background: Paths = ()
    """Where the flag stands that says: this answer was made in the background."""
    accepted: Paths = ()
    """Where the id stands of an answer of which there is nothing else yet, since it is made in the background."""
    deferred: bool = False
    """Whether every answer is: the first one says that the work was taken on, a poll what came of it."""
    created: Paths = ()
    """Where the time stands at which such an answer was begun, in seconds since the epoch."""
    running: tuple[str, ...] = ()
    """Values of ``status`` of an answer that is not there yet: what it counts is what was asked for."""
    unbilled: tuple[str, ...] = ()
    """Values of ``status`` of an answer that never came, and that nobody bills: an error, whatever else it says."""
    request_id: str = "x-request-id"
    """Name of the header with the provider's id of the request."""
    reported: str | None = None
    """Where the usage object tells what was charged, in USD. It wins over any computed cost."""
    reported_per: int = 1
    """How many of the units that ``reported`` counts make a USD."""
    counts: Mapping[str, str] = {}
    """For answers without a usage object: its fields → where the answer has them, in one place or another (``a | b``).
    Numbers of a list are added up; of a list of anything else its elements are counted."""
    headers: Mapping[str, str] = {}
    """For answers that tell their usage in headers alone: fields of a usage object → header."""
    header_terms: Mapping[str, str] = {}
    """Price term → the header that tells it."""
    uses: Mapping[str, tuple[str, str]] = {}
    """Class billed per use → (path of texts, the text that is a use): ``output.*.type``, ``web_search_call``. ``=`` is
    any text that is not empty, equal ones being one use; ``?`` any text, several of an answer being one use."""
    unbilled_uses: Mapping[str, tuple[str, ...]] = {}
    """Class of these → (path of texts, the texts that say: this use is not billed)."""
    used: Mapping[str, Paths] = {}
    """Class billed per use → where an answer tells the number outside of its usage object; it wins over ``uses``."""
    apart: Apart | None = None
    beside: Beside | None = None
    declined: Declined | None = None
    binary: bool = False
    """Whether the answer is no JSON: then what was used is what the request measures."""
    text: Paths = ()
    """Where an answer or an event carries generated text: what a call without usage is estimated from."""
    tools: Mapping[str, Paths] = {}
    """A text that an answer or an event holds if it calls a tool, and a request if it tells of such a call → where an
    answer has the names and the arguments."""
    tools_finish: tuple[str, ...] = ()
    """Reasons with which an answer that calls a tool ends, where those of others are never among them."""


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """How a streamed answer ends."""

    kind: str = "type"
    """Where an event says of which kind it is."""
    final: tuple[str, ...] = ()
    """Kinds of events after which the answer is whole."""
    ends_with_usage: bool = False
    """Whether the event that carries usage is the last one that matters."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request bounds the cost of its call, and what says that nothing does."""

    writes: bool = True
    """Whether the answer has output tokens; without it the input alone is billed."""
    limit: str | None = None
    """Where an output limit is written for a caller who gave none; None where it can't be."""
    limit_of: Mapping[str, str] = {}
    """Provider → where, for those who call it otherwise."""
    choices: Paths = ()
    """Numbers of answers asked for, the largest binding; each may be as long as the limit."""
    prompts: str | None = None
    """A list, each text of which is answered."""
    thinking: Paths = ()
    """Numbers of thinking tokens asked for, which the limit includes: it must be above them."""
    reasons: Mapping[str, str] = {}
    """Path → why the body does not bound the cost, where it holds more than null, false or nothing."""
    each: Paths = ()
    """Where a batch holds its requests, each of which has the fields that are named here; the first that is there."""
    tools: str = "tools"
    """The list of tools that the model is given."""
    callers: tuple[str, ...] = ()
    """Kinds of tools that the caller runs, by ``type`` or, without one, by their keys; ``*`` at the end stands for
    anything. Every other kind is the provider's, who may bill what it likes."""
    only_with: Mapping[str, str] = {}
    """Usage class → text without which in the body there is none of it."""
    images: Mapping[str, int] = {}
    """Pattern of models → tokens that a picture is billed at most; for other models nothing bounds it."""
    longest: Mapping[str, int] = {}
    """Pattern of models → tokens of their longest answer, which binds where the request names no limit."""
    terms: Mapping[str, str] = {}
    """Price term → where the request asks for it. What is not asked for may be anything."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request's body says what."""

    model: str = "model"
    stream: str = "stream"
    tier: str | None = None
    limits: Paths = ()
    """Output token limits, the first present one binding."""
    in_path: str | None = None
    """Where the path names the model, with what stands before and after it: ``models/*:``."""
    makers_own: bool = False
    """Whether the body is written in the way of the model's maker, so that no other maker's model can read it."""
    asked_first: bool = False
    """Whether the model asked for decides the price, before the one that the answer names (Bedrock's profiles)."""
    measures: Mapping[str, str] = {}
    """Class → path of the text whose characters are what is billed, where the answer does not tell."""
    asks: Mapping[str, tuple[str, int]] = {}
    """Class → (path of the number that is billed, what it is where the request does not say), likewise."""
    terms: Mapping[str, tuple[str, str]] = {}
    """Price term → (path, value where the request does not say), of answers that have no usage object."""
    choices: str | None = None
    """How many answers were asked for; each may be as long as the limit, and has what ``asks`` says."""
    ask_usage: tuple[str, str] | None = None
    """(object, flag): set to true in the body, this makes a stream tell its usage in an event of its own."""
    bounds: Bounds | None = None
    """What bounds the cost; None where nothing in a body of this format does."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """How the calls of a websocket are told apart in its messages.

    A kind of message is its ``type``; where messages have none, a path of something in it that is neither null nor
    false: ``serverContent.modelTurn``.
    """

    paths: tuple[str, ...]
    """Last segments of the websocket's path: ``realtime``."""
    opens: tuple[str, ...] = ()
    """Kinds of sent messages that ask for an answer: each is a call, and its message the call's request."""
    feeds: tuple[str, ...] = ()
    """Kinds of sent messages that may be answered without being asked: by a server that hears when its user pauses."""
    begins: tuple[str, ...] = ()
    """Kinds of received messages that begin an answer: to what was asked first, or else to nothing that was sent."""
    ends: tuple[str, ...]
    """Kinds of received messages that end one."""
    fails: tuple[str, ...] = ()
    """Kinds of received messages that say that what was asked, or the answer, has failed."""
    media: tuple[str, ...] = ()
    """Kinds of received messages that hold sounds or pictures: they are not kept."""
    call: Paths = ()
    """Where a message says to which call it belongs, of several at a time."""
    status: str = "status"
    """Where a failure tells the HTTP status that it would have been."""
    model: Paths = ()
    """Where a message, sent or received, tells the session's model."""
    query: tuple[str, ...] = ("model", "deployment")
    """Parameters of the websocket's URL that tell it."""
    remembers: bool = True
    """Whether what was said before is part of each call's input, so that its request alone has no upper bound."""


class Jobs(msgspec.Struct, frozen=True, kw_only=True):
    """Where a batch's own object says what: in the answer to its submission, and whenever it is asked for."""

    id: Paths = ("id",)
    model: Paths = ("model",)
    created: Paths = ("created_at",)
    """Where it says when it was submitted, in seconds since the epoch or by RFC 3339."""
    listed: str = "data"
    """Where several stand in one answer."""
    outputs: Paths = ()
    """Where it names the files that hold its output."""
    status: Paths = ("status",)
    over: tuple[str, ...] = ()
    """Its ``status`` when nothing more will come of it, in small letters."""
    succeeded: Paths = ()
    """Where it tells how many of its requests have: one that is over with none costs nothing, as one without output."""
    inline: Paths = ()
    """Where it holds the output itself, as a list of lines."""
    key: Paths = ("custom_id",)
    """Where a line of a file names its request: by that it is known for a line of an output, if it holds an error."""
    line_status: Paths = ("response.status_code",)
    """Where a line tells the HTTP status of its answer."""


class API(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format: ``POST`` requests to ``paths`` are calls; ``GET`` requests to ``polls`` may settle one."""

    name: str
    operation: str
    paths: tuple[str, ...]
    """Last segments of the path of a billed request: ``chat/completions``; ``*`` is a part of any name, the longest
    path wins: ``models/*:generateContent``. One that ends with it is looked for at hosts of providers only."""
    strangers: tuple[str, ...] = ()
    """The stricter endings that a host nobody named must show; ``paths`` where empty."""
    unless: tuple[str, ...] = ()
    """Endings of paths that end as one of these, but are no calls."""
    polls: tuple[str, ...] = ()
    """Paths with ``*`` for the provider's id: ``responses/*``, ``files/*/content``."""
    providers: tuple[str, ...] = ()
    """Providers that speak the format of these paths in this way of their own; all others do not."""
    resumes: tuple[str, ...] = ()
    """Those of ``paths`` that go on with a call which another request began, or ask for one."""
    asks_for: str | None = None
    """Where a poll names the call that it asks for, if its answer does not: a path into its body, nothing for the last
    segment of its own path."""
    batch: Jobs | None = None
    """For batches: ``paths`` submit one, ``polls`` ask for it and for its output, each of whose lines is a call, told
    by the answer's paths."""
    estimable: bool = True
    """Whether what a call took whose answer does not tell can be estimated from its text."""
    request: Request = Request()
    answer: Answer = Answer()
    stream: Stream | None = None
    session: Session | None = None
    """How it is spoken by a websocket."""
    rest: str | None = None
    """For RPCs that stand for a REST request: its path, with the field that names the model in braces, as in
    ``v1/{model}:generateContent``. Then the format of that path is theirs."""
    usage: UsageTable
