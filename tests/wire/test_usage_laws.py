"""From a provider's usage object to disjoint classes: laws over random objects, and every shape that is known."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.records import INPUT_CLASSES, OUTPUT_CLASSES, Usage
from outlay.wire.usage import ABSURD, InvalidUsage, UsageReader
from outlay_integrations.apis import anthropic, openai

TABLES = {api.name: api.usage for api in (*openai.APIS, *anthropic.APIS) if api is not openai.COMPLETIONS}  # chat's
READERS = {name: UsageReader(table) for name, table in TABLES.items()}
LESS = " - "
"""Between fields in a table: what the first has more than the others."""
PATHS = {
    name: sorted(
        {total.path for total in table.totals}
        | {field for total in table.totals for path in total.parts.values() for field in path.split(LESS)}
        | set(table.others.values())
        | {path for path in (table.reasoning, table.sum) if path}
    )
    for name, table in TABLES.items()
}

COUNTS = st.integers(0, 5000)
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.integers(-10, 10),
    st.integers(ABSURD - 1, 10**40),
    st.floats(),
    st.text(max_size=5),
    st.booleans(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def written(values: dict[str, Any]) -> bytes:
    """Write values at their dotted paths as the JSON object that they stand in."""
    document: dict[str, Any] = {}
    for path, value in values.items():
        *folders, name = path.split(".")
        place = document
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = value
    return json.dumps(document).encode()


def quantity_at(said: dict[str, Any], path: str) -> int:
    """Return what an object says at a path of a table's, which may be a difference."""
    first, *others = (int(said.get(field, 0)) for field in path.split(LESS))
    return max(0, first - sum(others))


def usages(api: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Make usage objects in which any of a format's fields may be missing."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(PATHS[api], values))


@pytest.mark.parametrize("api", sorted(TABLES))
@given(data=st.data())
def test_classes_add_up_to_the_providers_totals_and_none_is_negative(api: str, data: st.DataObject) -> None:
    """Whatever the parts claim: each total is divided, never exceeded; public totals include their parts."""
    said = data.draw(usages(api, COUNTS))
    read = READERS[api].read(written(said))
    totals = {total.path: said[total.path] for total in TABLES[api].totals if total.path in said}
    if read is None:
        assert not any(totals.values())
        return
    classes, thinking, consistent = read
    assert all(quantity > 0 for quantity in classes.values())
    assert 0 <= thinking <= classes.get("output", 0)
    usage = Usage(classes=classes, reasoning=thinking)
    if all(total.path in said for total in TABLES[api].totals):
        assert usage.total_tokens == sum(totals.values())
    if consistent and TABLES[api].sum in said and totals:
        parts = sum(quantity for name, quantity in classes.items() if name not in TABLES[api].others)
        assert parts == said[str(TABLES[api].sum)]
    assert usage.cache_read_input_tokens + usage.cache_write_input_tokens <= usage.input_tokens
    assert usage.cache_write_1h_input_tokens <= usage.cache_write_input_tokens
    assert usage.reasoning_output_tokens <= usage.output_tokens
    for table in TABLES[api].totals:
        within = [quantity_at(said, path) for path in table.parts.values()]
        if table.path in said and sum(within) > said[table.path]:
            assert not consistent


@pytest.mark.parametrize("api", sorted(TABLES))
@given(data=st.data())
def test_nothing_is_reported_that_the_provider_did_not_say(api: str, data: st.DataObject) -> None:
    """A class comes from a field of its own or is what the parts leave of a total; both must be there."""
    said = data.draw(usages(api, COUNTS))
    classes = (READERS[api].read(written(said)) or ({}, 0, True))[0]
    for name, quantity in classes.items():
        sources = [total.path for total in TABLES[api].totals if total.rest == name]
        sources += [total.parts[name] for total in TABLES[api].totals if name in total.parts]
        sources += [TABLES[api].others[name]] if name in TABLES[api].others else []
        assert quantity <= sum(quantity_at(said, source) for source in sources)


@pytest.mark.parametrize("api", sorted(TABLES))
@given(data=st.data())
def test_odd_values_are_refused_by_name_or_left_out_and_never_counted(api: str, data: st.DataObject) -> None:
    """Strings, floats, booleans, negatives and the absurd: ``InvalidUsage``, or whole numbers in their bounds."""
    said = data.draw(usages(api, st.one_of(COUNTS, ODD)))
    try:
        read = READERS[api].read(written(said))
    except InvalidUsage:
        return
    if read is not None:
        for name, quantity in read[0].items():
            assert 0 < quantity < ABSURD * len(PATHS[api])
            assert type(quantity) is int or name in TABLES[api].others
            assert name in INPUT_CLASSES + OUTPUT_CLASSES or name in TABLES[api].others


@pytest.mark.parametrize("api", sorted(TABLES))
@given(value=ODD.filter(lambda value: value is not None and not isinstance(value, dict)), data=st.data())
def test_one_impossible_total_makes_the_object_invalid(api: str, value: Any, data: st.DataObject) -> None:
    """A guess in its place would be a wrong bill; the call is estimated instead, and marked."""
    path = data.draw(st.sampled_from([total.path for total in TABLES[api].totals]))
    number = type(value) in (int, float) and 0 <= value < ABSURD and float(value).is_integer()
    try:
        READERS[api].read(written({path: value}))
        assert number
    except InvalidUsage:
        assert not number


CHAT, RESPONSES = READERS["openai.chat"], READERS["openai.responses"]
MESSAGES, EMBEDDINGS = READERS["anthropic.messages"], READERS["openai.embeddings"]

SHAPES: list[tuple[str, UsageReader, dict[str, Any], dict[str, float], int, bool]] = [
    (
        "plain",
        CHAT,
        {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        {"input": 9, "output": 3},
        0,
        True,
    ),
    (
        "cached, with thinking and audio",
        CHAT,
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 5},
        },
        {"cache_read": 60, "input_audio": 10, "input": 30, "output_audio": 5, "output": 45},
        20,
        True,
    ),
    (
        "cache writes of the OpenAI dialect",
        CHAT,
        {
            "prompt_tokens": 100,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 50},
        },
        {"cache_read": 40, "cache_write_5m": 50, "input": 10, "output": 1},
        0,
        True,
    ),
    (
        "null details",
        CHAT,
        {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": None, "completion_tokens_details": None},
        {"input": 7, "output": 2},
        0,
        True,
    ),
    (
        "Groq's thinking beyond its output",
        CHAT,
        {"prompt_tokens": 7, "completion_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 25}},
        {"input": 7, "output": 20},
        20,
        True,
    ),
    (
        "Gemini's dialect, which leaves thinking out of the completion",
        CHAT,
        {"prompt_tokens": 7, "completion_tokens": 20, "total_tokens": 99},
        {"input": 7, "output": 20},
        0,
        False,
    ),
    (
        "more cached than there is",
        CHAT,
        {"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}},
        {"cache_read": 7, "output": 1},
        0,
        False,
    ),
    (
        "whole numbers written as floats",
        CHAT,
        {"prompt_tokens": 7.0, "completion_tokens": 2.0},
        {"input": 7, "output": 2},
        0,
        True,
    ),
    (
        "responses",
        RESPONSES,
        {
            "input_tokens": 75,
            "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 10},
            "output_tokens": 1186,
            "output_tokens_details": {"reasoning_tokens": 1024},
            "total_tokens": 1261,
        },
        {"cache_read": 5, "cache_write_5m": 10, "input": 60, "output": 1186},
        1024,
        True,
    ),
    ("embeddings", EMBEDDINGS, {"prompt_tokens": 8, "total_tokens": 8}, {"input": 8}, 0, True),
    (
        "Anthropic, where cached input stands beside the input",
        MESSAGES,
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            "output_tokens": 5,
            "server_tool_use": {"web_search_requests": 2},
        },
        {"input": 10, "cache_read": 100, "cache_write_5m": 10, "cache_write_1h": 20, "output": 5, "web_search": 2},
        0,
        True,
    ),
    (
        "cache writes without the detail",
        MESSAGES,
        {"input_tokens": 1, "cache_creation_input_tokens": 30, "cache_creation": None, "output_tokens": 5},
        {"input": 1, "cache_write_5m": 30, "output": 5},
        0,
        True,
    ),
    (
        "cache writes of which only the detail speaks",
        MESSAGES,
        {"input_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 20}, "output_tokens": 5},
        {"input": 1, "cache_write_1h": 20, "output": 5},
        0,
        True,
    ),
    (
        "an hour's writes beyond all writes",
        MESSAGES,
        {"cache_creation_input_tokens": 3, "cache_creation": {"ephemeral_1h_input_tokens": 20}, "output_tokens": 5},
        {"cache_write_1h": 3, "output": 5},
        0,
        False,
    ),
    ("only zeros", MESSAGES, {"input_tokens": 0, "output_tokens": 0}, {}, 0, True),
]


@pytest.mark.parametrize(
    "reader, said, classes, thinking, adds_up", [shape[1:] for shape in SHAPES], ids=[shape[0] for shape in SHAPES]
)
def test_every_shape_that_a_provider_sends_is_read(
    reader: UsageReader, said: dict[str, Any], classes: dict[str, float], thinking: int, adds_up: bool
) -> None:
    """Shapes of the providers' documentation and of recorded answers, as bytes with and without white space."""
    for indent in (None, 2):
        assert reader.read(json.dumps(said, indent=indent).encode()) == (classes, thinking, adds_up)


@pytest.mark.parametrize("said", [b"{}", b'{"unknown": 3}', b'{"prompt_tokens": null}', b'{"total_tokens": 9}'])
def test_an_object_that_says_nothing_known_gives_nothing(said: bytes) -> None:
    """No classes are better than invented ones: the call is estimated."""
    assert CHAT.read(said) is None


@pytest.mark.parametrize("said", [b"[]", b"7", b'"usage"', b"{", b"", b'{"prompt_tokens":' + b"[" * 100_000])
def test_what_is_no_object_is_invalid(said: bytes) -> None:
    """Nothing else comes out of it than ``InvalidUsage``, however deep or broken it is."""
    with pytest.raises(InvalidUsage):
        CHAT.read(said)


def test_a_huge_object_is_read_like_any() -> None:
    """What is unknown in it costs a scan and nothing more."""
    said = {"noise": [{"prompt_tokens": n} for n in range(5000)], "prompt_tokens": 3, "completion_tokens": 4}
    assert CHAT.read(json.dumps(said).encode()) == ({"input": 3, "output": 4}, 0, True)


@pytest.mark.parametrize("api", sorted(TABLES))
@given(data=st.data())
def test_a_usage_that_is_certain_can_be_counted(api: str, data: st.DataObject) -> None:
    """What else was said need not be held to estimate from; numbers as they usually are make it certain."""
    raw = written(data.draw(usages(api, COUNTS | ODD)))
    if READERS[api].certain(raw):
        assert READERS[api].read(raw) is not None
    said = data.draw(usages(api, COUNTS))
    first = TABLES[api].totals[0].path
    assert READERS[api].certain(written({**said, first: 5}))
