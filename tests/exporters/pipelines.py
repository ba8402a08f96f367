"""What the pipeline of an application has when its functions are tracked: one tree, whoever made the provider.

``nox -s pipelines`` runs it with Logfire and with ddtrace: ``python -m tests.exporters.pipelines logfire``. Exits with
an error where something is missing or differs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

Found = dict[str, Any]
CALLS, TRACKED = 10, 9
"""What the application of ``tracked`` makes. Of its function that calls nobody the ledger has nothing."""


def run(folder: Path, provider: str, **environment: str) -> Found:
    """Run the application with a provider; return what it found."""
    command = [sys.executable, "-m", "tests.exporters.tracked", str(folder), provider]
    done = subprocess.run(command, env=os.environ | environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    found: Found = json.loads(done.stdout)
    return found


def compare(found: Found) -> None:
    """Compare the pipeline's spans with the ledger's records, and both with what the application does."""
    spans = {span["id"]: span for span in found["spans"]}
    records = {record["id"]: record for record in [*found["calls"], *found["tracked"]]}
    assert len(spans) == len(found["spans"]), "no span came twice"
    assert (len(found["calls"]), len(found["tracked"])) == (CALLS, TRACKED)
    assert records.keys() <= spans.keys()
    (request,) = [span for span in spans.values() if span["name"] == "request"]
    for number, record in records.items():
        assert spans[number]["trace"] == record["trace"]
        # The ledger leaves out the application's own spans, but for the one around all of ours.
        above = spans[number]["parent"]
        while above is not None and above not in records and above != request["id"]:
            above = spans[above]["parent"]
        assert record["parent"] == above
    traces = {record["trace"] for record in found["tracked"] if record["name"] != "alone"}
    assert traces == {request["trace"]}, "one trace, the application's"
    requests = [span for span in spans.values() if span["name"] == "POST"]
    assert sorted(span["parent"] for span in requests) == sorted(call["id"] for call in found["calls"])
    for span in requests:
        call = spans[span["parent"]]
        assert call["start"] <= span["start"] <= span["end"] <= call["end"]
    compare_names(found, spans)
    compare_places(found, spans)


def compare_names(found: Found, spans: dict[str, Any]) -> None:
    """Compare names, errors, and the attributes of tracked functions: usage and cost are those of calls."""
    for record in found["tracked"]:
        span = spans[record["id"]]
        assert (span["name"], span["said"]["outlay.path"]) == (record["name"], record["path"])
        assert span["status"] == ("ERROR" if record["name"] == "failing" else "UNSET")
        assert span["said"]["outlay.tag.user"] == span["said"]["user.id"] == "u-42"
        assert not [name for name in span["said"] if name.startswith(("gen_ai.usage", "outlay.cost"))]
    assert abs(sum(spans[call["id"]]["said"]["outlay.cost.total_usd"] for call in found["calls"]) - found["usd"]) < 1e-9
    (lookup,) = [span for span in spans.values() if span["name"] == "lookup"]
    beneath = sorted(span["name"] for span in spans.values() if span["parent"] == lookup["id"])
    assert beneath == ["chat gpt-4o", "inner"]
    assert [span["name"] for span in spans.values()].count("silent") == 1


def compare_places(found: Found, spans: dict[str, Any]) -> None:
    """Compare which span was current where: a generator's is not its consumer's."""
    current = {place: spans[span]["name"] for place, span in found["where"].items()}
    assert current == {
        **dict.fromkeys(("outer", "outer again"), "outer"),
        **dict.fromkeys(("stream", "stream again"), "stream"),
        **dict.fromkeys(("request", "request again", "beside stream 1", "beside stream 2"), "request"),
        **dict.fromkeys(("beside feed 1", "beside feed 2"), "request"),
    }


def main() -> None:
    """Run the application with each provider that is named."""
    for provider in sys.argv[1:]:
        with tempfile.TemporaryDirectory(prefix="outlay-pipelines-") as folder:
            found = run(Path(folder), provider)
        compare(found)
        sys.stdout.write(f"{provider}: {len(found['spans'])} spans, the tree and the ids of the ledger\n")


if __name__ == "__main__":
    main()
