"""Write docs/capture.md: what the ledger has of every way of calling, as the matrix has just measured it.

Run it after a change of the matrix: ``python -m tests.conformance.capture > docs/capture.md``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from outlay.records import Call
from tests.conformance.field_shapes import FIELD_SHAPES
from tests.conformance.runs import Run, run_metered
from tests.conformance.shape import Shape
from tests.conformance.shapes import SHAPES

PAGE = Path(__file__).parents[2] / "docs" / "capture.md"

MEASURED: Mapping[str, str] = {
    "`chat.completions.create`": "chat.create",
    "the same, async": "chat.create",
    "stream, usage not asked for": "chat stream",
    "stream, usage asked for": "chat stream include_usage",
    "stream, `break` inside `with`": "chat stream break",
    "stream, dropped and collected": "chat stream drop",
    "`chat.completions.parse`": "chat.parse",
    "`chat.completions.stream`": "chat.stream",
    "`chat.completions.stream`, usage asked for": "chat.stream include_usage",
    "`with_raw_response`": "chat raw",
    "`with_raw_response`, stream": "chat raw stream",
    "`with_streaming_response`": "chat streaming_response",
    "`client.with_options().chat.completions.create`": "chat with_options",
    "`responses.create`": "responses.create",
    "`responses.create`, stream": "responses stream",
    "`responses.parse`": "responses.parse",
    "`responses.stream`": "responses.stream",
    "`responses.create` in the background, and `retrieve`": "responses background",
    "`embeddings.create`": "embeddings",
    '`client.post("/chat/completions")`': "chat client.post",
    "`images.generate`": "images.generate",
    "`audio.transcriptions.create`": "audio.transcriptions",
    "`audio.speech.create`": "audio.speech",
    "`batches.retrieve` and `files.content`": "batch submitted and fetched",
}
"""The ways of calling the OpenAI SDK that comparisons of tracing tools go through → the row that proves it here."""

ALL: tuple[Shape, ...] = (*SHAPES, *FIELD_SHAPES)

HEAD = """\
# What is captured

The ways of calling model hosts that outlay is held to, through their SDKs and through bare HTTP clients. Each is run
twice by the tests, sync and async, once without outlay and once metered, against a host that speaks the providers'
formats (`tests/conformance`). What the application sees is equal to the last object, header and exception; the requests
are equal to the byte, but for what [a call's way](how-a-call-travels.md) says. The figures below are those of the
ledger; `python -m tests.conformance.capture > docs/capture.md` writes this page, and a test holds each row to what it
measures.

- **tokens**: input + output, as the host billed them. *estimate*: the provider never said, as the stream was left or
  broke; the record is marked as an estimate, between bounds that hold what was billed.
- **USD**: computed from the price table, to the last digit what the host's bill comes to. *at least*: something was
  used (a container, say) of which no answer tells what it is billed by, and the record names it.

## The ways that comparisons go through

Tools that patch an SDK's methods one by one lose some of these, or see no tokens. Here each has its record, its tokens
and its cost.

| way of calling the OpenAI SDK | records | tokens | USD |
|---|---:|---:|---:|
{measured}

## All ways

A record is an attempt: a retry has its own, linked to the one before. Where there are several, they are separated by
commas.

| way | SDK or provider | clients | records | tokens | USD |
|---|---|---|---:|---:|---:|
{rows}
"""


def row(shape: Shape, calls: Iterable[Call]) -> str:
    """Return the row of one way of calling, sync or async: both must give the same."""
    return f"| {shape.name} | {shape.sdk} | {', '.join(shape.kinds)} | {_figures(list(calls))} |"


def _figures(calls: list[Call]) -> str:
    if not calls:
        return "none: it is free | |"
    return f"{len(calls)} | {', '.join(map(_tokens, calls))} | {', '.join(map(_cost, calls))}"


def _tokens(call: Call) -> str:
    if call.usage is None:
        return "later" if call.outcome == "pending" else "none"
    return "*estimate*" if call.usage.estimated else f"{call.usage.input_tokens} + {call.usage.output_tokens}"


def _cost(call: Call) -> str:
    if call.usage is None:
        return "later" if call.outcome == "pending" else "unknown" if call.cost.usd is None else f"{call.cost.usd}"
    if call.cost.usd is None:
        return "unknown"
    least = "at least " if call.cost.status == "partial" else ""
    return "*estimate*" if call.usage.estimated else f"{least}{call.cost.usd:f}"


def published() -> list[str]:
    """Return the lines of the page as it is."""
    return PAGE.read_text(encoding="utf-8").splitlines()


def page(runs: Mapping[str, Run]) -> str:
    """Return the page for one run a way, by its name."""
    ways = {shape.name: shape for shape in ALL}
    measured = [f"| {title} | {_figures(runs[name].calls)} |" for title, name in MEASURED.items()]
    rows = [row(ways[name], run.calls) for name, run in runs.items()]
    return HEAD.format(measured="\n".join(measured), rows="\n".join(rows))


def main() -> None:
    """Run every way once and print the page."""
    os.environ["OUTLAY_STRICT"] = "1"
    print(page({shape.name: run_metered(shape, shape.kinds[0]) for shape in ALL}), end="")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
