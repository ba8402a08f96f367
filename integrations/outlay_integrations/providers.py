"""Who bills for which hosts, by OpenTelemetry's gen_ai.provider.name. ``*`` stands for anything.

A new OpenAI-compatible provider is one line here. A table in Python, because it is compiled when it is installed: a
TOML file would be read and parsed at every start of every program.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from outlay.integration import Provider

FREE = (
    "count_tokens", "count-tokens", "count-tokens:rawPredict", "countTokens", "computeTokens", "input_tokens",
    "tokenize", "tokenization", "files", "uploads", "parts", "complete", "cancel", "moderations", "models", "auth/key",
    "threads", "threads/*/messages", "assistants", "conversations", "vector_stores", "batches", "messages/batches",
    "client_secrets", "realtime/sessions", "realtime/transcription_sessions", "fetchPredictOperation", "api/show",
)  # fmt: skip
"""Endings of paths that nobody bills: left out of the coverage figure."""

_NO_TERMS: Mapping[str, str] = MappingProxyType({})


def _row(
    name: str,
    *hosts: str,
    ask_usage: bool = True,
    terms: Mapping[str, str] = _NO_TERMS,
    region: tuple[str, ...] = (),
    served_by: str | None = None,
    cost_header: str | None = None,
) -> Provider:
    return Provider(
        name=name,
        hosts=hosts,
        free=FREE,
        ask_usage=ask_usage,
        terms=dict(terms),
        region=region,
        served_by=served_by,
        cost_header=cost_header,
    )


PROVIDERS = (
    _row("openai", "api.openai.com"),
    _row("openai", "*.api.openai.com", terms={"region": "regional"}),
    _row("anthropic", "api.anthropic.com"),
    _row("azure.ai.openai", "*.openai.azure.com", "*.cognitiveservices.azure.com"),
    _row("azure.ai.inference", "*.services.ai.azure.com", "*.models.ai.azure.com", "models.inference.ai.azure.com"),
    _row("gcp.gemini", "generativelanguage.googleapis.com"),
    _row(
        "gcp.vertex_ai",
        "aiplatform.googleapis.com",
        "*.aiplatform.googleapis.com",
        "*-aiplatform.googleapis.com",
        region=("/locations/*/",),
    ),
    _row(
        "aws.bedrock",
        "bedrock-runtime.*.amazonaws.com",
        "bedrock-runtime-fips.*.amazonaws.com",
        "bedrock-runtime.*.api.aws",
        "*.bedrock-runtime.*.vpce.amazonaws.com",
        "bedrock-runtime.*.amazonaws.com.cn",
        "bedrock-mantle.*.api.aws",
        "bedrock-agent-runtime.*.amazonaws.com",
        region=("bedrock-runtime.*.", "bedrock-runtime-fips.*.", "bedrock-mantle.*."),
    ),
    _row("baseten", "inference.baseten.co", "*.api.baseten.co"),
    _row("cerebras", "api.cerebras.ai"),
    _row("cloudflare", "api.cloudflare.com"),
    _row("cohere", "api.cohere.com", "api.cohere.ai"),
    _row("databricks", "*.cloud.databricks.com", "*.azuredatabricks.net", "*.gcp.databricks.com"),
    _row("deepinfra", "api.deepinfra.com"),
    _row("deepseek", "api.deepseek.com"),
    _row("elevenlabs", "api.elevenlabs.io", "*.elevenlabs.io"),
    _row("fireworks", "api.fireworks.ai"),
    _row("github_copilot", "api.githubcopilot.com", "*.githubcopilot.com"),
    _row("groq", "api.groq.com", ask_usage=False),
    _row("huggingface", "router.huggingface.co", served_by="x-inference-provider"),
    _row("hyperbolic", "api.hyperbolic.xyz"),
    _row("ibm.watsonx.ai", "*.ml.cloud.ibm.com", region=("*.ml.cloud.ibm.com",)),
    _row("lm_studio", "localhost:1234", "127.0.0.1:1234"),
    _row("meta", "api.llama.com"),
    _row("minimax", "api.minimax.io", "api.minimaxi.com", "api.minimax.chat"),
    _row("mistral_ai", "api.mistral.ai", "codestral.mistral.ai", "api.*.mistral.ai", ask_usage=False),
    _row("moonshotai", "api.moonshot.ai", "api.moonshot.cn"),
    _row("nebius", "api.studio.nebius.com", "api.studio.nebius.ai", "api.tokenfactory.nebius.com"),
    _row("novita", "api.novita.ai"),
    _row("nscale", "inference.api.nscale.com"),
    _row("ollama", "localhost:11434", "127.0.0.1:11434", "ollama.com"),
    _row("openrouter", "openrouter.ai"),
    _row("ovhcloud", "*.endpoints.kepler.ai.cloud.ovh.net"),
    _row("perplexity", "api.perplexity.ai", ask_usage=False),
    _row("replicate", "api.replicate.com"),
    _row("sambanova", "api.sambanova.ai"),
    _row("together", "api.together.xyz", "api.together.ai"),
    _row("voyageai", "api.voyageai.com"),
    _row("x_ai", "api.x.ai", "*.api.x.ai"),
    _row("x_ai", "us.api.x.ai", terms={"region": "us"}),
    _row("zai", "api.z.ai"),
    _row("zhipuai", "open.bigmodel.cn"),
    # A gateway that others run: [hosts] of the configuration names it.
    _row("litellm", cost_header="x-litellm-response-cost"),
    # Servers of one's own, whose ports others use as well.
    _row("bentoml"),
    _row("vllm"),
)
