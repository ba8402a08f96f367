"""Who bills for which hosts, by OpenTelemetry's gen_ai.provider.name. ``*.`` stands for any labels in front.

A new OpenAI-compatible provider is one line here. A table in Python, because it is compiled when it is installed: a
TOML file would be read and parsed at every start of every program.
"""

from __future__ import annotations

from outlay.integration import Provider

FREE = (
    "count_tokens", "input_tokens", "files", "uploads", "cancel", "moderations", "models", "tokenize", "auth/key",
    "parts", "complete", "threads", "assistants", "conversations", "vector_stores", "batches", "messages/batches",
)  # fmt: skip
"""Endings of paths that nobody bills: left out of the coverage figure."""


def _row(name: str, *hosts: str, ask_usage: bool = True) -> Provider:
    return Provider(name=name, hosts=hosts, free=FREE, ask_usage=ask_usage)


PROVIDERS = (
    _row("openai", "api.openai.com", "*.api.openai.com"),
    _row("anthropic", "api.anthropic.com"),
    _row("azure.ai.openai", "*.openai.azure.com", "*.cognitiveservices.azure.com"),
    _row(
        "azure.ai.inference",
        "*.services.ai.azure.com",
        "*.models.ai.azure.com",
        "models.inference.ai.azure.com",
    ),
    _row("gcp.gemini", "generativelanguage.googleapis.com"),
    _row("gcp.vertex_ai", "aiplatform.googleapis.com", "*.aiplatform.googleapis.com"),
    _row("openrouter", "openrouter.ai"),
    _row("deepseek", "api.deepseek.com"),
    _row("groq", "api.groq.com"),
    _row("mistral_ai", "api.mistral.ai", "codestral.mistral.ai", ask_usage=False),
    _row("together", "api.together.xyz", "api.together.ai"),
    _row("fireworks", "api.fireworks.ai"),
    _row("cerebras", "api.cerebras.ai"),
    _row("x_ai", "api.x.ai"),
    _row("perplexity", "api.perplexity.ai", ask_usage=False),
    _row("cohere", "api.cohere.com", "api.cohere.ai"),
)
