"""What exporters and tracers send to, on loopback, in a process of its own: one that accepts all, or a real MLflow."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

TAKEN = json.dumps(
    {
        "run": {"info": {"run_id": "r"}},  # MLflow's
        "data": {  # W&B's, whose client asks for the project first
            "viewer": {"id": "1", "username": "bench", "defaultEntity": {"name": "team"}},
            "project": {"id": "1", "name": "bench"},
            "upsertModel": {"model": {"name": "bench"}},
        },
        "min_required_weave_python_version": "0.0.1",
        "trace_server_version": "99.0.0",
        "id": "1",
        "digest": "d" * 40,
        "res": [],
    }
).encode()
"""An answer that every client is content with."""


class Handler(BaseHTTPRequestHandler):
    """Accepts all, looks at nothing, and counts."""

    protocol_version = "HTTP/1.1"
    taken = 0
    """Bytes."""

    def do_POST(self) -> None:
        """Take a body, if there is one."""
        Handler.taken += len(self.rfile.read(int(self.headers.get("content-length") or 0)))
        otlp = self.path == "/v1/traces"
        body = b"" if otlp else str(Handler.taken).encode() if self.path == "/taken" else TAKEN
        self.send_response(200 if otlp else 202)
        self.send_header("content-type", "application/x-protobuf" if otlp else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST  # noqa: N815 - names of the standard library's

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def serve(told: Connection) -> None:
    """Serve until killed; tell the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.send(f"http://127.0.0.1:{server.server_port}")
        server.serve_forever()


@contextmanager
def accepting() -> Iterator[str]:
    """Run a server that accepts all; yield its address."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        yield here.recv()
    finally:
        server.kill()


def taken(url: str) -> int:
    """Return how many bytes the server that accepts all has had."""
    with urllib.request.urlopen(f"{url}/taken", timeout=10) as answer:
        return int(answer.read())


@contextmanager
def mlflow(python: str) -> Iterator[str]:
    """Run an MLflow server (sqlite, one worker) in the environment of ``python``; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = ["--backend-store-uri", f"sqlite:///{Path(folder) / 'mlflow.db'}"]
        place = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen(
                [python, "-m", "mlflow", "server", *store, *place],
                stdout=log, stderr=log, cwd=folder, start_new_session=True,
            )  # fmt: skip
        try:
            _await(f"{url}/health")
            yield url
        finally:
            end(server)


def _await(url: str) -> None:
    deadline = time.monotonic() + 180
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def end(server: subprocess.Popen[bytes]) -> None:
    """End a server and the processes that it has started."""
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:  # its workers finish what they were sent
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
