"""What outlay knows of a call, as frozen records: nothing here does anything, and nothing but ``money`` is imported."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from outlay.money import usd

INPUT_CLASSES = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "cache_write_12h",
    "input_audio",
    "input_image",
    "input_video",
    "cache_read_audio",
    "cache_read_image",
    "tool_use_input",
)
"""Disjoint token classes that add up to ``Usage.input_tokens``; ``input`` is uncached text, what the others leave."""

OUTPUT_CLASSES = ("output", "output_audio", "output_image", "output_video", "reasoning")
"""Disjoint token classes that add up to ``Usage.output_tokens``; ``reasoning`` only where it has a price of its own."""

Outcome = Literal["ok", "error", "cancelled", "abandoned", "pending", "uncertain"]
"""How an attempt went.

``ok``: answered whole. ``error``: refused, failed or broken off by the provider or the network. ``cancelled``: the
caller gave up before an answer. ``abandoned``: the caller left a stream early. ``pending``: accepted, runs in the
background, usage comes with a later answer. ``uncertain``: in flight when its process was killed.
"""

NO_RAW_USAGE = msgspec.Raw(b"null")
"""What stands for a usage object that was not there; an empty ``Raw`` would be written as nothing, which is no JSON."""

CostStatus = Literal["priced", "partial", "free", "included", "unknown"]
CostSource = Literal["computed", "reported"]
Quantity = int | float


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a provider says that a call used, in classes that do not overlap.

    ``classes`` maps a class to its quantity: tokens, or for others than ``INPUT_CLASSES`` and ``OUTPUT_CLASSES``
    whatever the class counts (``web_search``: searches, ``audio_seconds``: seconds). ``reasoning`` counts output
    tokens that were spent on thinking: they are inside ``output`` already. ``estimated`` says that the provider gave
    no (final) figures; ``lower`` and ``upper`` then bound the classes, ``upper`` being None where nothing bounds them.
    """

    classes: dict[str, Quantity]
    reasoning: int = 0
    estimated: bool = False
    lower: dict[str, Quantity] | None = None
    upper: dict[str, Quantity] | None = None

    @property
    def input_tokens(self) -> int:
        """Tokens read by the model, cache reads and writes included."""
        return self._sum(INPUT_CLASSES)

    @property
    def output_tokens(self) -> int:
        """Tokens written by the model, reasoning included."""
        return self._sum(OUTPUT_CLASSES)

    @property
    def cache_read_input_tokens(self) -> int:
        """The part of ``input_tokens`` that came from the provider's prompt cache."""
        return self._sum(("cache_read", "cache_read_audio", "cache_read_image"))

    @property
    def cache_write_input_tokens(self) -> int:
        """The part of ``input_tokens`` that was written to the provider's prompt cache, for any time to live."""
        return self._sum(("cache_write_5m", "cache_write_1h", "cache_write_12h"))

    @property
    def cache_write_1h_input_tokens(self) -> int:
        """The part of ``cache_write_input_tokens`` with a time to live of one hour."""
        return self._sum(("cache_write_1h",))

    @property
    def reasoning_output_tokens(self) -> int:
        """The part of ``output_tokens`` that was spent on thinking."""
        return self.reasoning + self._sum(("reasoning",))

    @property
    def total_tokens(self) -> int:
        """``input_tokens`` and ``output_tokens`` together."""
        return self.input_tokens + self.output_tokens

    def _sum(self, names: tuple[str, ...]) -> int:
        classes = self.classes
        return int(sum(classes[name] for name in names if name in classes))


class CostItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The share of a call's cost that another model than the call's own has (Anthropic's advisor)."""

    model: str
    classes: dict[str, Quantity]
    amount: int | None
    """Pico-USD; None where the item has no price."""
    price_id: str | None = None


class Cost(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a call cost, in integer pico-USD, and how outlay knows.

    ``amount`` is None exactly when ``status`` is ``unknown``. A ``partial`` amount covers the classes that have a
    price; ``unpriced`` names the others. ``source`` says whether the amount was computed from a price or reported by
    the provider, which wins; ``computed`` then keeps our own figure beside it.
    """

    status: CostStatus
    amount: int | None = None
    source: CostSource = "computed"
    by_class: dict[str, int] = {}
    """Pico-USD by usage class; adds up to ``amount`` when that was computed."""
    unpriced: tuple[str, ...] = ()
    lower: int | None = None
    """Pico-USD that the call costs at least, where its usage is an estimate."""
    upper: int | None = None
    """Pico-USD that the call costs at most, where its usage is an estimate that something bounds."""
    computed: int | None = None
    price_id: str | None = None
    """Hash of the price row that was used: rates, unit, source and validity."""
    table: str | None = None
    """Version of the price table that the row stood in."""
    match: str | None = None
    """The rule by which the model's name found its row: ``exact``, ``alias``, ``dated``, …"""
    model: str | None = None
    """The model's id in the price table."""
    items: tuple[CostItem, ...] = ()

    @property
    def usd(self) -> Decimal | None:
        """The amount in USD; None where it is unknown."""
        return None if self.amount is None else usd(self.amount)


class Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="call", tag_field="kind"):
    """One attempt at a model, billed or not. Field names are the ledger's column names where both exist."""

    id: str
    """16 hex digits: a W3C span id."""
    trace_id: str
    """32 hex digits: a W3C trace id, shared by the calls and spans of one outermost span."""
    parent_id: str | None = None
    """Id of the span that the call happened in."""
    project: str = ""
    feature: str = ""
    """Feature of the innermost span."""
    path: str = ""
    """Features from the outermost span to the innermost, joined by ``/``."""
    site: str | None = None
    """``file:line`` of the tracked function that the call happened in."""
    release: str | None = None
    tags: dict[str, str] = {}
    provider: str
    """Who bills, by OpenTelemetry's ``gen_ai.provider.name``; ``unknown`` for a host that nobody named."""
    api: str
    """The wire format: ``openai.chat``, ``anthropic.messages``; ``record`` for calls given to ``outlay.record``."""
    operation: str
    """OpenTelemetry's ``gen_ai.operation.name``: ``chat``, ``embeddings``, ``text_completion``."""
    transport: str = ""
    host: str = ""
    """Host of the request, with its port where that is not the scheme's own."""
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    """The provider's id of the answer (``gen_ai.response.id``)."""
    request_id: str | None = None
    """The provider's id of the HTTP request, by which its support and its usage export find it."""
    start: int
    """Nanoseconds since the epoch at which the request was handed to the HTTP client, or the provider created what runs
    in the background. Reports go by it."""
    end: int
    """Nanoseconds since the epoch at which the answer was whole (or given up). Prices go by it."""
    first_chunk: int | None = None
    """Nanoseconds from ``start`` to the first chunk of a streamed answer."""
    streamed: bool = False
    outcome: Outcome = "ok"
    status: int | None = None
    """HTTP status; None where no answer came."""
    error_type: str | None = None
    """OpenTelemetry's ``error.type``: the provider's error code, the HTTP status or the exception's class."""
    attempt: int = 1
    """1 for the first try; SDK retries count up."""
    retry_of: str | None = None
    """Id of the attempt before this one."""
    finish_reasons: tuple[str, ...] = ()
    terms: dict[str, str] = {}
    """What decides the price beside tokens: ``tier`` (as served), ``speed``, ``inference_geo``, ``region``."""
    requested_tier: str | None = None
    usage: Usage | None = None
    raw_usage: msgspec.Raw = NO_RAW_USAGE
    """The provider's own usage object, as JSON."""
    cost: Cost = Cost(status="unknown")
    marks: tuple[str, ...] = ()
    """What outlay did or noticed: ``usage_requested``, ``usage_invalid``, ``usage_missing``, …; docs/ledger.md."""
    request_digest: str = ""
    """8 hex digits, the same for equal requests of one run; empty outside of spans. Nothing else follows from them."""
    tools_digest: str = ""
    """The same of the tool calls in the answer; empty where it calls none."""

    @property
    def duration(self) -> int:
        """Nanoseconds from ``start`` to ``end``."""
        return self.end - self.start

    @property
    def model(self) -> str:
        """The model as reports name it: by the price table, else as the answer or the request did."""
        return self.cost.model or self.response_model or self.request_model or "(unknown)"


class Span(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="span", tag_field="kind"):
    """A tracked function or block in which at least one call happened."""

    id: str
    trace_id: str
    parent_id: str | None = None
    project: str = ""
    name: str
    feature: str = ""
    path: str = ""
    site: str | None = None
    release: str | None = None
    tags: dict[str, str] = {}
    start: int
    end: int
    error_type: str | None = None


class Coverage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="coverage", tag_field="kind"):
    """How many requests of one kind went to model hosts since the last such record, and how many became calls."""

    at: int
    """Nanoseconds since the epoch at which the count was taken."""
    provider: str
    host: str
    method: str
    path: str
    """The path with identifiers replaced by ``*``."""
    requests: int
    metered: int
    free: int = 0
    """Requests that nobody bills: lists, polls, files."""


class Loss(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="loss", tag_field="kind"):
    """Records that could not be kept, counted: a loss is shown, never hidden."""

    at: int
    records: int
    reason: str
    """One sentence: what failed, and the system's own word for it."""


class Swallowed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="swallowed", tag_field="kind"):
    """How often an error of outlay's own was swallowed since the last such record, so that doctor can show it."""

    at: int
    activity: str
    """What outlay was doing: it completes "outlay failed at"."""
    error: str
    """Class of the exception."""
    count: int


class Raised(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="alert", tag_field="kind"):
    """An alert that somebody raised, on its way to the ledger and from there to people."""

    at: int
    """Nanoseconds since the epoch at which it was raised."""
    alert: msgspec.Raw
    """An ``outlay.alerts.Alert`` as JSON."""


Record = Call | Span | Coverage | Loss | Swallowed | Raised
"""What a spool line holds."""
