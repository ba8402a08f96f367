"""What the benchmarks name of outlay is there: they are not run with every change."""

from __future__ import annotations

from importlib import import_module
from operator import attrgetter

import pytest

from benchmarks.hot_path import HERE, LATER


@pytest.mark.parametrize("place", [*HERE, *LATER])
def test_a_function_that_is_timed_is_there(place: str) -> None:
    """It is named as ``module:Class.method``."""
    module, _, path = place.partition(":")
    assert callable(attrgetter(path)(import_module(module)))
