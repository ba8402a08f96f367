"""Every way of calling the OpenAI and Anthropic SDKs that outlay is held to: one table for every test that needs it.

A test takes a shape and a kind, runs it bare against one ``ModelHost`` and metered against another, and compares what
the caller saw: hosts are deterministic, so the two are equal, ids and times included. ``Shape.calls`` says which
records the metered run leaves, ``ModelHost.billed`` what they must add up to.
"""

from __future__ import annotations

from tests.conformance.anthropic_shapes import ANTHROPIC_SHAPES
from tests.conformance.client_shapes import CLIENT_SHAPES
from tests.conformance.openai_other_shapes import OTHER_SHAPES
from tests.conformance.openai_shapes import CHAT_SHAPES
from tests.conformance.shape import KINDS, Kind, Shape
from tests.conformance.trouble_shapes import TROUBLE_SHAPES

SHAPES: tuple[Shape, ...] = (*CHAT_SHAPES, *OTHER_SHAPES, *ANTHROPIC_SHAPES, *TROUBLE_SHAPES, *CLIENT_SHAPES)

WAYS: tuple[tuple[Shape, Kind], ...] = tuple(
    (shape, kind) for shape in SHAPES for kind in KINDS if shape.possible(kind)
)
"""Each shape that the installed SDKs have, once a kind of client."""


def way_id(part: Shape | Kind) -> str:
    """Name a parameter of a test: ``chat.create-async``."""
    return part.name if isinstance(part, Shape) else part
