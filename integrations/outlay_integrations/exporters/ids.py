"""Ids for backends that want UUIDs, made from ours: the same record has the same one whenever it is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from outlay.integration import Call, Span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uuid_of(record: Call | Span) -> UUID:
    """Return the UUID of a record: of version 7, its time that of the record's start."""
    mark = int.from_bytes(blake2b(f"{record.trace_id}{record.id}".encode(), digest_size=10).digest())
    time = record.start // 10**6 & (1 << 48) - 1
    return UUID(int=time << 80 | 7 << 76 | (mark >> 68 & 0xFFF) << 64 | 0b10 << 62 | mark & (1 << 62) - 1)


def moment(nanoseconds: int) -> datetime:
    """Return a moment, to the microsecond."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
