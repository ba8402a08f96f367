"""An application of the tests that calls Parrot, plain and streamed, and writes the records of its calls as JSON.

Parrot speaks as examples/outlay-example-plugin says; the plugin must be installed where this runs.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import msgspec

import outlay.testing

LAST = {
    "squawk": "sq_1",
    "bird": "macaw-2",
    "why_stopped": "bored",
    "counts": {"heard": 12, "remembered": 4, "uttered": 3},
}
EVENTS = ({"type": "word", "word": "hello"}, {"type": "silence", **LAST})


class Parrot(BaseHTTPRequestHandler):
    """Answer every request alike, live if it wants that."""

    def do_POST(self) -> None:
        """Answer a squawk."""
        live = json.loads(self.rfile.read(int(self.headers["content-length"]))).get("live")
        events = "".join(f"data: {json.dumps(event)}\n\n" for event in EVENTS)
        answer = (events if live else json.dumps({"said": "hello", **LAST})).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if live else "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def main() -> None:
    """Call a squawk at once, one live, and a path that is free."""
    with HTTPServer(("127.0.0.1", 0), Parrot) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        with (
            outlay.testing.ledger(hosts={host: "parrot"}) as ledger,
            httpx.Client(base_url=f"http://{host}/v1") as client,
        ):
            client.post("/squawks", json={"bird": "macaw", "prompt": "say hello"})
            with client.stream("POST", "/squawks", json={"bird": "macaw", "prompt": "say it", "live": True}) as answer:
                answer.read()
            client.post("/perches", json={})
            sys.stdout.buffer.write(msgspec.json.encode(ledger.calls))
        server.shutdown()


if __name__ == "__main__":
    main()
