"""Paths that end as others do, that end with a name, or that nobody bills although they look like a call."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from outlay.wire.api import API
from outlay.wire.recognise import Recogniser, template
from outlay.wire.regions import terms_of
from outlay_integrations.providers import PROVIDERS

SHIPPED: list[API] = [
    api
    for point in entry_points(group="outlay.apis")
    if point.value.startswith("outlay_integrations.")
    for api in point.load()
]

OPENAI, GEMINI, VERTEX = "api.openai.com", "generativelanguage.googleapis.com", "us-east5-aiplatform.googleapis.com"
PLACE = "/v1/projects/p/locations/us-east5"
CLAUDE = f"{PLACE}/publishers/anthropic/models"


def seen(host: str, path: str, method: str = "POST") -> str:
    """Return the format of a request; else whether it is ``free``, ``missed``, or of no model host at all."""
    recogniser = Recogniser(SHIPPED, PROVIDERS, {})
    match = recogniser.find(method, host, path)
    if match is not None:
        return match.reader.api.name
    rows = recogniser.coverage(0)
    return "" if not rows else "free" if rows[0].free else "missed"


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("api.anthropic.com", "/v1/messages", "anthropic.messages"),
        (OPENAI, "/v1/threads/thread_1/messages", "free"),
        (OPENAI, "/v1/threads/thread_1/runs", "openai.runs"),
        (OPENAI, "/v1/realtime/client_secrets", "free"),
        (OPENAI, "/v1/fine_tuning/jobs", "missed"),
        (OPENAI, "/v1/responses/compact", "openai.responses"),
        (OPENAI, "/v1/responses/resp_1/cancel", "free"),
        (VERTEX, f"{CLAUDE}/claude-haiku-4-5@20251001:rawPredict", "anthropic.messages"),
        (VERTEX, f"{CLAUDE}/count-tokens:rawPredict", "free"),
        (VERTEX, f"{PLACE}/publishers/google/models/gemini-2.5-pro:countTokens", "free"),
        (VERTEX, f"{PLACE}/endpoints/4711:streamGenerateContent", "gemini.generate_content"),
        (VERTEX, f"{PLACE}/endpoints/4711:predict", "missed"),
        (VERTEX, f"{PLACE}/publishers/mistralai/models/mistral-ocr-2505:rawPredict", "mistral.ocr"),
        (VERTEX, f"{PLACE}/publishers/ai21/models/jamba-1.5:rawPredict", "openai.chat"),
        (GEMINI, "/v1beta/models/gemini-2.5-flash:countTokens", "free"),
        (GEMINI, "/v1beta/tunedModels/mine-1:generateContent", "gemini.generate_content"),
        ("api.mistral.ai", "/v1/conversations", "mistral.conversations"),
        ("api.mistral.ai", "/v1/conversations/conv_1", "mistral.conversations"),
        ("api.mistral.ai", "/v1/conversations/conv_1/restart", "mistral.conversations"),
        (OPENAI, "/v1/conversations", "free"),
        (OPENAI, "/v1/conversations/conv_1", "missed"),
        ("stranger.test", "/v1/conversations/conv_1", ""),
        ("bedrock-agent-runtime.us-east-1.amazonaws.com", "/rerank", "missed"),
        ("us-south.ml.cloud.ibm.com", "/ml/v1/deployments/our-own/text/chat_stream", "openai.chat"),
        ("adb-1.cloud.databricks.com", "/serving-endpoints/our-own/invocations", "openai.chat"),
    ],
)
def test_a_path_is_what_it_is_at_its_host(host: str, path: str, expected: str) -> None:
    """What is billed is metered or, where its format is not known, named; what nobody bills is neither."""
    assert seen(host, path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1beta/models/gemini-2.5-flash:countTokens", "/v1beta/models/*:countTokens"),
        (
            "/v1/projects/p-1/locations/us-east5/endpoints/4711:predict",
            "/v1/projects/*/locations/*/endpoints/*:predict",
        ),
        ("/model/anthropic.claude-3:0/converse", "/model/*/converse"),
    ],
)
def test_a_name_gives_way_and_the_method_behind_it_stays(path: str, expected: str) -> None:
    """So that coverage says what was asked of a model."""
    assert template(path) == expected


@pytest.mark.parametrize(
    ("host", "path", "region"),
    [
        (VERTEX, f"{CLAUDE}/claude-haiku-4-5:rawPredict", "us-east5"),
        ("aiplatform.googleapis.com", "/v1/projects/p/locations/global/publishers/x", "global"),
        ("aiplatform.googleapis.com", "/v1/publishers/google/models/gemini-2.5-pro:generateContent", None),
        ("bedrock-runtime.eu-central-1.amazonaws.com", "/model/x/converse", "eu-central-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "/model/x/converse", "us-gov-west-1"),
        ("vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", "/model/x/converse", "us-east-1"),
        ("eu-de.ml.cloud.ibm.com", "/ml/v1/text/chat", "eu-de"),
        (OPENAI, "/v1/responses", None),
        ("eu.api.openai.com", "/v1/responses", "regional"),
        ("us.api.x.ai", "/v1/responses", "us"),
    ],
)
def test_the_region_is_read_from_the_url(host: str, path: str, region: str | None) -> None:
    """Where the provider writes it there, or has hosts of its own for one."""
    provider = Recogniser(SHIPPED, PROVIDERS, {}).provider(host)
    assert provider is not None
    assert terms_of(provider, host, path).get("region") == region
