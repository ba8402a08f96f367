"""An application of the tests that makes calls, delivers them, and dies as it is told.

Usage: ``python -m tests.exporters.mortal FOLDER EXPORTERS MODE NUMBER``. EXPORTERS is the setting as JSON, NUMBER how
many calls are made. MODE is ``accepted`` (killed when the backend has accepted the first batch, before anybody noted
it), ``whole``, or ``brief`` (it waits for its deliveries for a second only).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import outlay
from outlay.delivery import handover
from outlay.export import Batch, Delivered, Result


def die_when_accepted() -> None:
    """Have the process killed as soon as a backend has accepted a batch."""
    send = handover.Handover._send  # noqa: SLF001 - the moment is inside

    def dying(self: handover.Handover, batch: Batch) -> Result | Exception:
        result = send(self, batch)
        if isinstance(result, Delivered):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    handover.Handover._send = dying  # type: ignore[method-assign]  # noqa: SLF001 - as above


def main(folder: Path, exporters: str, mode: str, number: int) -> None:
    """Make calls in tracked functions, and print how much is left in the end."""
    if mode == "accepted":
        die_when_accepted()
    outlay.init(data=folder, exporters=json.loads(exporters))
    for _ in range(number):
        with outlay.track("answer"):
            outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=11, output_tokens=7)
    sys.stdout.write(f"{outlay.flush(1 if mode == 'brief' else 20)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
