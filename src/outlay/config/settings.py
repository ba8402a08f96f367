"""The settings: their names, types and defaults, and what a value must be like."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from outlay.config import channels
from outlay.config import exporters as asked_for
from outlay.errors import ConfigError
from outlay.providers import ALIASES, canonical, known

logger = logging.getLogger("outlay")

DAYS_AT_MOST = 36_500
MEGABYTES_AT_MOST = 10**9
"""More than a century, more than a petabyte: such a number was meant to be 0, or in another unit."""
CHARACTERS_AT_MOST = 10**9


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set: each is an argument of ``init()``, ``OUTLAY_<NAME>`` and a key of outlay.toml."""

    project: str = ""
    """Whose calls these are; the name of the working directory where empty."""
    release: str | None = None
    """Version of the application, kept with each call; OpenTelemetry's ``service.version`` where not set."""
    disabled: bool = False
    """Make everything a no-op."""
    data: str | None = None
    """Folder of ledger and spool; the user's data folder where not set."""
    tags: dict[str, str] = {}
    """Tags of every call."""
    hosts: dict[str, str] = {}
    """Host → provider, for gateways and self-hosted models: ``"llm.corp.example" = "openai"``."""
    declared_tags: tuple[str, ...] = ("user", "tenant", "session")
    """Tags that the command line knows by their bare name; any other is written ``tag:NAME``."""
    timezone: str = "UTC"
    """IANA zone of days and months in reports; invoices are in UTC."""
    price_book: str | None = None
    """TOML file of your own prices, laid over the table."""
    ask_usage: bool = True
    """Ask chat streams for their usage where the caller did not, and take it out of the stream again."""
    instrument: bool = True
    """Patch the HTTP clients; without it only ``instrument(client)`` and ``record()`` meter."""
    budgets: tuple[Any, ...] = ()
    """Limits on what calls may cost: ``outlay.Budget`` objects, or ``[[budgets]]`` tables with the same keywords."""
    budget_store: str | None = None
    """Where budgets are counted: ``redis://…``, ``postgresql://…``, ``sqlite:///…`` or ``memory``. A database in the
    data folder where not set."""
    budget_key: str | None = None
    """Secret that slices of budgets are signed with: the same for parents and children."""
    budget_slice: str | None = None
    """The signed value of ``outlay.share()``: the part of a parent's budget that this process spends."""
    budget_rewrites: bool = True
    """Let budgets change requests: their model, their output limit."""
    spikes: bool = True
    """Watch what is spent, and tell when it rises: see docs/spikes.md."""
    spike_tags: tuple[str, ...] = ("user", "tenant")
    """Tags whose values are watched each for itself, from a dollar a day on."""
    spike_limits: dict[str, Any] = {}
    """From when on guards against single calls and runs speak up: ``{"call": 2.5, "repeats": 50}``."""
    retention_days: int = 400
    """Days that calls are kept; 0 for ever."""
    retention_megabytes: int = 0
    """Size that the ledger is pruned to, oldest calls first; 0 for any size."""
    alert_channels: tuple[channels.Address, ...] = ()
    """Where alerts go: URLs, and in ``init()`` functions too."""
    alert_webhook_secret: channels.Secret | None = None
    """What alerts to a webhook are signed with."""
    alert_quiet_hours: str = ""
    """When alerts wait that are not critical: ``22:00-07:00, sat-sun Europe/Berlin``."""
    alert_group_seconds: int = 60
    """Seconds after a message in which alerts gather to the next one."""
    content: tuple[str, ...] = ()
    """Features of whose calls exporters may have what was said; ``*`` for all calls."""
    content_limit: int = 8_192
    """Characters of one text that are kept; eight times as many of all texts of a call."""
    content_days: int = 30
    """Days that content is kept."""
    content_redact: Any = None
    """Function that every text passes before it is kept, or ``package.module:name``."""
    exporters: dict[str, dict[str, Any]] = {}
    """Where records are delivered to, with the options of each; a list of names will do."""


NAMES = Settings.__struct_fields__
TYPES: dict[str, Any] = dict(Settings.__annotations__)
"""Types and no texts, since this file does without ``from __future__ import annotations``: to evaluate takes longer."""

_WORDS = {
    bool: "must be true or false",
    int: "must be a whole number",
    dict[str, str]: 'must be a table of name = "value"',
    tuple[str, ...]: 'must be a list of names, like ["user", "tenant"]',
    tuple[Any, ...]: "must be a list of tables, or of outlay.Budget objects",
}


def _read_limits(where: str, value: Any) -> Any:
    from outlay.config.spike_limits import read  # for those who set some

    return read(where, value)


_READ: dict[str, Callable[[str, Any], Any]] = {
    "alert_channels": channels.read,
    "alert_webhook_secret": channels.read_secret,
    "exporters": asked_for.read,
    "spike_limits": _read_limits,
}
"""Settings with readers of their own: some are secrets, or hold some, and what is said of them does not repeat them."""


def checked_name(where: str, name: str) -> None:
    """Raise ``ConfigError`` for a setting that there is not."""
    if name not in NAMES:
        near = nearest(name, NAMES)
        hint = f"did you mean {near!r}?" if near else f"known are {', '.join(NAMES)}."
        raise ConfigError(f"{where}: there is no setting {name!r}; {hint}")


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the one of ``names`` that ``name`` may have been meant to be."""
    from difflib import get_close_matches  # loaded for those who err

    return next(iter(get_close_matches(name, names, n=1, cutoff=cutoff)), None)


def checked_type(where: str, name: str, value: Any) -> Any:
    """Return ``value`` as the setting's type, hosts and providers by their proper names, or raise ``ConfigError``."""
    wanted = TYPES[name]
    if name in _READ:
        return _READ[name](where, value)
    if isinstance(value, dict) and name == "tags":
        value = {key: str(item) if isinstance(item, (int, float)) else item for key, item in value.items()}
    try:
        value = msgspec.convert(value, wanted, strict=True)
    except msgspec.ValidationError:
        raise ConfigError(f"{where}: {name} {_WORDS.get(wanted, 'must be a text')}, not {value!r}.") from None
    if isinstance(value, (dict, tuple)) and "" in value:
        raise ConfigError(f"{where}: {name} has an empty name: give it one, or leave it out.")
    return _hosts(where, value) if name == "hosts" else value


def checked(settings: Settings, where: Mapping[str, str]) -> Settings:
    """Return ``settings`` if they can be used; ``where`` tells for a complaint which source each one came from."""
    for name, complaint in (
        ("timezone", _zone_complaint(settings.timezone)),
        ("price_book", _book_complaint(settings.price_book)),
        ("content_days", _least_complaint(settings.content_days, DAYS_AT_MOST, "days")),
        ("content_limit", _least_complaint(settings.content_limit, CHARACTERS_AT_MOST, "characters")),
        ("retention_days", _limit_complaint(settings.retention_days, DAYS_AT_MOST, "days")),
        ("retention_megabytes", _limit_complaint(settings.retention_megabytes, MEGABYTES_AT_MOST, "megabytes")),
        ("alert_channels", _secret_complaint(settings)),
        ("alert_quiet_hours", _quiet_complaint(settings.alert_quiet_hours, settings.timezone)),
        ("alert_group_seconds", _group_complaint(settings.alert_group_seconds)),
    ):
        if complaint:
            raise ConfigError(f"{where[name]}: {name} = {getattr(settings, name)!r} {complaint}")
    return settings


def _zone_complaint(zone: str) -> str | None:
    if zone == "UTC":
        return None
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # takes milliseconds, and most stay with UTC

    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "is not an IANA zone: write one like 'Europe/Berlin' or 'UTC'."
    return None


def _book_complaint(book: str | None) -> str | None:
    if book is None or Path(book).is_file():
        return None
    return "is not there: give the path of a TOML file of prices, or leave it out."


def _limit_complaint(limit: int, most: int, unit: str) -> str | None:
    if 0 <= limit <= most:
        return None
    return f"is no number of {unit} to keep: write one from 1 to {most}, or 0 for no limit."


def _least_complaint(limit: int, most: int, unit: str) -> str | None:
    """Return what is wrong with a limit without a 0 for "all": content is never kept for ever, or whole."""
    return None if 1 <= limit <= most else f"is no number of {unit} to keep: write one from 1 to {most}."


def _secret_complaint(settings: Settings) -> str | None:
    hooks = any(address.scheme.startswith("webhook+") for address in settings.alert_channels)
    if hooks and settings.alert_webhook_secret is None:
        return "has a webhook, whose messages are signed: set alert_webhook_secret too (OUTLAY_ALERT_WEBHOOK_SECRET)."
    return None


def _quiet_complaint(text: str, zone: str) -> str | None:
    if not text:
        return None
    from outlay.config.quiet import QuietHours  # it brings zoneinfo, for those who have quiet hours

    try:
        QuietHours.read(text, zone)
    except ValueError:
        return "are no quiet hours: write them like '22:00-07:00' or 'mon-fri 20:00-08:00, sat-sun Europe/Berlin'."
    return None


def _group_complaint(seconds: int) -> str | None:
    return None if 0 <= seconds <= 86_400 else "is no number of seconds: write one from 0 to 86400."


def _hosts(where: str, hosts: dict[str, str]) -> dict[str, str]:
    return {_host(where, host): _provider(where, host, provider) for host, provider in hosts.items()}


_HOST = r"(?:\*\.)?(?!-)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::\d{1,5})?"
"""Compiled for those who name hosts."""


def _host(where: str, host: str) -> str:
    name = host.strip().lower()
    if re.fullmatch(_HOST, name) or _is_address(name):
        return name
    bare = _bare(name)  # what was written may hold a key: it is not repeated
    hint = f"write the host only, {bare!r}" if bare else "write a host like 'llm.corp.example' or '*.corp.example'"
    raise ConfigError(f"{where}: [hosts] has a name that is not a host: {hint}, without a scheme, a path or a user.")


def _bare(name: str) -> str:
    """Return the host of what looks like a URL; empty where there is none."""
    from urllib.parse import urlsplit

    try:
        found = urlsplit(name if "//" in name else f"//{name}").hostname or ""
    except ValueError:
        return ""
    return found if re.fullmatch(_HOST, found) else ""


def _is_address(name: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _provider(where: str, host: str, provider: str) -> str:
    name = canonical(provider)
    if not name:
        raise ConfigError(f"{where}: [hosts] names no provider for {host!r}: write one, like 'openai'.")
    near = None if known(provider) else nearest(name, ALIASES, cutoff=0.8)
    if near:  # no error: a name of one's own is allowed, with prices from a price book
        logger.warning("%s: [hosts] names a provider %r, which outlay does not know; is it %r?", where, name, near)
    return name
