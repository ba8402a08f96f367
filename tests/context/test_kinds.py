"""``@track`` and ``@tags`` on every kind of function there is: it stays what it is, and its calls are its own."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

import outlay
from outlay.loopback import ModelHost
from outlay.testing import ledger
from tests.context.kept import Kept, call

FEATURE = outlay.track(feature="work")


@FEATURE
def plain(a: int, *, b: int = 2) -> int:
    """Add."""
    call()
    return a + b


@FEATURE
async def coroutine(a: int, *, b: int = 2) -> int:
    """Add."""
    await asyncio.sleep(0)
    call()
    return a + b


@FEATURE
def generator(a: int, *, b: int = 2) -> Iterator[int]:
    """Add."""
    call()
    yield a + b


@FEATURE
async def async_generator(a: int, *, b: int = 2) -> AsyncIterator[int]:
    """Add."""
    await asyncio.sleep(0)
    call()
    yield a + b


class Desk:
    """Methods of every kind, decorated from either side."""

    @FEATURE
    def method(self, a: int, *, b: int = 2) -> int:
        """Add."""
        return _add(a, b)

    @FEATURE
    @classmethod
    def outside_class(cls, a: int, *, b: int = 2) -> int:
        """Add."""
        return _add(a, b)

    @classmethod
    @FEATURE
    def inside_class(cls, a: int, *, b: int = 2) -> int:
        """Add."""
        assert cls is Desk
        return _add(a, b)

    @FEATURE
    @staticmethod
    def outside_static(a: int, *, b: int = 2) -> int:
        """Add."""
        return _add(a, b)

    @staticmethod
    @FEATURE
    def inside_static(a: int, *, b: int = 2) -> int:
        """Add."""
        return _add(a, b)

    @FEATURE
    def __call__(self, a: int, *, b: int = 2) -> int:
        """Add."""
        return _add(a, b)

    @FEATURE
    @classmethod
    def generator(cls, a: int, *, b: int = 2) -> Iterator[int]:
        """Add."""
        assert cls is Desk
        yield _add(a, b)

    @FEATURE
    async def async_generator(self, a: int, *, b: int = 2) -> AsyncIterator[int]:
        """Add."""
        assert isinstance(self, Desk)
        yield _add(a, b)


class Adder:
    """An object that is called, and gives a coroutine."""

    async def __call__(self, a: int, *, b: int = 2) -> int:
        """Add."""
        return _add(a, b)


def _add(a: int, b: int) -> int:
    call()
    return a + b


def result_of(function: Callable[..., Any]) -> int:
    """Call ``function`` with a=1, and wait for what it gives, or take the one item that it yields."""
    given = function(1)
    if inspect.isasyncgen(given):
        given = _only(given)
    if inspect.iscoroutine(given):
        given = asyncio.run(given)
    if inspect.isgenerator(given):
        (given,) = given
    assert isinstance(given, int)
    return given


async def _only(given: AsyncIterator[Any]) -> Any:
    (item,) = [item async for item in given]
    return item


KINDS: dict[str, Callable[..., Any]] = {
    "plain": plain,
    "coroutine": coroutine,
    "generator": generator,
    "async generator": async_generator,
    "method": Desk().method,
    "classmethod beneath": Desk.outside_class,
    "classmethod above": Desk.inside_class,
    "classmethod of an instance": Desk().outside_class,
    "staticmethod beneath": Desk.outside_static,
    "staticmethod above": Desk.inside_static,
    "__call__": Desk(),
    "classmethod that yields": Desk.generator,
    "method that yields": Desk().async_generator,
    "lambda": FEATURE(lambda a, b=2: _add(a, b)),
    "partial": FEATURE(functools.partial(_add, b=2)),
    "partial of a coroutine function": FEATURE(functools.partial(inspect.unwrap(coroutine), b=2)),
    "object with an async __call__": FEATURE(Adder()),
    "cached": FEATURE(functools.lru_cache(lambda a, b=2: _add(a, b))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_tracked_function_does_what_it_did_and_owns_its_calls(kind: str, kept: Kept) -> None:
    """Whatever kind of function it is: same result, and one call under its feature."""
    with outlay.track("around") as around:
        assert result_of(KINDS[kind]) == 3
    assert (kept.paths, around.calls) == (["around/work"], 1)
    assert {span.path for span in kept.spans} == {"around", "around/work"}


@pytest.mark.parametrize("kind", KINDS)
def test_before_init_a_tracked_function_runs_and_nothing_is_kept(kind: str) -> None:
    """There is no home for a span yet; the functions are the same."""
    if kind != "cached":  # it has its answer already
        assert result_of(KINDS[kind]) == 3
    with outlay.track("x") as span:
        assert (span.calls, span.cost, span.usage.total_tokens) == (0, Decimal(0), 0)


@pytest.mark.parametrize("function", [plain, coroutine, generator, async_generator])
def test_a_tracked_function_still_looks_the_same(function: Callable[..., Any]) -> None:
    """Name, docstring, signature and kind: frameworks inject, validate and choose by them."""
    bare = inspect.unwrap(function)
    assert bare is not function
    assert (function.__name__, function.__qualname__, function.__module__) == (
        bare.__name__,
        bare.__qualname__,
        __name__,
    )
    assert function.__doc__ == "Add."
    assert inspect.signature(function) == inspect.signature(bare)
    assert function.__annotations__ == bare.__annotations__
    for question in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
        assert question(function) == question(bare)
    assert inspect.isfunction(function)


@pytest.mark.parametrize("function", [plain, coroutine, generator, async_generator])
def test_a_tracked_function_is_pickled_and_copied_as_a_function_is(function: Callable[..., Any]) -> None:
    """By its name, so that a process pool can take it."""
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.deepcopy(function) is copy.copy(function) is function


@pytest.mark.parametrize("kind", KINDS)
def test_tags_decorate_every_kind_as_track_does(kind: str, kept: Kept) -> None:
    """They share the wrapper."""
    if kind != "cached":
        assert result_of(outlay.tags(user="u")(KINDS[kind])) == 3
        assert kept.tags == [{"user": "u"}]


def test_builtins_can_be_tracked(kept: Kept) -> None:
    """They have no code to point at, and some no signature."""
    assert outlay.track(len)([1, 2]) == 2
    assert outlay.track(feature="largest")(max)(1, 2) == 2
    assert kept.records == []


@pytest.mark.parametrize(
    "thing", [3, property(plain), functools.cached_property(plain), functools.partialmethod(plain)]
)
def test_what_is_no_function_is_refused_with_a_sentence(thing: Any) -> None:
    """A decorator too high would turn a property into something else, silently."""
    with pytest.raises(TypeError, match="takes a name or a function"):
        outlay.track(thing)
    with pytest.raises(TypeError, match="takes a name or a function"):
        outlay.track("name")(thing)


def test_a_class_is_refused_with_a_sentence() -> None:
    """It would be a function afterwards, and isinstance would fail."""
    with pytest.raises(TypeError, match="on the methods of Desk"):
        outlay.track(Desk)
    with pytest.raises(TypeError, match="on the methods of Desk"):
        outlay.tags(a=1)(Desk)


def test_async_with_is_refused(kept: Kept) -> None:
    """A block is entered with a plain ``with``, in async code too; Python says so."""

    async def misuse() -> None:
        async with outlay.track("x"):  # type: ignore[attr-defined]  # the misuse under test
            pass

    with pytest.raises(TypeError, match="asynchronous context manager"):
        asyncio.run(misuse())
    assert kept.records == []


def test_names_features_and_sites_come_from_the_function(kept: Kept) -> None:
    """The default name is the qualified name, the default feature the name, the site where it is defined."""
    outlay.track(inspect.unwrap(plain))(1)
    outlay.track("named")(inspect.unwrap(plain))(1)
    outlay.track("named", feature="featured")(inspect.unwrap(plain))(1)
    outlay.track(functools.partial(inspect.unwrap(plain), b=4))(1)
    said = [(span.name, span.feature) for span in kept.spans]
    assert said == [("plain", "plain"), ("named", "named"), ("named", "featured"), ("plain", "plain")]
    line = inspect.unwrap(plain).__code__.co_firstlineno
    assert {one.site for one in kept.spans} | {one.site for one in kept.calls} == {f"{__file__}:{line}"}


@pytest.mark.parametrize("feature", [Desk, 5, 0.5, ("a", "b"), b"x", Decimal(1), "half \ud83d"], ids=repr)
def test_a_feature_that_is_no_text_becomes_one(feature: object) -> None:
    """The calls inside are metered like any other, and so are those after them."""
    with ModelHost() as host, ledger(hosts={"127.0.0.1": "openai"}) as seen, httpx.Client() as client:
        for _ in range(2):
            with outlay.track("work", feature=feature):
                client.post(f"{host.url}/v1/chat/completions", json={"model": "gpt-4o-mini", "messages": []})
            client.post(f"{host.url}/v1/chat/completions", json={"model": "gpt-4o-mini", "messages": []})
    said = str(feature).encode(errors="replace").decode()
    assert [made.feature for made in seen.calls] == [said, "", said, ""]


def test_wrong_arguments_fail_as_they_did(kept: Kept) -> None:
    """Where they are given, also to a generator function."""
    for function in (plain, generator, async_generator):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            function(1, c=3)  # type: ignore[call-arg]  # the mistake under test
    assert kept.records == []
