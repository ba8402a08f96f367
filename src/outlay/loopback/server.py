"""Accept connections on an ephemeral port of 127.0.0.1, one thread each, and leave none of them behind."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

from outlay.loopback.connection import Answering, Connection


class Server:
    """A TCP server that starts when it is entered and is gone when it is closed."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._closing = threading.Event()
        self._connections: dict[Connection, threading.Thread] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="outlay-loopback", daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def release(self) -> None:
        """Let hanging requests, now and from now on, go on."""
        self._released.set()

    def close(self) -> None:
        """Stop: no socket and no thread is left. Closing twice is harmless."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._released.set()
        with socket.create_connection(("127.0.0.1", self.port), timeout=5):
            self._acceptor.join()  # it was waiting for a connection: this one
        self._listener.close()
        with self._lock:
            connections = dict(self._connections)
        for connection, thread in connections.items():
            connection.close()
            thread.join()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self._closing.is_set():
                client.close()
                return
            connection = Connection(client, self._answer, self._released, self._closing)
            thread = threading.Thread(target=self._serve, args=(connection,), name="outlay-loopback", daemon=True)
            with self._lock:
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.pop(connection, None)
