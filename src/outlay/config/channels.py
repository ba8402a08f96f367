"""Where alerts go: addresses and secrets that never show themselves, in no log, no error, no ledger and no doctor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from outlay.errors import ConfigError, MissingExtra

OWN = ("log", "stderr", "webhook+http", "webhook+https")
"""Schemes that outlay serves itself; all others are apprise's."""

_URL = r"(?:(info|warning|critical)\s+)?(([a-z][a-z0-9+.-]*)://\S*)"
_WITH_HOST = ("webhook+http", "webhook+https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos")
"""Schemes whose host is one, and no part of a key: it may be shown."""
_BETWEEN = r"(?<!info)(?<!warning)(?<!critical)[ ,]+(?=(?:(?:info|warning|critical)\s+)?[a-z][a-z0-9+.-]*://)"
_HIDDEN = "…"


class Secret:
    """A text that shows itself to those who ask for it by name, and to nobody else."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        return _HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class Address:
    """A channel as it was set: a URL, or a function of the application's own."""

    __slots__ = ("_target", "least", "name", "scheme")

    def __init__(self, target: str | Callable[..., Any], least: str = "info") -> None:
        """Take a URL that ``read`` has found right, or a function; ``least``: the least severity it is told of."""
        self._target = target
        self.least = least
        self.scheme = target.partition("://")[0] if isinstance(target, str) else "python"
        self.name = _masked(target) if isinstance(target, str) else _called(target)
        """What ledger, logs and commands call it: no secret in it, and the same in every process."""

    def reveal(self) -> str | Callable[..., Any]:
        """Return what was set."""
        return self._target

    def redact(self, text: str) -> str:
        """Return ``text`` without anything that stands in the URL behind its scheme, but for a host."""
        if not isinstance(self._target, str):
            return text
        from urllib.parse import unquote

        bare = self.name.partition("://")[2].partition("/")[0]
        rest = self._target.partition("://")[2]
        parts = {*re.split(r"[/@:?&=#,;]+", rest), *re.split(r"[/@:?&=#,;]+", unquote(rest)), rest, unquote(rest)}
        for part in sorted(parts, key=len, reverse=True):
            if len(part) > 3 and part not in bare:
                text = text.replace(part, _HIDDEN)
        return text

    def __repr__(self) -> str:
        return repr(self.name if self.least == "info" else f"{self.least} {self.name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and (other._target, other.least) == (self._target, self.least)

    def __hash__(self) -> int:
        return hash((self._target, self.least))


def read(where: str, value: Any) -> tuple[Address, ...]:
    """Return the channels of a setting, each once; raise without repeating what may hold a key."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(f"{where}: alert_channels must be a list of URLs, like ['mailto://…', 'log://'].")
    found: dict[str, Address] = {}
    for number, given in enumerate(value, start=1):
        address = _address(where, number, given)
        if address in found.values():
            continue
        twins = sum(name.partition(" ")[0] == address.name for name in found)
        address.name += f" {twins + 1}" if twins else ""
        found[address.name] = address
    return tuple(found.values())


def read_secret(where: str, value: Any) -> Secret | None:
    """Return the secret of a setting."""
    if value is None or isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where}: alert_webhook_secret must be a text that is not empty.")
    return Secret(value)


def split(text: str) -> list[str]:
    """Return the URLs of a variable, with commas or blanks between; a comma may also stand inside one."""
    return [part for part in re.split(_BETWEEN, " ".join(text.split()).strip(" ,")) if part]


def _address(where: str, number: int, given: Any) -> Address:
    if isinstance(given, Address):
        return given
    if callable(given):
        return Address(given)
    found = re.fullmatch(_URL, given.strip()) if isinstance(given, str) else None
    if found is None:
        raise ConfigError(
            f"{where}: entry {number} of alert_channels is no channel: write a URL like 'mailto://…', 'log://' or "
            "'critical pagerduty://…'."
        )
    least, url, scheme = found.groups()
    if scheme not in OWN and not _apprise_is_there():
        raise MissingExtra(
            f"{where}: alert_channels has {scheme}://, which needs apprise: pip install 'outlay[alerts]'."
        )
    return Address(url, least or "info")


def _apprise_is_there() -> bool:
    from importlib.util import find_spec  # it is not loaded in every program, nor apprise by this

    return find_spec("apprise") is not None


def _masked(url: str) -> str:
    """Return a URL's scheme, its host where that is no secret, and four digits that tell it from others like it.

    The digits say too little of the URL to find its secrets by trying.
    """
    from hashlib import blake2b
    from urllib.parse import urlsplit

    scheme, _, rest = url.partition("://")
    if scheme in ("log", "stderr"):
        return url
    host = ""
    if scheme in _WITH_HOST:
        try:
            parts = urlsplit(f"//{rest}")
            port = f":{parts.port}" if parts.port and scheme.startswith("webhook") else ""
            host = (parts.hostname or "") + port
        except ValueError:
            host = ""
    digest = blake2b(url.encode("utf-8", "replace"), digest_size=2).hexdigest()
    return f"{scheme}://{host or _HIDDEN}/{_HIDDEN}{digest}"


def _called(function: Callable[..., Any]) -> str:
    kind = function if hasattr(function, "__qualname__") else type(function)
    return f"python:{kind.__module__}.{kind.__qualname__}"
