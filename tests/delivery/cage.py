"""An application of the tests that delivers to Parrot's cage, by the exporter of the example plugin.

The cage is busy at first, and refuses a model that it does not like. What it has in the end is written as JSON.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import outlay

KEPT: dict[str, Any] = {}
ANSWERS: list[int] = []


class Cage(BaseHTTPRequestHandler):
    """Keep records by their ids."""

    def do_POST(self) -> None:
        """Take records, or none of them."""
        records = json.loads(self.rfile.read(int(self.headers["content-length"])))
        bad = any(record["model"] == "cat-1" for record in records)
        status = 503 if not ANSWERS else 422 if bad else 200
        ANSWERS.append(status)
        if status == 200:
            KEPT.update({record["id"]: record for record in records})
        self.send_response(status)
        self.send_header("retry-after", "0")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def main() -> None:
    """Record calls, one of them bad, and deliver them."""
    with HTTPServer(("127.0.0.1", 0), Cage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/cage"
        outlay.init(exporters={"cage": {"url": url}})
        for model in ("gpt-4o-mini", "cat-1", "gpt-4o"):
            outlay.record(provider="openai", model=model, input_tokens=1_000, output_tokens=100)
        left = outlay.flush(30)
        outlay.uninstrument()
        server.shutdown()
    sys.stdout.write(json.dumps({"kept": list(KEPT.values()), "left": left}))


if __name__ == "__main__":
    main()
