"""``__all__`` is the interface: what it names is there, and nothing else looks public."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

SURFACES = ("outlay", "outlay.integration", "outlay.testing")


@pytest.fixture(params=SURFACES)
def surface(request: pytest.FixtureRequest) -> ModuleType:
    """Import one of the modules that users may import from."""
    return importlib.import_module(request.param)


def test_every_name_of_all_can_be_imported(surface: ModuleType) -> None:
    """Also one that is loaded only when it is asked for."""
    assert [name for name in surface.__all__ if not hasattr(surface, name)] == []


def test_every_public_name_of_outlays_is_in_all(surface: ModuleType) -> None:
    """What a user can reach without an underscore is a promise, so it is made on purpose."""
    shown = {name for name in dir(surface) if not name.startswith("_")}
    origins = {name: getattr(getattr(surface, name), "__module__", "") for name in shown}
    ours = {name for name, origin in origins.items() if str(origin).split(".")[0] == "outlay"}
    assert ours - set(surface.__all__) == set()


def test_every_name_of_all_has_a_docstring(surface: ModuleType) -> None:
    """``help(outlay.init)`` answers."""
    objects = {name: getattr(surface, name) for name in surface.__all__ if name != "__version__"}
    assert [name for name, value in objects.items() if callable(value) and not value.__doc__] == []
