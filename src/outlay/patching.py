"""Wrap the functions that HTTP clients send by, when their modules are imported; keep them wrapped; undo it."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from outlay.guard import guard, logger
from outlay.integration import Patch, Transport

_installing = guard("patching an HTTP client")
DEPTH = 4
"""How many objects deep ``instrument`` looks for the HTTP client inside an SDK's client."""

_INSIDE = (
    "_client",
    "client",
    "_http_client",
    "http_client",
    "_api_client",
    "_client_wrapper",
    "httpx_client",
    "_async_client",
)


class Patcher:
    """Every patch of the transports given: installed, watched, taken away."""

    def __init__(self, transports: Iterable[Transport]) -> None:
        self.transports = tuple(transports)
        self.installed: dict[Patch, Any] = {}
        """Patch → the wrapper that outlay put there."""
        self.restored = 0
        """How often another tool had taken a wrapper away and outlay put it back."""
        self.active = False
        """Whether the patches are wanted."""
        self._hooked: set[Patch] = set()
        self._made: dict[int, Any] = {}
        """Every wrapper ever made, by identity: one that another tool took away comes back when that tool unpatches."""

    def install(self) -> None:
        """Patch what is imported, and the rest when it is."""
        self.active = True
        for transport in self.transports:
            for patch in transport.patches:
                if patch not in self._hooked:
                    # A hook can't be taken back, so it is set once and looks whether it is still wanted.
                    self._hooked.add(patch)
                    _when_imported(patch.module, functools.partial(self._imported, patch))
                elif patch.module in sys.modules:
                    self._imported(patch, sys.modules[patch.module])

    def uninstall(self) -> None:
        """Undo every patch that is still on top; under another tool's wrapper ours stays, as a pass-through."""
        self.active = False
        for patch in list(self.installed):  # a module that is just imported adds one
            parent, name, current = _resolve(sys.modules[patch.module], patch.target)
            while self._is_ours(current):
                current = current.__wrapped__
                setattr(parent, name, current)
        self.installed.clear()

    def watch(self) -> None:
        """Put back what another tool took away when it unpatched itself (ddtrace and OpenTelemetry do)."""
        for patch in list(self.installed):
            _, _, current = _resolve(sys.modules[patch.module], patch.target)
            gone = self._ours_in(current) is None
            if gone and self.active and self.installed.pop(patch, None):  # else we were uninstalled meanwhile
                self._imported(patch, sys.modules[patch.module])
                self.restored += 1
                logger.warning(
                    "another tool took outlay's patch of %s.%s away; outlay put it back.", patch.module, patch.target
                )

    def _imported(self, patch: Patch, module: ModuleType) -> None:
        if not self.active or patch in self.installed:
            return
        with _installing:
            parent, name, current = _resolve(module, patch.target)
            wrapper = self._ours_in(current)
            if wrapper is None:
                wrapper = patch.wrap(module, current)
                self._made[id(wrapper)] = wrapper
                setattr(parent, name, wrapper)
            self.installed[patch] = wrapper

    def _is_ours(self, function: Any) -> bool:
        return id(function) in self._made

    def _ours_in(self, function: Any) -> Any:
        """Return our wrapper in a chain of them, if there is one."""
        while function is not None and not self._is_ours(function):
            function = getattr(function, "__wrapped__", None)
        return function

    def instrument(self, client: Any) -> bool:
        """Patch the HTTP clients inside one object alone; return whether there was one."""
        found = [(inner, patch) for inner in _inside(client) for patch in self._patches_of(inner)]
        for inner, patch in found:
            name = patch.target.rpartition(".")[2]
            if name not in vars(inner):
                plain = getattr(type(inner), name)
                wrapper = patch.wrap(sys.modules[patch.module], plain)
                setattr(inner, name, functools.partial(wrapper, inner))
        return bool(found)

    def _patches_of(self, client: Any) -> list[Patch]:
        return [
            patch
            for transport in self.transports
            for patch in transport.patches
            if patch.module in sys.modules
            and isinstance(client, _resolve(sys.modules[patch.module], patch.target)[0])  # the class of Class.method
        ]


class Awaiting:
    """Hand over to wrapt when a client that is awaited is looked for: who has all clients already never loads it."""

    def __init__(self) -> None:
        self.hooks: dict[str, tuple[Callable[[ModuleType], None], ...]] = {}

    def find_spec(self, name: str, _: object = None, __: object = None) -> ModuleSpec | None:
        """Return where the module is, to be loaded under wrapt's watch; None for one that nobody awaits."""
        hooks = self.hooks.pop(name, None)  # once: the search below comes by here again
        if hooks is None:
            return None
        with _installing:
            import wrapt  # takes as long as the rest of init()

            for hook in hooks:
                wrapt.register_post_import_hook(hook, name)
        return importlib.util.find_spec(name)


_awaiting = Awaiting()


def _when_imported(name: str, hook: Callable[[ModuleType], None]) -> None:
    """Call ``hook`` with the module ``name``: now if it is imported, else when it is."""
    module = sys.modules.get(name)
    if module is not None:
        hook(module)
        return
    # A tuple that replaces another: no thread that imports at this moment can lose a hook between the two steps.
    _awaiting.hooks[name] = (*_awaiting.hooks.get(name, ()), hook)
    if _awaiting not in sys.meta_path:
        sys.meta_path.insert(0, _awaiting)


def _resolve(module: ModuleType, target: str) -> tuple[Any, str, Any]:
    """Return (parent, name, function) of ``Class.method`` or ``function`` in a module; a method as it stands there."""
    path, _, name = target.rpartition(".")
    parent = functools.reduce(getattr, path.split("."), module) if path else module
    current = inspect.getattr_static(parent, name) if isinstance(parent, type) else getattr(parent, name)
    return parent, name, current


def _inside(client: Any, depth: int = DEPTH) -> Iterable[Any]:
    yield client
    if depth:
        for name in _INSIDE:
            inner = getattr(client, "__dict__", {}).get(name)
            if inner is not None:
                yield from _inside(inner, depth - 1)
