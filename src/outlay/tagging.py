"""Tags as they are kept: names and short texts."""

from __future__ import annotations

from collections.abc import Mapping

from outlay.guard import guard

TAG_LENGTH = 256
"""Characters of a tag's value that are kept."""

_reading = guard("turning a tag into text")


def merged(outer: Mapping[str, str], values: Mapping[str, object]) -> dict[str, str]:
    """Return ``outer`` with ``values`` over it, as kept: strings, cut to size, without those set to None.

    A value that can't be turned into text is left out.
    """
    result = dict(outer)
    for name, value in values.items():
        if value is None:
            result.pop(name, None)
        elif type(value) is str and value.isascii():
            result[name] = value[:TAG_LENGTH]
        else:
            with _reading:
                result[name] = worded(value)
    return result


def worded(value: object) -> str:
    """Return a value as it is kept: a text, cut to size."""
    if type(value) is str and value.isascii():
        return value[:TAG_LENGTH]
    # A lone surrogate (an undecodable file name has them) is no character that a record could hold.
    return str(value)[:TAG_LENGTH].encode(errors="replace").decode()
