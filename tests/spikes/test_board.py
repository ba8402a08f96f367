"""The board: so many series and no more, each within its bytes, and nothing counted twice or not at all."""

from __future__ import annotations

import random

from outlay.spikes.board import FLOOR, IDLE, MOST, Board
from outlay.spikes.detector import Bucket
from outlay.spikes.series import OTHER, WHOLE, Key, gather


def model(number: int) -> Key:
    """Return the key of a feature's model."""
    return "model", f"feature {number}", "gpt-4o-mini"


def bucket(calls: float = 10.0, cost: float = 0.01) -> Bucket:
    """Return a bucket of calls that cost so much together."""
    return Bucket(calls, 0, 1000 * calls, 0, 100 * calls, cost, calls)


def close(board: Board, slot: int, parts: dict[Key, Bucket]) -> None:
    """Show a bucket of all keys to the board."""
    board.close(slot, gather(parts.items()))


def test_there_are_never_more_series_than_the_limit_and_the_rest_is_one() -> None:
    """With five hundred features: what has no series of its own is in "all others", to the call and the cent."""
    board = Board()
    for slot in range(6):
        close(board, slot, {model(number): bucket() for number in range(500)})
    assert len(board.series) <= MOST + 1
    own = sum(series.amounts[-1].cost for key, series in board.series.items() if key[0] == "model")
    assert abs(own + board.series[OTHER].amounts[-1].cost - 500 * 0.01) < 1e-9
    assert abs(board.series[WHOLE].amounts[-1].cost - 500 * 0.01) < 1e-9


def test_a_key_that_costs_more_than_twice_the_smallest_takes_its_place() -> None:
    """Within a bucket; one that costs as much does not, so that places are not taken by turns."""
    board, alike, dear = Board(), model(1001), model(1002)
    usual = {model(number): bucket(cost=1.0) for number in range(MOST)}
    close(board, 0, usual)
    close(board, 1, {**usual, alike: bucket(cost=1.0)})
    assert alike not in board.series
    close(board, 2, {**usual, dear: bucket(cost=99.0)})
    assert dear in board.series
    assert len(board.series) <= MOST + 1
    assert len(board.gone) == 2  # for the model and for its feature


def test_a_tags_value_is_watched_from_a_dollar_a_day_on() -> None:
    """One user among thousands has no series, until it costs something."""
    board, cheap, dear = Board(), ("tag", "user", "u-1"), ("tag", "user", "u-2")
    for slot in range(288):
        close(
            board, slot, {model(1): bucket(cost=0.02), cheap: bucket(cost=0.5 * FLOOR / 288), dear: bucket(cost=0.02)}
        )
    assert dear in board.series
    assert cheap not in board.series


def test_what_is_not_called_any_more_is_let_go_of() -> None:
    """After two weeks."""
    board = Board()
    close(board, 0, {model(1): bucket(), model(2): bucket()})
    for slot in range(1, IDLE + 2):
        close(board, slot, {model(2): bucket()})
    assert model(1) not in board.series
    assert model(2) in board.series


def test_a_series_takes_at_most_eight_kilobytes() -> None:
    """Also one that has seen weeks of traffic without any order, and is in alarm."""
    board, chance = Board(), random.Random(7)
    for slot in range(15 * 288):
        calls = chance.randrange(1, 10_000)
        read, cached, written, cost, seconds = [chance.random() * 1e6 for _ in range(5)]
        wild = Bucket(calls, chance.randrange(calls), read, cached, written, cost, seconds, 1)
        close(board, slot, {model(1): wild})
    assert max(map(len, board.states().values())) <= 8 * 1024
