"""The names of those who bill: one canonical name each, and every other name they go by.

Canonical names are OpenTelemetry's ``gen_ai.provider.name`` values where it has one, and ours in the same style for the
rest. Other names are what people and tools write: companies, clouds, LiteLLM's prefixes, genai-prices' ids.
"""

from __future__ import annotations

ALIASES: dict[str, tuple[str, ...]] = {
    "anthropic": ("claude",),
    "arcee": ("arcee_ai",),
    "avian": (),
    "aws.bedrock": ("aws", "bedrock", "amazon", "amazon_bedrock", "aws_bedrock", "bedrock_converse", "bedrock_mantle"),
    "azure.ai.inference": ("azure_ai", "az.ai.inference", "azure_ai_inference", "azure_foundry", "foundry"),
    "azure.ai.openai": ("azure", "azure_openai", "az.ai.openai", "azure_ai_openai", "azure_text"),
    "baseten": (),
    "bentoml": (),
    "cerebras": (),
    "cloudflare": ("workers_ai", "cloudflare_workers_ai"),
    "cohere": ("cohere_chat",),
    "cursor": (),
    "databricks": (),
    "deepinfra": (),
    "deepseek": (),
    "doubleword": (),
    "elevenlabs": (),
    "fireworks": ("fireworks_ai",),
    "gcp.gemini": ("google", "gemini", "google_ai", "google_genai", "google_gla", "gcp.gen_ai", "google_ai_studio"),
    "gcp.vertex_ai": ("vertex_ai", "vertex", "google_vertex", "vertexai", "google_vertexai", "gcp", "vertex_ai_beta"),
    "github_copilot": ("copilot",),
    "groq": (),
    "huggingface": ("hf", "hugging_face"),
    "huggingface.cerebras": (),
    "huggingface.fireworks": ("huggingface_fireworks_ai",),
    "huggingface.groq": (),
    "huggingface.hyperbolic": (),
    "huggingface.nebius": (),
    "huggingface.novita": (),
    "huggingface.nscale": (),
    "huggingface.ovhcloud": (),
    "huggingface.publicai": (),
    "huggingface.sambanova": (),
    "huggingface.together": (),
    "hyperbolic": (),
    "ibm.watsonx.ai": ("watsonx", "ibm", "watsonx_ai", "ibm_watsonx", "watsonx_text"),
    "litellm": ("litellm_proxy",),
    "lm_studio": ("lmstudio",),
    "meta": ("meta_llama", "llama_api"),
    "minimax": (),
    "mistral_ai": ("mistral", "mistralai", "codestral"),
    "modal": (),
    "moonshotai": ("moonshot", "moonshot_ai", "kimi"),
    "nebius": ("nebius_ai",),
    "novita": ("novita_ai",),
    "nscale": (),
    "ollama": (),
    "openai": ("openai_chat", "openai_responses", "text_completion_openai", "chatgpt"),
    "openai_decisions": (),
    "openrouter": ("open_router",),
    "ovhcloud": ("ovh",),
    "perplexity": ("pplx", "perplexity_ai"),
    "publicai": (),
    "quicksilverpro": (),
    "replicate": (),
    "sambanova": (),
    "together": ("together_ai", "togetherai"),
    "typesafe": (),
    "vllm": ("hosted_vllm",),
    "voyageai": ("voyage", "voyage_ai"),
    "x_ai": ("xai", "grok"),
    "zai": ("z_ai",),
    "zhipuai": ("zhipu", "bigmodel"),
}
"""Canonical name to the other names of the same provider, all as ``_key`` writes them."""

FIRST_PARTY: tuple[str, ...] = (
    "openai",
    "anthropic",
    "gcp.gemini",
    "deepseek",
    "mistral_ai",
    "x_ai",
    "cohere",
    "perplexity",
    "voyageai",
    "moonshotai",
    "minimax",
    "zai",
    "meta",
)
"""Those who sell models of their own make: where a model named without a provider is looked for."""


def canonical(name: str) -> str:
    """Return the canonical name of the provider called ``name``; an unknown name comes back as it is, lower-cased."""
    found = _NAMES.get(name)
    if found is not None:
        return found
    return _NAMES.get(_key(name), name.strip().lower())


def known(name: str) -> bool:
    """Return whether ``name`` is a name of a provider in the table above."""
    return name in _NAMES or _key(name) in _NAMES


def _key(name: str) -> str:
    """Fold what people write differently: case, ``-`` and blanks for ``_``."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _index() -> dict[str, str]:
    names = {alias: name for name, aliases in ALIASES.items() for alias in aliases}
    for name in ALIASES:
        names[name] = name
        names[_key(name)] = name
        names.setdefault(name.replace(".", "_"), name)
    return names


_NAMES = _index()
