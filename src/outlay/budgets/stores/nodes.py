"""The servers of one Redis: the one that its URL names, or those of a cluster, each found by being sent to it.

Whoever asks waits a quarter of a second, connecting included: what is new is connected to on a thread that may go on
for whoever comes next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from outlay.budgets.trade import StoreDown

DEADLINE = 0.25
"""Seconds that connecting and an answer may take. The client's own retries would take four seconds to fail."""
HOPS = 3
"""Servers of a cluster that are asked before it counts as one that is just being changed."""


class Command(NamedTuple):
    """A command, and the hash tag (or the key) that says where in a cluster it belongs."""

    tag: str
    words: tuple[Any, ...]


class Nodes:
    """Send commands to where they belong."""

    def __init__(self, url: str, greeting: tuple[Any, ...]) -> None:
        """Use the Redis at ``url``, connected to with the first command, and sent ``greeting`` just before."""
        self._url, self._greeting = url, greeting
        self._first = url
        self._nodes: dict[str, _Node] = {}
        self._places: dict[str, str] = {}
        """Hash tag → URL of the server that has it, where that is not the first."""

    def run(self, commands: Sequence[Command], *, after: tuple[Any, ...] = ()) -> list[Any]:
        """Do commands, those of one server in one trip, and return their replies; a reply may be an error.

        ``after`` is sent behind them, and raises ``StoreDown`` itself where it likes. Raises ``redis.RedisError``.
        """
        from redis.exceptions import MovedError

        replies: list[Any] = [None] * len(commands)
        left = list(range(len(commands)))
        for _ in range(HOPS):
            for url in dict.fromkeys(self._place(commands[index].tag) for index in left):
                here = [index for index in left if self._place(commands[index].tag) == url]
                found = self._sent(url, [commands[index].words for index in here], after)
                for index, reply in zip(here, found, strict=True):
                    replies[index] = reply
            left = [index for index in left if isinstance(replies[index], MovedError)]
            for index in left:
                self._places[commands[index].tag] = self._named(*replies[index].node_addr)
            if not left:
                return replies
        raise StoreDown("the Redis Cluster is being changed, and nobody has this budget")

    def clients(self) -> list[Any]:
        """Return a client of each server that holds a part of a cluster; of the one, where it is none."""
        from redis.exceptions import ResponseError

        first = self._node(self._first).client
        try:
            slots = first.execute_command("CLUSTER SLOTS")
        except ResponseError:  # it is no cluster
            return [first]
        urls = {self._named(*primary[:2]) for _, _, primary, *_ in slots}
        return [self._node(url).client for url in sorted(urls)]

    def close(self) -> None:
        """Close the connections."""
        for node in self._nodes.values():
            node.close()

    def forked(self) -> None:
        """Leave to a parent the threads that connect for it."""
        for node in self._nodes.values():
            node.forked()

    def _sent(self, url: str, commands: Sequence[tuple[Any, ...]], after: tuple[Any, ...]) -> list[Any]:
        node = self._node(url)
        try:
            replies = node.sent([*commands, *([after] if after else ())])
        except (node.error, OSError, StoreDown):
            self._places = {tag: place for tag, place in self._places.items() if place != url}
            if url == self._first:  # the others know where its part is now
                self._first = next((other for other in self._nodes if other != url), self._url)
            raise
        if after and isinstance(replies[-1], int) and replies[-1] < after[1]:
            raise StoreDown(f"only {replies[-1]} of {after[1]} replicas of Redis have the budgets' last step.")
        return replies[: len(commands)]

    def _place(self, tag: str) -> str:
        return self._places.get(tag, self._first)

    def _node(self, url: str) -> _Node:
        if url not in self._nodes:
            self._nodes[url] = _Node(url, self._greeting)
        return self._nodes[url]

    def _named(self, host: str, port: int) -> str:
        """Return the URL of another server of the cluster; one that does not say its host has that of the first."""
        parts = urlsplit(self._url)
        host = host or parts.hostname or "localhost"
        who, at, _ = parts.netloc.rpartition("@")
        place = f"[{host}]" if ":" in host else host
        return parts._replace(netloc=f"{who}{at}{place}:{port}").geturl()


class _Node:
    """One server."""

    def __init__(self, url: str, greeting: tuple[Any, ...]) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self.client: Any = redis.Redis.from_url(
            url, socket_timeout=DEADLINE, socket_connect_timeout=DEADLINE, retry=Retry(NoBackoff(), 0),
            decode_responses=True, health_check_interval=0,
        )  # fmt: skip
        self.error = redis.RedisError
        self._greeting = greeting
        self._works = False
        """Whether it answered last time, so that it is connected to."""
        self._over = False
        self.forked()

    def forked(self) -> None:
        """Know of no thread: a parent's are not here."""
        self.attempt: _Attempt | None = None
        self._lock = threading.Lock()
        self._sending = 0
        """Threads that are at the connection: it is closed under none of them."""

    def sent(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send commands, and return their replies."""
        if self._works:
            try:
                return self._send(commands)
            except (self.error, OSError):
                self._works = False
                raise
        if self.attempt is not None and self.attempt.is_alive():  # another thread's
            self.attempt.join(max(0.0, self.attempt.until - time.monotonic()))
            if not self._works:
                raise StoreDown("Redis does not answer.")
            return self.sent(commands)
        self.attempt = _Attempt(lambda: self._send([self._greeting, *commands]), (self.error, OSError))
        replies: list[Any] = self.attempt.result()
        return replies[1:]

    def close(self) -> None:
        """Close the connection; where a thread is at it still, have that do so."""
        self._over = True
        self._close_if_over()

    def _close_if_over(self) -> None:
        with self._lock:
            if self._over and not self._sending:
                self.client.close()

    def _send(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        with self._lock:
            self._sending += 1
        try:
            with self.client.pipeline(transaction=False) as pipeline:
                for words in commands:
                    pipeline.execute_command(*words)
                replies = list(pipeline.execute(raise_on_error=False))
        finally:
            with self._lock:
                self._sending -= 1
            self._close_if_over()
        self._works = True
        return replies


class _Attempt(threading.Thread):
    """Something that may take longer than anybody waits for it."""

    def __init__(self, act: Callable[[], Any], errors: tuple[type[Exception], ...]) -> None:
        super().__init__(name="outlay-redis", daemon=True)
        self._act, self._errors = act, errors
        self._found: Any = None
        self._error: Exception | None = None
        self.until = time.monotonic() + DEADLINE
        self.start()

    def run(self) -> None:
        try:
            self._found = self._act()
        except self._errors as error:
            self._error = error

    def result(self) -> Any:
        """Return what came of it within the deadline. Raises its error, and ``StoreDown``."""
        self.join(DEADLINE)
        if self.is_alive():
            raise StoreDown("Redis does not answer.")
        if self._error is not None:
            raise self._error
        return self._found
