"""Every way of calling the SDKs of the rest of the field."""

from __future__ import annotations

from tests.conformance.anthropic_extras import ANTHROPIC_EXTRAS
from tests.conformance.bedrock_shapes import BEDROCK_SHAPES
from tests.conformance.compatible_shapes import COMPATIBLE_SHAPES
from tests.conformance.field import FieldShape
from tests.conformance.gemini_shapes import GEMINI_SHAPES
from tests.conformance.hand_shapes import HAND_SHAPES
from tests.conformance.job_shapes import JOB_SHAPES
from tests.conformance.later_shapes import LATER_SHAPES
from tests.conformance.maker_shapes import MAKER_SHAPES
from tests.conformance.media_shapes import MEDIA_SHAPES
from tests.conformance.rpc_shapes import RPC_SHAPES
from tests.conformance.sdk_shapes import SDK_SHAPES
from tests.conformance.shape import KINDS, Kind
from tests.conformance.socket_shapes import SOCKET_SHAPES

FIELD_SHAPES: tuple[FieldShape, ...] = (
    *GEMINI_SHAPES,
    *BEDROCK_SHAPES,
    *ANTHROPIC_EXTRAS,
    *COMPATIBLE_SHAPES,
    *MEDIA_SHAPES,
    *JOB_SHAPES,
    *LATER_SHAPES,
    *MAKER_SHAPES,
    *SDK_SHAPES,
    *RPC_SHAPES,
    *SOCKET_SHAPES,
    *HAND_SHAPES,
)

FIELD_WAYS: tuple[tuple[FieldShape, Kind], ...] = tuple(
    (shape, kind) for shape in FIELD_SHAPES for kind in KINDS if shape.possible(kind)
)
