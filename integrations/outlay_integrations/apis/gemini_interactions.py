"""Gemini's Interactions: conversations that Google keeps, of models and of agents, which may run in the background.

Thinking and the results of the server's tools stand beside input and output. Every answer has an id to ask for it by.
Reference: https://ai.google.dev/api/interactions-api
"""

from __future__ import annotations

from outlay.integration import API, Answer, Request, Stream, Total, UsageTable

_ENDS = ("completed", "failed", "cancelled", "incomplete")


def _of(details: str, modality: str) -> str:
    return f"{details}_tokens_by_modality[modality={modality}].tokens"


INTERACTIONS = API(
    name="gemini.interactions",
    operation="generate_content",
    paths=("v1beta/interactions", "v1/interactions", "v1alpha/interactions", "v1beta1/interactions"),
    polls=("interactions/*",),
    providers=("gcp.gemini", "gcp.vertex_ai"),
    estimable=False,  # what was said before is kept by the provider
    request=Request(tier="service_tier", limits=("generation_config.max_output_tokens",)),
    answer=Answer(
        model=("model", "interaction.model"),
        id=("id", "interaction.id"),
        usage=("usage", "interaction.usage"),
        status=("status", "interaction.status"),
        error=("error", "errors"),
        terms={"tier": ("service_tier", "interaction.service_tier")},
        header_terms={"tier": "x-gemini-service-tier"},
        deferred=True,
        created=("created", "interaction.created"),
        running=("in_progress", "queued"),
        request_id="x-goog-request-id",
    ),
    stream=Stream(kind="event_type", final=tuple(f"interaction.{end}" for end in _ENDS)),
    usage=UsageTable(
        totals=(
            Total(
                path="total_input_tokens",
                rest="input",
                parts={
                    "cache_read_audio": _of("cached", "audio"),
                    "cache_read_image": _of("cached", "image"),
                    "cache_read": f"total_cached_tokens - {_of('cached', 'audio')} - {_of('cached', 'image')}",
                    "input_audio": f"{_of('input', 'audio')} - {_of('cached', 'audio')}",
                    "input_image": f"{_of('input', 'image')} - {_of('cached', 'image')}",
                    "input_video": f"{_of('input', 'video')} - {_of('cached', 'video')}",
                },
            ),
            Total(path="total_tool_use_tokens", rest="tool_use_input"),
            Total(
                path="total_output_tokens",
                rest="output",
                parts={"output_audio": _of("output", "audio"), "output_image": _of("output", "image")},
            ),
            Total(path="total_thought_tokens", rest="output"),
        ),
        others={"web_search": "grounding_tool_count[type=google_search].count"},
        reasoning="total_thought_tokens",
        sum="total_tokens",
    ),
)

APIS = (INTERACTIONS,)
