"""gRPC beyond what the matrix goes through: futures, forgotten calls, what is nobody's model call."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from grpc.experimental import ChannelOptions
from xai_sdk.proto import chat_pb2, chat_pb2_grpc

import outlay.testing
from outlay.records import Call
from outlay.testing import Ledger
from tests.conformance.rpc_host import RpcHost
from tests.conformance.rpc_shapes import ANSWER, CHUNKS, GROK, USD

MESSAGES = {"/xai_api.Chat/GetCompletion": (ANSWER,), "/xai_api.Chat/GetCompletionChunk": CHUNKS}
ASKED = chat_pb2.GetCompletionsRequest(model=GROK)


@contextmanager
def calling(*script: str, **options: Any) -> Iterator[tuple[Any, Ledger]]:
    """Run a host and meter what is asked of it; give a stub and the ledger."""
    with RpcHost(MESSAGES) as host, outlay.testing.ledger(hosts={host.target: "x_ai"}) as ledger:
        host.script(*script)
        with grpc.insecure_channel(host.target, **options) as channel:
            yield chat_pb2_grpc.ChatStub(channel), ledger


def whole(call: Call) -> bool:
    """Return whether a record has what was billed."""
    return (call.outcome, call.status, str(call.cost.usd), call.transport) == ("ok", 200, USD, "grpc")


def test_a_call_with_its_details_is_one_record() -> None:
    """``with_call`` gives the answer and the call."""
    with calling() as (stub, ledger):
        answer, call = stub.GetCompletion.with_call(request=ASKED)
        assert (answer, call.code()) == (ANSWER, grpc.StatusCode.OK)
        assert whole(ledger.only)


@pytest.mark.parametrize("how", ["result", "exception", "a callback"])
def test_a_future_is_one_record_when_it_is_asked(how: str) -> None:
    """Its type is gRPC's own; the record is there when it has told its answer."""
    with calling() as (stub, ledger):
        future = stub.GetCompletion.future(ASKED)
        assert isinstance(future, grpc.Future)
        assert type(future).__name__ == "_MultiThreadedRendezvous"
        if how == "a callback":
            done = threading.Event()
            future.add_done_callback(lambda coming: done.set() if coming.result() else None)
            assert done.wait(10)
        else:
            getattr(future, how)()
        assert future.result() == ANSWER
        assert whole(ledger.only)


def test_a_future_that_fails_or_is_cancelled_says_so() -> None:
    """The error is the future itself, as without outlay."""
    with calling("400", "hang=0") as (stub, ledger):
        future = stub.GetCompletion.future(ASKED)
        with pytest.raises(grpc.RpcError) as caught:
            future.result()
        assert caught.value is future
        cancelled = stub.GetCompletion.future(ASKED)
        assert cancelled.cancel()
        with pytest.raises(grpc.FutureCancelledError):
            cancelled.result()
        first, second = ledger.calls
    assert (first.outcome, first.status, first.error_type, first.cost.status) == (
        "error",
        400,
        "INVALID_ARGUMENT",
        "free",
    )
    assert (second.outcome, second.status) == ("cancelled", None)


def test_a_future_whose_patience_ends_goes_on() -> None:
    """A timeout of the waiting is none of the call."""
    with calling("slow=0.3") as (stub, ledger):
        future = stub.GetCompletion.future(ASKED)
        with pytest.raises(grpc.FutureTimeoutError):
            future.result(timeout=0.01)
        assert ledger.calls == []
        future.result()
        assert whole(ledger.only)


@pytest.mark.parametrize(
    "options", [(), ((ChannelOptions.SingleThreadedUnaryStream, 1),)], ids=["threads", "one thread"]
)
def test_a_stream_is_one_record_however_grpc_reads_it(options: Any) -> None:
    """GRPC has two ways; its objects keep their names, and can all that they could."""
    with calling(options=options) as (stub, ledger):
        stream = stub.GetCompletionChunk(ASKED)
        assert next(stream) == CHUNKS[0]
        assert tuple(stream) == CHUNKS[1:]
        assert stream.code() is grpc.StatusCode.OK
        assert whole(ledger.only)
        assert ledger.only.first_chunk is not None


@pytest.mark.parametrize(
    "options", [(), ((ChannelOptions.SingleThreadedUnaryStream, 1),)], ids=["threads", "one thread"]
)
def test_a_stream_that_is_dropped_or_cancelled_is_abandoned(options: Any) -> None:
    """What came of it is the start of the estimate."""
    with calling("hang=2", "hang=2", options=options) as (stub, ledger):
        next(iter(stub.GetCompletionChunk(ASKED)))
        gc.collect()
        stream = stub.GetCompletionChunk(ASKED)
        next(stream)
        stream.cancel()
        calls = ledger.calls
    assert [(call.outcome, call.status) for call in calls] == [("abandoned", 200)] * 2
    for call in calls:
        assert call.usage is not None
        assert (call.usage.estimated, call.usage.classes["input"]) == (True, 300)


def test_a_stream_left_at_its_last_message_is_whole() -> None:
    """The messages decide, and the last one told what was billed."""
    with calling() as (stub, ledger):
        stream = stub.GetCompletionChunk(ASKED)
        for _ in CHUNKS:
            next(stream)
        stream.cancel()
        assert whole(ledger.only)


def test_streams_of_asyncio_are_read_by_hand_too() -> None:
    """``read`` until the end, a cancellation in the middle, and one that is never looked at."""

    async def call(target: str) -> None:
        async with grpc.aio.insecure_channel(target) as channel:
            stub: Any = chat_pb2_grpc.ChatStub(channel)
            stream = stub.GetCompletionChunk(ASKED)
            while (await stream.read()) is not grpc.aio.EOF:
                pass
            stream = stub.GetCompletionChunk(ASKED)
            await stream.read()
            stream.cancel()
            stub.GetCompletion(ASKED)  # nobody awaits it
            await asyncio.sleep(0.3)

    with RpcHost(MESSAGES) as host, outlay.testing.ledger(hosts={host.target: "x_ai"}) as ledger:
        host.script("ok", "hang=2")
        asyncio.run(call(host.target))
        first, second, third = ledger.calls
    assert whole(first)
    assert (second.outcome, second.streamed) == ("abandoned", True)
    assert whole(third)


def test_a_request_that_no_host_got_costs_nothing() -> None:
    """Nothing listens there."""
    nowhere = "127.0.0.1:9"

    async def call() -> None:
        async with grpc.aio.insecure_channel(nowhere) as channel:
            stub: Any = chat_pb2_grpc.ChatStub(channel)
            await stub.GetCompletion(ASKED)

    with outlay.testing.ledger(hosts={nowhere: "x_ai"}) as ledger, grpc.insecure_channel(nowhere) as channel:
        stub: Any = chat_pb2_grpc.ChatStub(channel)
        with pytest.raises(grpc.RpcError):
            stub.GetCompletion(ASKED)
        with pytest.raises(grpc.RpcError):
            asyncio.run(call())
        for made in ledger.calls:
            assert (made.outcome, made.error_type, made.cost.status) == ("error", "UNAVAILABLE", "free")
        assert [made.attempt for made in ledger.calls] == [1, 2]


def test_what_is_no_model_call_passes_and_what_is_not_read_is_named() -> None:
    """An RPC of a service whose others are metered is missed; those that only look, and other services, are free."""
    messages = {
        "/xai_api.Chat/RateCompletion": (ANSWER,),
        "/xai_api.Chat/GetStoredCompletion": (ANSWER,),
        "/xai_api.Models/ListLanguageModels": (ANSWER,),
    }
    with RpcHost(messages) as host, outlay.testing.ledger(hosts={host.target: "x_ai"}) as ledger:
        with grpc.insecure_channel(host.target) as channel:
            for path in messages:
                channel.unary_unary(path)(b"")
        assert ledger.calls == []
        instance = outlay.testing.stage.STAGE.current()
        assert instance is not None
        seen = {(row.path.rpartition("/")[2], row.requests, row.free) for row in instance.recogniser.coverage(0)}
    assert seen == {("RateCompletion", 1, 0), ("GetStoredCompletion", 1, 1), ("ListLanguageModels", 1, 1)}


def test_messages_that_are_no_protobuf_are_left_as_they_are() -> None:
    """A proxy may forward bytes: the caller gets theirs, and the record says that nobody could read the answer."""
    with RpcHost(MESSAGES) as host, outlay.testing.ledger(hosts={host.target: "x_ai"}) as ledger:
        with grpc.insecure_channel(host.target) as channel:
            answer = channel.unary_unary("/xai_api.Chat/GetCompletion")(ASKED.SerializeToString())
        assert answer == ANSWER.SerializeToString(deterministic=True)
        assert ledger.only.outcome == "ok"
        assert ledger.only.usage is None


def _forked(found: Callable[[], int]) -> int:
    """Return what is found in a forked child; below 0 the signal that it died of."""
    child = os.fork()
    if not child:
        os._exit(found())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_owns_no_call_of_its_parents() -> None:
    """It leaves, and the parent's stream is still one record.

    Children of a busy gRPC die in its own code now and then, without outlay too (42 of 400 did): one that lives tells.
    """
    with calling() as (stub, ledger):
        stream = stub.GetCompletionChunk(ASKED)
        next(stream)
        ended = [_forked(lambda: len(ledger.calls)) for _ in range(8)]
        assert max(ended) == 0, "how many calls a child had to settle; below 0 the signal that it died of"
        assert len(tuple(stream)) == len(CHUNKS) - 1
        assert whole(ledger.only)
