"""Redis and PostgreSQL for tests: named by the environment, on their usual ports, or started in a temporary folder."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.budgets.asks import SESSION
from tests.budgets.rewinding import POSTGRES
from tests.ports import free_port


def answers(connect: Callable[[], object], seconds: float = 0.0, ended: Callable[[], bool] = bool) -> bool:
    """Return whether ``connect`` works within so many seconds, and before what it connects to has ``ended``."""
    until = time.monotonic() + seconds
    while True:
        try:
            connect()
        except Exception:  # noqa: BLE001 - each client has errors of its own, and all mean that it is not there yet
            if time.monotonic() >= until or ended():
                return False
            time.sleep(0.05)
        else:
            return True


def ping_redis(url: str) -> None:
    """Raise if no Redis answers."""
    import redis

    with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
        client.ping()


def ping_postgres(url: str) -> None:
    """Raise if no PostgreSQL answers."""
    import psycopg

    psycopg.connect(url, connect_timeout=2).close()


def sweep_redis(url: str) -> None:
    """Delete what this session's tests have left."""
    import redis

    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(match=f"outlay:*test-{SESSION}*", count=1000):
            client.unlink(key)


def sweep_postgres(url: str) -> None:
    """Delete what this session's tests have left."""
    import psycopg

    with psycopg.connect(url) as connection:
        for table, column in POSTGRES.items():
            connection.execute(f"DELETE FROM outlay_{table} WHERE {column} LIKE %s", (f"test-{SESSION}-%",))


class Redis:
    """A Redis of one's own, that can be killed and started again with what it had written down."""

    def __init__(self, folder: Path, *options: str, bus: int | None = None) -> None:
        self.port, self.bus = free_port(), bus
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._options = (*options, "--cluster-port", str(bus)) if bus else options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed, and no Redis runs here")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [program, *self._options, "--port", str(self.port), "--save", "", "--appendonly", "yes",
             "--appendfsync", "always", "--dir", str(self._folder), "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert answers(lambda: ping_redis(self.url), 20), "redis-server does not start"

    def pause(self) -> None:
        """Have it accept connections, and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Stop it for good."""
        self.stop()


class Cluster:
    """Three servers of a Redis Cluster, each with a third of the slots."""

    def __init__(self, folder: Path) -> None:
        self._nodes = [Redis(folder / str(number), "--cluster-enabled", "yes", bus=free_port()) for number in range(3)]
        self.url = self._nodes[0].url

    def start(self) -> None:
        """Start them, and wait until they are one."""
        import redis

        for node in self._nodes:
            node.start()
        clients: list[Any] = [redis.Redis.from_url(node.url, decode_responses=True) for node in self._nodes]
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER ADDSLOTSRANGE", number * 16384 // 3, (number + 1) * 16384 // 3 - 1)
            client.execute_command("CLUSTER MEET", "127.0.0.1", self._nodes[0].port, self._nodes[0].bus)

        def whole() -> None:
            assert all(client.execute_command("CLUSTER INFO")["cluster_state"] == "ok" for client in clients)
            assert all(len(client.execute_command("CLUSTER NODES")) == len(clients) for client in clients)

        assert answers(whole, 20), "the cluster's servers do not find each other"
        for client in clients:
            client.close()

    def close(self) -> None:
        """Stop them."""
        for node in self._nodes:
            node.close()


class Postgres:
    """A PostgreSQL of one's own, that can be killed and started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"postgresql://outlay@127.0.0.1:{self.port}/postgres"
        self._folder = Path(tempfile.mkdtemp(prefix="outlay-postgres-"))  # pytest's own folders are this user's alone
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, made the first time, and wait until it answers."""
        programs = _postgres_programs()
        if programs is None:
            pytest.skip("PostgreSQL is not installed, and none runs here")
        user = _other_user()
        if not self._data.exists():
            if user:
                shutil.chown(self._folder, user)
            subprocess.run(
                [programs / "initdb", "-D", self._data, "-U", "outlay", "-A", "trust", "--no-sync"],
                check=True, capture_output=True, user=user, cwd="/",
            )  # fmt: skip
        for _ in range(100):
            self._launch(programs, user)
            if answers(lambda: ping_postgres(self.url), 30, self._ended):
                return
            self.stop()
            time.sleep(0.2)  # what was killed has not let go of everything yet
        raise RuntimeError("postgres does not start")

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _launch(self, programs: Path, user: str | None) -> None:
        self._process = subprocess.Popen(
            [programs / "postgres", "-D", self._data, "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
             "-c", "unix_socket_directories=", "-c", "max_connections=200"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user, cwd="/",
        )  # fmt: skip

    def pause(self) -> None:
        """Have it accept connections, and answer nothing, with all that serve them."""
        self._send(signal.SIGSTOP)

    def stop(self) -> None:
        """Have it drop everything at once, as a crash would."""
        if self._process is not None:
            self._send(signal.SIGCONT)
            self._process.send_signal(signal.SIGQUIT)  # an immediate shutdown, with recovery at the next start
            self._process.wait()
            self._process = None

    def _send(self, number: int) -> None:
        assert self._process is not None
        found = subprocess.run(["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False)
        for pid in (self._process.pid, *map(int, found.stdout.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _postgres_programs() -> Path | None:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def _other_user() -> str | None:
    """Return the user to run PostgreSQL as, where this one is root, as whom it refuses to run."""
    if os.geteuid() != 0:
        return None
    return "postgres" if getpass.getuser() == "root" else None


@contextlib.contextmanager
def redis(folders: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a Redis that runs."""
    url = os.environ.get("OUTLAY_TEST_REDIS") or "redis://127.0.0.1:6379/0"
    pytest.importorskip("redis", reason="redis-py is not installed")
    if os.environ.get("OUTLAY_TEST_REDIS") or answers(lambda: ping_redis(url)):
        yield url
        sweep_redis(url)
        return
    own = Redis(folders.mktemp("redis"))
    own.start()
    yield own.url
    own.close()


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of a PostgreSQL that runs."""
    url = os.environ.get("OUTLAY_TEST_POSTGRES") or "postgresql://postgres@127.0.0.1:5432/postgres"
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if os.environ.get("OUTLAY_TEST_POSTGRES") or answers(lambda: ping_postgres(url)):
        yield url
        sweep_postgres(url)
        return
    own = Postgres()
    own.start()
    yield own.url
    own.close()
