"""An exporter: each call is a POST of a few fields to a cage, Parrot's place for records.

``PARROT_CAGE_URL`` says where it is, or ``url`` under ``[exporters.cage]``. A cage keeps a record by its id, so that a
second one with the same id changes nothing.
"""

from __future__ import annotations

import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec

from outlay.integration import Backend, Batch, Call, Delivered, Later, Place, Refused, Result, dollars

REFUSALS = (400, 413, 422)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set under ``[exporters.cage]``."""

    url: str = ""


class Cage:
    """A cage that takes records."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, batch: Batch) -> Result:
        """Post the calls of the batch; spans are nothing to a parrot."""
        body = json.dumps([_fields(call) for call in batch.calls]).encode()
        request = Request(self._url, body, {"content-type": "application/json"})
        try:
            with urlopen(request, timeout=batch.timeout):
                return Delivered()
        except HTTPError as error:
            if error.code in REFUSALS:
                return Refused(f"{error.code}: {error.reason}")
            after = error.headers.get("retry-after", "")
            return Later(f"{error.code}: {error.reason}", float(after) if after.isdigit() else None)
        except OSError as error:
            return Later(str(error))

    def close(self) -> None:
        """Nothing is open."""


def _fields(call: Call) -> dict[str, object]:
    cost = dollars(call)
    return {
        "id": call.id,
        "model": call.response_model or call.request_model,
        "tokens": None if call.usage is None else call.usage.total_tokens,
        "usd": None if cost is None else cost.total,
        "cost_status": call.cost.status,
    }


def _open(options: Options, _: Place) -> Cage:
    url = options.url or os.environ.get("PARROT_CAGE_URL", "")
    if not url:
        raise ValueError("no cage is named: set PARROT_CAGE_URL, or url under [exporters.cage]")
    return Cage(url)


CAGE = Backend(name="cage", open=_open, options=Options)
