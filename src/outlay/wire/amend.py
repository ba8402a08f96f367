"""Write a model or a number into a request's body: what a budget changes, and nothing else of it."""

from __future__ import annotations

from typing import Any

import msgspec

from outlay.wire.paths import top_level


def amended(body: bytes, path: str, value: Any) -> bytes | None:
    """Return the body with ``value`` at a dotted path; None where it is no JSON object, or has none on the way there.

    Every other member keeps its place and its bytes; blanks between the members of the objects on the way go.
    """
    members = top_level(body)
    if members is None:
        return None
    name, _, rest = path.partition(".")
    if rest:
        inner = bytes(members.get(name, b"null"))
        made = amended(b"{}" if inner == b"null" else inner, rest, value)
    else:
        made = msgspec.json.encode(value)
    if made is None:
        return None
    members[name] = msgspec.Raw(made)
    return msgspec.json.encode(members)
