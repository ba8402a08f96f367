"""Which clients are metered, from when to when, and who is said to bill."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import httpx
import openai
import pytest
import respx

import outlay.testing
from outlay.ledger.ledger import Ledger
from outlay.loopback import ModelHost
from tests.conformance import bill
from tests.conformance.compatible_shapes import ASKED, SIMPLE, completion
from tests.conformance.runs import address
from tests.conformance.shapes import SHAPES

WAYS = {shape.name: shape for shape in SHAPES}
APPLICATION = Path(__file__).with_name("application.py")


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_host_that_nobody_named_is_metered_and_its_price_unknown(kind: str) -> None:
    """Two SDKs speak their formats to one host; the tokens are there, and no price is made up."""
    with ModelHost() as host, outlay.testing.ledger(ask_usage=True) as ledger:
        for name in ("chat stream", "messages.create", "models.list"):
            WAYS[name].run("async" if kind == "async" else "sync", host)
        chat, message = ledger.calls
    assert (chat.api, message.api) == ("openai.chat", "anthropic.messages")
    for call, billed in zip((chat, message), host.billed, strict=True):
        assert (call.provider, call.host, call.cost.status, call.cost.amount) == (
            "unknown",
            address(host),
            "unknown",
            None,
        )
        assert call.usage is not None
        assert call.usage.classes == bill.classes(billed)


@pytest.mark.parametrize("named", ["127.0.0.1", "127.0.0.1:{port}"])
def test_a_settings_file_names_who_bills_for_a_host(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its port or without; prices are then those of the provider named."""
    with ModelHost() as host:
        file = tmp_path / "outlay.toml"
        file.write_text(f'[hosts]\n"{named.format(port=host.port)}" = "anthropic"\n', encoding="utf-8")
        monkeypatch.setenv("OUTLAY_CONFIG", str(file))
        with outlay.testing.ledger() as ledger:
            WAYS["messages.create"].run("sync", host)
            call = ledger.only
    assert (call.provider, call.cost.amount) == ("anthropic", bill.amount(host.billed[0]))


# 20 and 5 tokens: Grok 4.6 at 2 and 6, GPT-5.4 at 2.50 and 15, GPT-4o mini at 0.15 and 0.60, a million
@pytest.mark.parametrize(
    "host,model,usd",
    [
        ("api.x.ai", "grok-4.6", "0.00007"),
        ("us.api.x.ai", "grok-4.6", "0.000077"),
        ("api.openai.com", "gpt-5.4", "0.000125"),
        ("eu.api.openai.com", "gpt-5.4", "0.0001375"),
        ("eu.api.openai.com", "gpt-4o-mini", "0.000006"),
    ],
)
def test_a_host_of_a_region_sells_at_the_price_of_the_region(host: str, model: str, usd: str) -> None:
    """A tenth more, for the models that the provider says; who bills is the same."""
    answer = completion(model, SIMPLE)
    with respx.mock(assert_all_mocked=True) as mock, outlay.testing.ledger() as ledger:
        mock.post(f"https://{host}/v1/chat/completions").respond(json=answer)
        httpx.post(f"https://{host}/v1/chat/completions", json={"model": model, "messages": ASKED})
        call = ledger.only
    assert (call.provider, call.cost.status, call.cost.usd) == (
        "x_ai" if "x.ai" in host else "openai", "priced", Decimal(usd),
    )  # fmt: skip


def run_application(mode: str, host: ModelHost, folder: Path, **settings: str) -> list[str]:
    """Run the application in a process of its own and return its output, line by line."""
    environment = os.environ | {"OUTLAY_DATA": str(folder), "OUTLAY_STRICT": "1"} | settings
    command = [sys.executable, str(APPLICATION), mode, host.url]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, cwd=folder.parent)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def models(folder: Path) -> list[str | None]:
    """Return the models that the ledger has calls of, in their order."""
    with Ledger.open(folder / "ledger.db") as ledger:
        return [call.request_model for call in reversed(ledger.calls())]


@pytest.mark.parametrize(
    "mode,calls,metered",
    [
        ("before", 1, ["metered"]),
        ("after", 4, ["metered", "metered-again"]),
        ("alone", 4, ["metered", "metered-copy"]),
    ],
    ids=["before", "after", "alone"],
)
def test_calls_are_metered_from_init_to_uninstrument(mode: str, calls: int, metered: list[str], tmp_path: Path) -> None:
    """Whether the SDK is imported before or after, for every client or for one alone; the answers are the same."""
    with ModelHost() as host:
        assert len(set(run_application(mode, host, tmp_path / "data"))) == 1
        assert len(host.requests) == calls
    assert models(tmp_path / "data") == metered


@pytest.mark.parametrize("mode", ["after", "alone"])
def test_switched_off_by_the_environment_outlay_does_nothing(mode: str, tmp_path: Path) -> None:
    """``OUTLAY_DISABLED=1``: the application's calls are as they were, and no file is written."""
    with ModelHost() as host:
        run_application(mode, host, tmp_path / "data", OUTLAY_DISABLED="1")
        assert len(host.requests) == 4
    assert not (tmp_path / "data").exists()


def test_a_client_over_http2_is_metered() -> None:
    """The HTTP version is the client's business: the SDK over a client that speaks it is seen as any other."""
    with ModelHost() as host, outlay.testing.ledger(hosts={address(host): "openai"}) as ledger:
        transport = openai.DefaultHttpxClient(http2=True, verify=False)
        with openai.OpenAI(base_url=host.openai_url, api_key="none", http_client=transport) as client:
            client.embeddings.create(model="text-embedding-3-small", input="one call", encoding_format="float")
        assert ledger.only.cost.amount == bill.amount(host.billed[0])
