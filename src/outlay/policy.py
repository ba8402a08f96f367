"""What budgets have to say about a call: asked before it is sent, obeyed, and told in the end what it did cost.

What a budget holds for a call is given up exactly once, whichever of its ends comes first: the way out of the
dictionary of what is held decides, as ``dict.pop`` is atomic. A child of ``fork`` holds nothing.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import msgspec

from outlay.budgets.decision import Ask, Decision, Gate
from outlay.context import Home
from outlay.guard import guarded
from outlay.quoting import Quoting, charged
from outlay.records import Call
from outlay.wire.amend import amended
from outlay.wire.attachments import NOTHING
from outlay.wire.bounds import Asked
from outlay.wire.exchange import OPEN, WAITING, Exchange, settle_waiting
from outlay.wire.ratios import Ratios
from outlay.wire.recognise import UNKNOWN, Match

if TYPE_CHECKING:
    from outlay.pricing import Prices

NO_SPANS: dict[str, str] = {}
PENDING = 10_000
"""Calls in the background whose money is held until a poll tells their end; of older ones it stays spent."""

Trip = Callable[[], Any]


class Policy:
    """The budgets' say in the way of a call."""

    def __init__(self, gate: Gate, prices: Callable[[], Prices], home: Home, *, rewrites: bool = True) -> None:
        """Make the policy of ``gate``; without ``rewrites`` no request is changed."""
        self._gate = gate
        self._load_prices = prices
        self._home = home
        self._rewrites = rewrites
        self.find: Callable[[str, str, str], Match | None] = lambda *_: None
        """Finds the match of a request by method, host and path: the meter's."""
        self._ratios = Ratios()
        self._held: dict[str, tuple[object, Asked]] = {}
        self._pending: dict[str, object] = {}
        self._batches: dict[str, object] = {}
        _policies.add(self)

    @cached_property
    def _prices(self) -> Prices:
        return self._load_prices()

    @guarded("asking the budgets")
    def decide(self, exchange: Exchange, fixed: bool) -> Trip | None:  # noqa: FBT001 - see guarded
        """Decide whether and how a call may be sent; return the trip to a store that it takes, if it takes one."""
        asked = exchange.match.reader.bounds.read(exchange.body)
        ask = self._ask(exchange, asked, fixed=fixed or not self._rewrites or exchange.match.poll)
        decision = self._gate.decide(ask, wait=False)
        if decision is None:
            return partial(self._trip, exchange, asked, ask)
        return self._act(exchange, asked, ask, decision)

    @guarded("asking the budgets")
    def _trip(self, exchange: Exchange, asked: Asked, ask: Ask) -> Trip | None:
        settle_waiting()  # a stream that was dropped may hold what this call needs
        decision = self._gate.decide(ask)
        return None if decision is None else self._act(exchange, asked, ask, decision)

    def _ask(self, exchange: Exchange, asked: Asked, *, fixed: bool) -> Ask:
        match, scope, body = exchange.match, exchange.scope, exchange.body
        span = scope.span
        if match.provider is UNKNOWN:
            asked.unbounded = f"nobody has said who bills for {exchange.host}: the setting [hosts] does"
        reader = match.reader.request
        if exchange.asked is None:
            told = (asked.model, asked.tier) if asked.model is not None else reader.model(body)
            exchange.asked = (reader.model_in(exchange.path) or told[0], told[1])
        model = exchange.asked[0]
        quoting = Quoting(self._prices, self._ratios, exchange, asked, model)
        if span is not None:
            span.identify()
        tags, own, limit = scope.tags, self._home.tags, asked.limit
        changes = not fixed and body is not None
        return Ask(
            id=exchange.id,
            provider=match.provider.name,
            model=model,
            feature=span.feature if span else "",
            path=span.path if span else "",
            run=span.trace_id if span else None,
            spans={around.name: around.id for around in span.lineage()} if span else NO_SPANS,
            tags={**own, **tags} if tags else own,
            at=exchange.start,
            quote=quoting.most,
            likely=quoting.likely,
            output_limit=limit,
            expected=quoting.likely(model, 0) if limit is None else None,
            unbounded=asked.unbounded,
            can_limit=changes and (asked.limited_at != () or self._written_at(match) is not None),
            can_downgrade=changes and model is not None,
            unsettled=not WAITING.empty(),
        )

    def _act(self, exchange: Exchange, asked: Asked, ask: Ask, decision: Decision) -> Trip | None:
        if decision.held is not None:
            exchange.budgeted = True
            self._held[exchange.id] = (decision.held, asked)
        if decision.refusal is not None:
            exchange.refusal = decision.refusal
        elif decision.model is not None or decision.output_limit is not None:
            impossible = self._change(exchange, asked, decision)
            if impossible:
                self._give_up(exchange.id, 0)
                return partial(self._trip, exchange, asked, msgspec.structs.replace(ask, **impossible))
        exchange.marks += decision.marks
        if id(exchange) not in OPEN:  # its caller gave up while we were asking
            self._give_up(exchange.id, 0)
        return None

    def _change(self, exchange: Exchange, asked: Asked, decision: Decision) -> dict[str, bool]:
        """Change the request as decided; return what turned out to be impossible."""
        reader, limit, model = exchange.match.reader.request, decision.output_limit, decision.model
        changes: dict[str, Any] = {}
        moved = None
        if model is not None:
            in_body = reader.decides(exchange.path)
            moved = None if in_body else reader.moved(exchange.path, model)
            if not in_body and moved is None:
                return {"can_downgrade": False}
            if in_body or asked.model is not None:
                changes[reader.table.model] = model
        if limit is not None and (asked.limit is None or limit < asked.limit):
            if limit <= asked.thinking:
                return {"can_limit": False}
            changes |= dict.fromkeys(self._limits(exchange, asked), limit)
        if not _amend(exchange, changes):
            return {"can_limit": False, "can_downgrade": False}
        if model is not None:
            self._sent_to(exchange, model, moved)
        return {}

    def _sent_to(self, exchange: Exchange, model: str, path: str | None) -> None:
        """Note that another model is asked, by another path perhaps, whose format its answer is read by."""
        before, tier = exchange.asked or (None, None)
        exchange.asked = (model, tier)
        exchange.marks += (f"asked_for_{before}",)
        if path is None:
            return
        exchange.moved_to = exchange.send.path = path
        match = exchange.match
        found = self.find(match.method, exchange.host, path)
        if found is not None and found is not match:
            match.requests -= 1
            found.requests += 1
            exchange.match = found

    def _limits(self, exchange: Exchange, asked: Asked) -> tuple[str, ...]:
        """Return where the output limit stands, or is to be written."""
        written = self._written_at(exchange.match)
        return asked.limited_at or (() if written is None else (written,))

    def _written_at(self, match: Match) -> str | None:
        """Return where an output limit is written for who gave none; None where it can't be."""
        bounds = match.reader.bounds.table
        return bounds.limit_of.get(match.provider.name, bounds.limit) if bounds.writes else None

    def settle(self, exchange: Exchange, call: Call | None) -> None:
        """Tell the budgets what a call did cost; None for a request that was none."""
        if call is not None and call.outcome == "pending":
            found = self._held.pop(exchange.id, None)
            if found is not None:
                self._pending[call.id] = found[0]
                if len(self._pending) > PENDING:
                    self._forget(next(iter(self._pending)))
            return
        asked = self._give_up(exchange.id, 0 if call is None else charged(call))
        if asked is not None and call is not None:
            self._learn(call, asked)

    def _learn(self, call: Call, asked: Asked) -> None:
        """Learn how many tokens the bytes of a request were, where there was nothing else in it."""
        usage = call.usage
        if usage is not None and not usage.estimated and asked.attached is NOTHING and not asked.unbounded:
            self._ratios.add((call.provider, call.request_model), asked.text, usage.input_tokens)

    def settle_pending(self, call: Call) -> None:
        """Tell the budgets what a call did cost that ran in the background, now that a poll has shown its end."""
        held = self._pending.pop(call.id, None)
        if held is not None:
            self._gate.settle(held, charged(call))

    def settle_batch(self, exchange: Exchange, job: str | None) -> None:
        """Go on holding what a batch may cost that was submitted, until calls of its output are counted.

        ``job`` is None where it was not taken on: then it costs nothing. Where nobody knows, what is held stays spent.
        """
        if job is None:
            unknown = exchange.status is None and exchange.sent
            self._give_up(exchange.id, None if unknown else 0)
            return
        found = self._held.pop(exchange.id, None)
        if found is not None:
            self._batches[job] = found[0]
            if len(self._batches) > PENDING:
                self.release_batch(next(iter(self._batches)))

    def release_batch(self, job: str) -> None:
        """Hold nothing for a batch any more: the calls of its output are counted as they come."""
        held = self._batches.pop(job, None)
        if held is not None:
            self._gate.settle(held, 0)

    def count(self, call: Call, *, once: bool = False) -> None:
        """Count a call that was not asked about: a batch's line, or one that was told; ``once``: as ``Gate.count``."""
        cost = charged(call)
        if not cost:
            return
        ask = Ask(
            id=call.id,
            provider=call.provider,
            model=call.response_model or call.request_model,
            feature=call.feature,
            path=call.path,
            run=call.trace_id if call.parent_id else None,
            tags=call.tags,
            at=call.start,
            quote=lambda *_: cost,
            output_limit=None,
        )
        self._gate.count(ask, cost, once=once)

    def lose(self, exchange: Exchange) -> None:
        """Let what is held for a call stay spent, if it is held still: nobody knows what it did cost."""
        self._give_up(exchange.id, None)

    def close(self) -> None:
        """Let what is held for calls in the background stay spent: nobody will see their end.

        That of a batch is given back: who fetches its output, in whatever process, counts it.
        """
        for job in list(self._batches):
            self.release_batch(job)
        for name in list(self._pending):
            self._forget(name)

    def forked(self) -> None:
        """Hold nothing in a child: what is held is the parent's."""
        self._ratios.forked()
        self._held, self._pending, self._batches = {}, {}, {}

    def _forget(self, name: str) -> None:
        held = self._pending.pop(name, None)
        if held is not None:
            self._gate.settle(held, None)

    def _give_up(self, name: str, cost: int | None) -> Asked | None:
        """Settle what is held for a call, if it is held still; return what its request asked for."""
        found = self._held.pop(name, None)
        if found is None:
            return None
        self._gate.settle(found[0], cost)
        return found[1]


def _amend(exchange: Exchange, changes: dict[str, Any]) -> bool:
    """Have a request sent with other values at some paths, if any; return False where that can't be done."""
    changed, asking = exchange.body, exchange.rewritten
    for path, value in changes.items():
        changed = None if changed is None else amended(changed, path, value)
        asking = None if asking is None else amended(asking, path, value)
    if changed is None:
        return False
    exchange.changed = changed
    exchange.rewritten = changed if exchange.refused is None else asking
    return True


_policies: weakref.WeakSet[Policy] = weakref.WeakSet()


def _in_child() -> None:
    for policy in list(_policies):
        policy.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
