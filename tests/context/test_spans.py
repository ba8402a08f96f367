"""What a span knows and keeps: its sum, its place among others, its end."""

from __future__ import annotations

import asyncio
import gc
import threading
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import outlay
from outlay import context
from outlay.context import LiveSpan
from outlay.records import Call, Cost, Usage
from outlay.tally import FOLD_AT, Tally
from tests.context.kept import Kept, call

PRICE = Decimal("0.00027")


def test_a_span_knows_its_spend_the_moment_a_call_has_returned(kept: Kept) -> None:
    """Cost, usage and number of calls, descendants included, inside the block and after it."""
    with outlay.track("outer") as outer:
        call()
        assert (outer.calls, outer.cost) == (1, PRICE)
        with outlay.track("inner") as inner:
            call()
        assert (inner.calls, inner.cost, outer.calls, outer.cost) == (1, PRICE, 2, 2 * PRICE)
    assert (outer.usage.input_tokens, outer.usage.output_tokens) == (2000, 400)
    assert outer.cost.complete
    assert kept.paths == ["outer", "outer/inner"]


def test_spans_are_kept_with_their_place_and_time(kept: Kept) -> None:
    """Inner ones first, as they end; calls lie within them."""
    with outlay.tags(user="u"), outlay.track("outer", feature="f"), outlay.track("inner"):
        call()
    (one,), (inner, outer) = kept.calls, kept.spans
    assert (outer.name, outer.feature, outer.path, outer.tags) == ("outer", "f", "f", {"user": "u"})
    assert (inner.parent_id, one.parent_id, outer.parent_id) == (outer.id, inner.id, None)
    assert outer.trace_id == inner.trace_id == one.trace_id
    assert outer.start <= inner.start <= one.end <= inner.end <= outer.end


def test_a_span_without_calls_is_not_kept(kept: Kept) -> None:
    """Most tracked functions never call a model."""
    with outlay.track("empty") as span:
        pass
    assert (span.calls, span.cost, span.usage.total_tokens) == (0, Decimal(0), 0)
    assert kept.records == []


def test_an_exception_passes_and_is_named(kept: Kept) -> None:
    """The block ends all the same."""

    @outlay.track("broken")
    def broken() -> float:
        call()
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        broken()
    assert [span.error_type for span in kept.spans] == ["ZeroDivisionError"]
    assert context.scope() is context.OUTSIDE


def test_a_function_that_calls_itself_stands_in_its_path_once(kept: Kept) -> None:
    """Each level is a span of its own; the path says the feature."""

    @outlay.track(feature="walk")
    def walk(depth: int) -> None:
        if depth:
            walk(depth - 1)
        else:
            call()

    walk(150)
    assert kept.paths == ["walk"]
    assert len({span.id for span in kept.spans}) == 151


def test_a_span_opened_before_init_is_kept_by_the_home_of_its_end(kept: Kept) -> None:
    """``with track("main"): outlay.init()`` is a fine order."""
    home, context.home = context.home, None
    with outlay.track("main") as span:
        context.home = home
        call()
    assert (span.calls, [one.name for one in kept.spans]) == (1, ["main"])


def test_a_task_that_outlives_its_span_still_counts_into_it(kept: Kept) -> None:
    """The span is kept once, late if need be: its calls name it as their parent."""

    async def main() -> LiveSpan:
        go = asyncio.Event()

        @outlay.track
        async def late() -> None:
            await go.wait()
            call()

        with outlay.track("request") as span:
            task = asyncio.create_task(late())
        go.set()
        await task
        return span

    span = asyncio.run(main())
    assert (span.calls, span.cost) == (1, PRICE)
    assert sorted(one.name.split(".")[-1] for one in kept.spans) == ["late", "request"]
    assert {one.parent_id for one in kept.spans} == {None, span.id}


def test_a_task_that_starts_its_own_successor_does_not_pile_up_spans(kept: Kept) -> None:
    """A timer's context is inherited for ever: ended spans are let go of, and the path stays short."""

    async def main() -> int:
        done = asyncio.Event()

        @outlay.track(feature="one")
        async def tick(left: int) -> None:
            with outlay.track("two"):
                if left == 1:
                    call()
                asyncio.get_running_loop().call_soon(asyncio.ensure_future, tick(left - 1)) if left else done.set()

        await tick(500)
        await done.wait()
        gc.collect()
        return sum(type(thing) is LiveSpan for thing in gc.get_objects())  # isinstance would wake others' lazy proxies

    assert asyncio.run(main()) < 20
    assert len(kept.paths[0]) < context.PATH_LENGTH + 10


def test_blocks_left_out_of_order_leave_nothing_behind(kept: Kept) -> None:
    """Two generators that are not tracked, in turns, each with a block of its own."""

    def chatter(user: str) -> object:
        with outlay.tags(user=user), outlay.track(user):
            yield
            call()
            yield

    first, second = chatter("a"), chatter("b")
    for one in (first, second, first, second, first, second):
        next(one, None)  # type: ignore[call-overload]  # they are generators
    assert context.scope() is context.OUTSIDE
    call()
    assert kept.tags[-1] == {}


def test_a_block_closed_by_a_task_that_was_never_in_it_changes_nothing_there(kept: Kept) -> None:
    """The closing task keeps its own tags."""

    async def chatter() -> object:
        with outlay.tags(user="a"):
            yield

    async def main() -> None:
        open_one = chatter()
        other = asyncio.create_task(closer(open_one))
        await open_one.__anext__()  # type: ignore[attr-defined]  # it is an async generator
        await other

    async def closer(generator: object) -> None:
        with outlay.tags(user="b"):
            await asyncio.sleep(0)
            await generator.aclose()  # type: ignore[attr-defined]  # it is an async generator
            call()
        call()

    asyncio.run(main())
    assert kept.tags == [{"user": "b"}, {}]


def test_one_tracker_and_one_tags_may_be_entered_by_many_threads_at_once(kept: Kept) -> None:
    """Each thread leaves what it entered, in whatever order they leave."""
    tracker, tagger = outlay.track("shared"), outlay.tags(kind="shared")
    entered, leave = threading.Barrier(3), [threading.Event(), threading.Event()]
    seen: list[tuple[int, object]] = []

    def work(number: int) -> None:
        with outlay.tags(thread=number):
            with tagger, tracker as span:
                entered.wait(10)
                leave[number].wait(10)
                call()
            seen.append((span.calls, context.scope().tags))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    entered.wait(10)
    for number in (0, 1):
        leave[number].set()
        threads[number].join(10)
    assert seen == [(1, {"thread": "0"}), (1, {"thread": "1"})]
    assert len(kept.spans) == 2


def test_many_threads_may_begin_the_first_call_of_a_span_at_once(kept: Kept) -> None:
    """It gets one id, one sum and one record."""
    with outlay.track("shared") as span:
        gate = threading.Barrier(8)

        @outlay.carry
        def work() -> None:
            gate.wait(10)
            call()

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert (span.calls, span.cost) == (8, 8 * PRICE)
    assert {one.parent_id for one in kept.calls} == {span.id}
    assert len(kept.spans) == 1


quantities = st.dictionaries(st.sampled_from(["input", "output", "cache_read"]), st.integers(0, 10**9), max_size=3)
costs = st.one_of(
    st.just(Cost(status="unknown")), st.integers(0, 10**15).map(lambda amount: Cost(status="priced", amount=amount))
)
spent = st.lists(st.tuples(quantities, costs), max_size=12)


@given(spent, st.integers(1, 2 * FOLD_AT // 10))
def test_a_tally_is_the_sum_of_what_was_added(entries: list[tuple[dict[str, int], Cost]], repeats: int) -> None:
    """Law: whenever it folds, calls, cost, unpriced calls and each class add up."""
    tally = Tally()
    calls = [_call(classes, cost) for classes, cost in entries] * repeats
    for one in calls:
        tally.add(one)
    assert tally.calls == len(calls)
    assert tally.spend == sum((one.cost.usd or Decimal(0) for one in calls), Decimal(0))
    assert tally.spend.unpriced_calls == sum(one.cost.amount is None for one in calls)
    assert tally.usage.input_tokens == sum(one.usage.input_tokens for one in calls if one.usage)


def _call(classes: dict[str, int], cost: Cost) -> Call:
    return Call(
        id="0" * 16, trace_id="0" * 32, provider="openai", api="openai.chat", operation="chat", start=0, end=1,
        usage=Usage(classes=dict(classes)), cost=cost,
    )  # fmt: skip
