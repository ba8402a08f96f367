"""The release of calls: the setting, or what OpenTelemetry was told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CALL = """
import openai, outlay
from outlay.loopback import ModelHost
{before}
with ModelHost() as host, openai.OpenAI(base_url=host.openai_url, api_key="none") as client:
    outlay.init(hosts={{"127.0.0.1": "openai"}}, data={folder!r}{more})
    {after}
    client.chat.completions.create(model="gpt-4o-mini", messages=[{{"role": "user", "content": "hello"}}])
    outlay.flush()
    from outlay.ledger.ledger import Ledger
    with Ledger.open({folder!r} + "/ledger.db") as ledger:
        print([call.release for call in ledger.calls("latest", 9)])
"""
SDK = """\
from opentelemetry import trace; from opentelemetry.sdk.resources import Resource; \
from opentelemetry.sdk.trace import TracerProvider; \
trace.set_tracer_provider(TracerProvider(resource=Resource.create({"service.version": "2.1"})))"""


@pytest.mark.parametrize(
    ("before", "after", "more", "attributes", "release"),
    [
        ("", "", "", "", None),
        ("", "", "", "service.name=shop,service.version=1.4%2B5", "1.4+5"),
        (SDK, "", "", "service.version=1.4", "2.1"),
        ("", SDK, "", "", "2.1"),
        (SDK, "", ", release='3'", "service.version=1.4", "3"),
    ],
    ids=["none", "environment", "SDK", "SDK set up after init", "setting"],
)
def test_a_call_has_the_release_of_opentelemetry_where_none_is_set(
    tmp_path: Path, before: str, after: str, more: str, attributes: str, release: str | None
) -> None:
    """Of the resource first, which has the environment's attributes too; the setting wins over both."""
    code = CALL.format(before=before, after=after, more=more, folder=str(tmp_path))
    environment = {**os.environ, "OTEL_RESOURCE_ATTRIBUTES": attributes}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"[{release!r}]", done.stderr
