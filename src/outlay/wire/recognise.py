"""Tell a model call from any other request, by method, path and host, in well under a microsecond for the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import Enum

from outlay.records import Coverage
from outlay.wire.api import API
from outlay.wire.provider import Provider
from outlay.wire.reader import Reader

UNKNOWN = Provider(name="unknown", hosts=(), cost_header="x-litellm-response-cost")
"""The provider of a host that nobody named: its calls are metered, its prices unknown until ``[hosts]`` names it."""

CACHED = 4096
"""Hosts and paths that are remembered; past it, memory starts anew."""


class _Unseen(Enum):
    """What stands for a request that was not looked at before."""

    UNSEEN = 0


_UNSEEN = _Unseen.UNSEEN

_IDENTIFIER = re.compile(r"[^/]*\d[^/]*|[^/]{25,}")
_VERSION = re.compile(r"v\d+(?:(?:alpha|beta)\d*)?")
_RPC = re.compile(r".*/[\w.]+\.(?P<service>[A-Z]\w*)/(?P<method>\w+)")
_FREE_RPC = ("Get", "List", "Count", "Cancel", "Delete")
"""What RPCs begin with that nobody bills, as GET requests: https://google.aip.dev/130."""
SOCKET = "WEBSOCKET"
"""What stands for the method of a websocket, which is opened by a GET but sends and receives."""


class Match:
    """A model call's format and provider, and how often it was seen since coverage was last taken."""

    __slots__ = ("host", "metered", "method", "path", "poll", "provider", "reader", "requests")

    def __init__(self, reader: Reader, provider: Provider, method: str, host: str, path: str, *, poll: bool) -> None:
        self.reader = reader
        self.provider = provider
        self.method = method
        self.host = host
        self.path = path
        self.poll = poll
        self.requests = 0
        self.metered = 0


class Recogniser:
    """Find the format and the provider of a request; count what went to model hosts, met and missed."""

    def __init__(self, apis: Collection[API], providers: Iterable[Provider], hosts: Mapping[str, str]) -> None:
        self._posts: dict[str, list[tuple[str, str, API]]] = {}
        self._below: dict[str, list[tuple[str, str, API]]] = {}
        self._polls: dict[str, list[tuple[str, str, API]]] = {}
        self._outputs: dict[str, list[tuple[str, str, API]]] = {}
        self._sockets: list[tuple[str, API]] = []
        self._services: set[str] = set()
        for api in apis:
            self._register(api)
        self._ends = frozenset(("", *self._posts, *self._outputs))
        self._parents = tuple(f"/{parent}" for parent in self._polls)
        self._exact: dict[str, Provider] = {}
        self._wild: list[tuple[re.Pattern[str], Provider]] = []
        self._apis = {(api.name, provider): api for api in apis for provider in api.providers or ("",)}
        named: dict[str, Provider] = {}
        for provider in providers:
            named.setdefault(provider.name, provider)  # one with other terms at some hosts has a row for these
            for host in provider.hosts:
                self._name(host, provider)
        self._providers = named
        for host, name in hosts.items():
            self._name(host, named.get(name, Provider(name=name, hosts=(host,))))
        self._matches: dict[tuple[str, str, str], Match | None] = {}
        self._kinds: dict[tuple[str, str, str, Reader], Match] = {}
        self._hosts: dict[str, Provider | None] = {}
        self._missed: dict[tuple[str, str, str, str, bool], int] = {}

    def find(self, method: str, host: str, path: str) -> Match | None:
        """Return the match of a request, or None for one that is no model call. ``path`` comes without its query."""
        before, _, last = path.rpartition("/")
        known = last in self._ends or ":" in last or self._hosts.get(host, _UNSEEN) is not None
        if not known and (method != "GET" or not before.endswith(self._parents)):
            return None  # a host that is no model host, and a path that is none of theirs
        found = self._matches.get((method, host, path), _UNSEEN)
        return self._look(method, host, path) if found is _UNSEEN else found

    def _look(self, method: str, host: str, path: str) -> Match | None:
        last = path.rpartition("/")[2]
        if not last:
            path = path.rstrip("/")
            last = path.rpartition("/")[2]
        if method == "POST":
            if last in self._posts or (":" in last and last[last.rindex(":") :] in self._posts):
                return self._remember(method, host, path)
        elif method == "GET" and (
            last in self._outputs or (self._polls and path[: -len(last) - 1].rpartition("/")[2] in self._polls)
        ):
            return self._remember(method, host, path)
        if self.provider(host) is not None:
            if method == "POST" and path[: -len(last) - 1].rpartition("/")[2] in self._below:
                return self._remember(method, host, path)
            self._miss(method, host, path)
        return None

    def sockets(self, host: str, path: str) -> tuple[Match, ...]:
        """Return the matches of a websocket: one for each format that is spoken on its path."""
        provider = self.provider(host)
        spoken = {
            api.name: api
            for known, api in self._sockets
            if _ends(path, known) and (not api.providers or (provider is not None and provider.name in api.providers))
        }
        if not spoken:
            self._miss(SOCKET, host, path)
        return tuple(
            self._kind(SOCKET, host, template(path), _reader(api), provider or UNKNOWN, poll=False)
            for api in spoken.values()
        )

    def provider(self, host: str) -> Provider | None:
        """Return who bills for ``host``; None for a host that is no model host, as far as anyone said.

        ``host`` may carry a port: one that was named with it wins over one that was named without.
        """
        try:
            return self._hosts[host]
        except KeyError:
            pass
        name = host.lower()
        bare = name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() else name
        found = self._exact.get(name) or self._exact.get(bare)
        for pattern, provider in self._wild if found is None else ():
            if pattern.fullmatch(bare):
                found = provider
                break
        if len(self._hosts) >= CACHED:
            self._hosts.clear()
        self._hosts[host] = found
        return found

    def named(self, api: str, provider: str, host: str = "") -> Match | None:
        """Return the match of a call that another process recognised; None where its format is not known here."""
        known = self._apis.get((api, provider)) or self._apis.get((api, ""))
        if known is None:
            return None
        billed = self.provider(host)
        if billed is None or billed.name != provider:
            billed = self._providers.get(provider) or Provider(name=provider, hosts=())
        return Match(_reader(known), billed, "POST", "", "", poll=False)

    def coverage(self, at: int, in_flight: Iterable[Match] = ()) -> list[Coverage]:
        """Return what was seen since the last time, and start anew. Counts are lost to no one but a race of one.

        ``in_flight``: the matches of the calls that have no end yet; they are counted once they have.
        """
        taken = []
        unended = Counter(id(match) for match in in_flight)
        for match in list(self._kinds.values()):
            seen = match.requests - unended[id(match)]
            if (seen or match.metered) and match.provider is not UNKNOWN:
                match.requests -= seen
                metered, match.metered = match.metered, 0
                free = seen - metered if match.poll else 0  # asking again costs nothing
                where = (match.provider.name, match.host, match.method, match.path)
                taken.append(_coverage(at, *where, seen, metered, free))
        missed, self._missed = self._missed, {}
        for (provider, host, method, path, free), count in missed.items():
            taken.append(_coverage(at, provider, host, method, path, count, 0, count if free else 0))
        return taken

    def _remember(self, method: str, host: str, path: str) -> Match | None:
        key = (method, host, path)
        match = self._match(method, host, path)
        if match is None and self.provider(host) is not None:
            self._miss(method, host, path)
            return None  # not remembered: the next one is missed as well
        if len(self._matches) >= CACHED:
            self._matches.clear()
        self._matches[key] = match
        return match

    def _match(self, method: str, host: str, path: str) -> Match | None:
        provider = self.provider(host)
        parts = path.split("/")
        if method == "GET" and parts[-1] in self._outputs:
            known_as, poll = self._outputs[parts[-1]], True
        elif method == "GET":
            path = path[: -len(parts[-1]) - 1]
            known_as, poll = self._polls.get(parts[-2], []), True
        else:
            last = parts[-1]
            ended = self._posts.get(last) or self._posts.get(last[last.rfind(":") :])
            known_as, poll = ended or self._below.get(parts[-2], []), False
        for known, stranger, api in known_as:
            if api.providers and (provider is None or provider.name not in api.providers):
                continue
            if any(_ends(f"/{path}", f"/{other}") for other in api.unless):
                continue
            if _ends(f"/{path}", stranger if provider is None else known):
                short = template("/".join(parts))
                poll = poll or api.batch is not None or known[1:] in api.resumes
                return self._kind(method, host, short, _reader(api), provider or UNKNOWN, poll=poll)
        return None

    def _kind(self, method: str, host: str, short: str, reader: Reader, provider: Provider, *, poll: bool) -> Match:
        """Return the one match of all paths that differ in identifiers only."""
        key = (method, host, short, reader)
        if key not in self._kinds and len(self._kinds) < CACHED:
            return self._kinds.setdefault(key, Match(reader, provider, method, host, short, poll=poll))
        return self._kinds.get(key) or Match(reader, provider, method, host, short, poll=poll)

    def _register(self, api: API) -> None:
        for index, path in enumerate(api.paths):
            stranger = api.strangers[index] if api.strangers else path
            parent, _, last = path.rpartition("/")
            if last == "*":
                entries = self._below.setdefault(parent.rpartition("/")[2], [])
            else:
                entries = self._posts.setdefault(last[last.index(":") :] if "*" in last else last, [])
            entries.append((f"/{path}", f"/{stranger}", api))
            # chat/completions before completions, and a provider's own way before all others'
            entries.sort(key=lambda entry: (-len(entry[0]), not entry[2].providers))
            if (rpc := _RPC.fullmatch(f"/{path.replace('*', 'v1')}")) is not None:
                self._services.add(rpc["service"])
        if api.session is not None:
            self._sockets += [(f"/{path}", api) for path in api.session.paths]
            self._sockets.sort(key=lambda entry: bool(entry[1].providers))  # a provider's own way after all others'
        strict = dict(zip(api.paths, api.strangers, strict=False))
        for poll in api.polls:
            if not poll.endswith("/*"):
                self._outputs.setdefault(poll.rpartition("/")[2], []).append((f"/{poll}", f"/{poll}", api))
                continue
            parent = poll.removesuffix("/*")
            entry = (f"/{parent}", f"/{strict.get(parent, parent)}", api)
            self._polls.setdefault(parent.rpartition("/")[2], []).append(entry)

    def _name(self, host: str, provider: Provider) -> None:
        if "*" in host:
            self._wild.append((re.compile(re.escape(host.lower()).replace(r"\*", ".+")), provider))
            self._wild.sort(key=lambda entry: -len(entry[0].pattern))
        else:
            self._exact[host.lower()] = provider

    def _miss(self, method: str, host: str, path: str) -> None:
        provider = self.provider(host)
        if provider is None:
            return
        short = template(path)
        endings = tuple([f"{mark}{ending}" for ending in provider.free for mark in "/:"])
        free = method not in ("POST", SOCKET) or f"/{short}".endswith(endings)
        if (rpc := _RPC.fullmatch(path)) is not None:
            free = rpc["service"] not in self._services or rpc["method"].startswith(_FREE_RPC)
        key = (provider.name, host, method, short, free)
        if len(self._missed) < CACHED:
            self._missed[key] = self._missed.get(key, 0) + 1


def _ends(path: str, ending: str) -> bool:
    """Return whether a path ends so; ``*`` stands for a part of any name."""
    if "*" not in ending:
        return path.endswith(ending)
    return re.search(re.escape(ending).replace(r"\*", "[^/]+") + "$", path) is not None


_readers: dict[int, Reader] = {}


def _reader(api: API) -> Reader:
    """Return the reader of a format, made when its first request is seen: that takes a millisecond or two."""
    found = _readers.get(id(api))  # the reader holds its format, so that nothing else gets this id
    return found or _readers.setdefault(id(api), Reader(api))


def template(path: str) -> str:
    """Return ``path`` with every part that looks like an identifier replaced by ``*``; versions stay."""
    return "/".join(map(_named, path.split("/")))


def _named(part: str) -> str:
    name, colon, method = part.rpartition(":")
    if colon and method.isalpha():  # models/NAME:countTokens
        return f"{_named(name)}:{method}"
    return part if _VERSION.fullmatch(part) or not _IDENTIFIER.fullmatch(part) else "*"


def _coverage(
    at: int, provider: str, host: str, method: str, path: str, requests: int, metered: int, free: int = 0
) -> Coverage:
    return Coverage(
        at=at, provider=provider, host=host, method=method, path=path, requests=requests, metered=metered, free=free
    )
