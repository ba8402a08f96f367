"""How a refusal reaches whoever made the call, through SDKs that catch what their HTTP client raises.

The openai and anthropic SDKs of today let exceptions of their own through and take every other for a broken connection,
to be tried again; so a refusal is one of their own as well. Their older versions, and the SDKs made by the same
generator (groq, together), take those for a broken connection too: they get a response that raises the refusal as soon
as it is looked at, which they do outside of what catches.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, NoReturn

OWN = (("openai", "OpenAIError"), ("anthropic", "AnthropicError"))
"""Modules, and the bases of their exceptions."""

LET_THROUGH = {
    "OpenAI": 3,
    "AsyncOpenAI": 3,
    "AzureOpenAI": 3,
    "AsyncAzureOpenAI": 3,
    "Anthropic": 2,
    "AsyncAnthropic": 2,
}
"""Clients, and the major version from which on they let their own exceptions through."""


def typed(refusal: Exception) -> Exception:
    """Return a refusal that the SDKs which are loaded take for one of their own; a new one, to be raised once."""
    bases = [getattr(sys.modules.get(module), name, None) for module, name in OWN]
    facts: dict[str, Any] = getattr(refusal, "facts", {})
    plain: Any = type(refusal)
    kind = _kind(plain, tuple(base for base in bases if base is not None))
    made: Exception = kind(**facts) if facts else refusal
    return made


@cache
def _kind(plain: Any, bases: tuple[Any, ...]) -> Any:
    names = {"__module__": plain.__module__, "__qualname__": plain.__qualname__, "__doc__": plain.__doc__}
    return type(plain.__name__, (plain, *bases), names) if bases else plain


def catches_all(headers: Any) -> bool:
    """Return whether an SDK that sends with these headers takes every exception for a broken connection."""
    if headers.get("x-stainless-lang") is None:
        return False
    client, _, _ = headers.get("user-agent", "").partition("/")
    major, _, _ = headers.get("x-stainless-package-version", "").partition(".")
    return client not in LET_THROUGH or not major.isdecimal() or int(major) < LET_THROUGH[client]


def raising(response: Any, refusal: Exception) -> Any:
    """Return what passes for a response of this class, until anything is asked of it."""

    class Refused(response):  # type: ignore[misc] # the library is known at run time only
        def __getattribute__(self, name: str) -> Any:
            if name == "__class__":
                return Refused
            return _throw(refusal)

    return object.__new__(Refused)


def _throw(refusal: Exception) -> NoReturn:
    raise refusal
