"""Records as spool lines, and back: what no encoder takes is repaired, what no decoder takes is counted."""

from __future__ import annotations

import functools
import re
from typing import Any

import msgspec

from outlay.ledger.bounds import beyond
from outlay.readable import readable
from outlay.records import NO_RAW_USAGE, Call, Record

RAW_USAGE_LIMIT = 16 * 1024
"""Bytes of a provider's usage object beyond which it is left out: the classes were read from it already."""

_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
"""Encodes records with their newlines: one copy less. It takes a list: of any other iterable msgspec 0.22 keeps the
iterator for ever, 48 bytes a call."""
_EMPTY_RAW = b'"raw_usage":,'
"""An empty ``Raw`` other than the field's default is encoded as nothing: the line is right without it."""
_FIELD = r"\$\.(\w+)"


@functools.cache
def _decoder() -> msgspec.json.Decoder[Record]:
    """Return the decoder of all kinds of records: it takes milliseconds to make, and who only writes needs none."""
    return msgspec.json.Decoder(readable(Record))


def encode(record: Record) -> bytes:
    """Return ``record`` as one line with its newline; never fail for what its fields hold."""
    try:
        line = _encode_lines([record])
    except (ValueError, TypeError, OverflowError, RecursionError):
        line = _encode_lines([_encodable(record)])
    # Strings escape their newlines, so only a raw usage object can hold one beside the line's own.
    if (len(line) > RAW_USAGE_LIMIT or line.find(b"\n") != len(line) - 1) and isinstance(record, Call):
        line = _encode_lines([_compact(record)])
    return line


def decode(line: bytes) -> Record | None:
    """Return the record of a spool line, repaired where its fields need it; None where the line holds none."""
    try:
        return _decoder().decode(line)
    except msgspec.ValidationError:
        return _repaired(line) or _after_a_tear(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if _EMPTY_RAW in line:
            return decode(line.replace(_EMPTY_RAW, b""))
        return _after_a_tear(line)


def _compact(call: Call) -> Call:
    raw = bytes(memoryview(call.raw_usage))
    if len(raw) > RAW_USAGE_LIMIT:
        return _without_raw_usage(call, "raw_usage_too_long")
    if b"\n" not in raw:
        return call
    try:
        return msgspec.structs.replace(call, raw_usage=msgspec.Raw(msgspec.json.format(raw, indent=-1)))
    except msgspec.DecodeError:
        return _without_raw_usage(call, "raw_usage_invalid")


def _without_raw_usage(call: Call, mark: str) -> Call:
    return msgspec.structs.replace(call, raw_usage=NO_RAW_USAGE, marks=(*call.marks, mark))


def _encodable(record: Record) -> Record:
    """Replace what JSON can't hold: lone surrogates in strings, keys and values that are no strings."""
    fields = {name: _clean(getattr(record, name)) for name in record.__struct_fields__}
    clean = type(record)(**fields)
    try:
        _encode(clean)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return _plain(record)
    return clean


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_clean(key): _clean(held) for key, held in value.items()}
    if isinstance(value, tuple):
        return tuple(_clean(held) for held in value)
    return value


def _plain(record: Record) -> Record:
    """Keep the scalar fields alone: who, when and where; usage and cost become unknown."""
    kept = {
        name: _clean(value)
        for name in record.__struct_fields__
        if isinstance(value := getattr(record, name), (str, int, bool)) and not beyond(value)
    }
    if isinstance(record, Call):
        kept["marks"] = ("damaged",)
    return type(record)(**kept)


def _repaired(line: bytes) -> Record | None:
    """Leave out the fields whose values have a wrong type (NaN became null; a newer writer knows more words)."""
    fields = _fields(line)
    for _ in range(len(fields)):
        try:
            return _decoder().decode(_encode(fields))
        except msgspec.ValidationError as error:
            found = re.search(_FIELD, str(error))
            if found is None or found[1] not in fields:
                return None
            _leave_out(fields, found[1])
    return None


def _fields(line: bytes) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _leave_out(fields: dict[str, msgspec.Raw], name: str) -> None:
    del fields[name]
    if bytes(memoryview(fields.get("kind", msgspec.Raw()))) != b'"call"':
        return
    if name == "outcome":
        fields["outcome"] = msgspec.Raw(b'"uncertain"')
    marks = () if name == "marks" else msgspec.json.decode(fields.get("marks", b"[]"))
    fields["marks"] = msgspec.Raw(_encode([*marks, f"damaged_{name}"]))


def _after_a_tear(line: bytes) -> Record | None:
    """Find a whole record behind a torn one, where both came to stand on one line."""
    start = line.find(b'{"kind":"', 1)
    while start > 0:
        try:
            return _decoder().decode(line[start:])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            start = line.find(b'{"kind":"', start + 1)
    return None
