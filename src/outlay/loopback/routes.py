"""Which builder answers which path: by its last segments, so that any prefix (a gateway's, Azure's) works."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from outlay.loopback.anthropic_messages import answer_message, count_message_tokens
from outlay.loopback.openai_chat import answer_chat
from outlay.loopback.openai_responses import answer_response, count_response_tokens
from outlay.loopback.openai_texts import answer_completion, answer_embeddings
from outlay.loopback.others import answer_bedrock, answer_cohere, answer_gemini, answer_ollama
from outlay.loopback.turn import Answer, Turn

Builder = Callable[[Turn], Answer]

POSTS: Mapping[str, tuple[str, Builder]] = {
    "/chat/completions": ("openai.chat", answer_chat),
    "/messages/count_tokens": ("anthropic.count_tokens", count_message_tokens),
    "/completions": ("openai.completions", answer_completion),
    "/embeddings": ("openai.embeddings", answer_embeddings),
    "/messages": ("anthropic.messages", answer_message),
    "/responses/input_tokens": ("openai.input_tokens", count_response_tokens),
    "/responses": ("openai.responses", answer_response),
    ":generateContent": ("gemini.generate_content", answer_gemini),
    "/v2/chat": ("cohere.chat", answer_cohere),
    "/api/chat": ("ollama.chat", answer_ollama),
    "/converse": ("bedrock.converse", answer_bedrock),
}
"""Longer paths before the shorter ones that they end with."""


def find_builder(path: str) -> tuple[str, Builder] | None:
    """Return the API that a POST to ``path`` is for, and its builder."""
    return next((found for ending, found in POSTS.items() if path.endswith(ending)), None)


def is_anthropic(path: str) -> bool:
    """Return whether errors on ``path`` are written in Anthropic's form."""
    return "/messages" in path
