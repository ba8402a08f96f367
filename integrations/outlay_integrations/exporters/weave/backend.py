"""The backend ``weave``: its options, and what it does with a batch."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from outlay.integration import Backend, Batch, Delivered, Later, Place, Result
from outlay_integrations.exporters.addresses import check_address
from outlay_integrations.exporters.weave.calls import call

if TYPE_CHECKING:
    from outlay_integrations.exporters.weave.prices import Prices
    from outlay_integrations.exporters.weave.server import Server

logger = logging.getLogger("outlay")

NO_PRICE = frozenset(("unknown",))
"""Reasons that need no word of ours in the log: reports count calls without a price."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set under ``[exporters.weave]``; what is not, is as ``WANDB_*`` says."""

    project: str = ""
    """``team/project``, made where there is none. Else ``WANDB_ENTITY`` and ``WANDB_PROJECT``."""
    api_key: str = ""
    """Else ``WANDB_API_KEY``, or what ``wandb login`` has kept."""
    url: str = ""
    """The trace server. Else ``WF_TRACE_SERVER_URL``, or the one of ``WANDB_BASE_URL``."""
    prices: bool = True
    """Whether Weave is told our prices."""

    def __post_init__(self) -> None:
        check_address("url", self.url, "https://trace.wandb.ai")
        if not (self.project or os.environ.get("WANDB_PROJECT")):
            raise ValueError("set WANDB_PROJECT, or project, to the project that calls go to: team/project")


class Weave:
    """A project of Weave's."""

    def __init__(self, server: Server, project: str, prices: Prices | None) -> None:
        self._server = server
        self._project = project
        self._prices = prices
        self._said: Counter[str] = Counter()

    def send(self, batch: Batch) -> Result:
        """Tell the prices that are new, then send the calls of the batch."""
        self._server.deadline = time.monotonic() + batch.timeout
        different = {} if self._prices is None else self._prices.differences(batch.calls)
        wrong = self._tell()
        if isinstance(wrong, Later):
            return wrong
        if wrong is not None:
            different = {call.id: "prices were refused" for call in batch.calls} | different
        calls = [call(batch, record, self._project, different.get(record.id)) for record in batch.records]
        wrong = self._server.send(self._project, calls)
        if wrong is None:
            self._note(different)
        return wrong or Delivered()

    def close(self) -> None:
        """Close the connections, and say how many calls Weave shows another cost of."""
        self._server.close()
        if told := {reason: count for reason, count in self._said.items() if reason not in NO_PRICE}:
            logger.info("Weave computes another cost than ours for %s.", told)

    def _tell(self) -> Result | None:
        prices = self._prices
        if prices is None:
            return None
        for body in prices.news():
            wrong = self._server.tell(self._project, body)
            if wrong is not None:
                prices.forget_news()
                return wrong
        prices.settle()
        return None

    def _note(self, different: dict[str, str]) -> None:
        """Count the calls whose cost Weave can't be told, and say so at the first of each kind."""
        for reason in different.values():
            self._said[reason] += 1
            if self._said[reason] == 1 and reason not in NO_PRICE:
                logger.warning(
                    "Weave computes another cost than ours for some calls (%s): ours is in attributes.outlay.cost_usd, "
                    "and attributes.outlay.weave_cost says why.",
                    reason,
                )


def _open(options: Options, place: Place) -> Weave:
    from outlay_integrations.exporters.weave.prices import Prices
    from outlay_integrations.exporters.weave.server import Server

    server = Server(options.url, options.api_key)
    project = server.project(options.project)
    return Weave(server, project, Prices(place.folder, project) if options.prices else None)


WEAVE = Backend(
    name="weave",
    open=_open,
    options=Options,
    modules=("requests",),
    install="outlay[weave]",
    tree=True,
)
