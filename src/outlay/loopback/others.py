"""Plain answers of providers whose formats are neither OpenAI's nor Anthropic's: enough for one call by their SDKs.

References: https://ai.google.dev/api/generate-content, https://docs.cohere.com/reference/chat,
https://github.com/ollama/ollama/blob/main/docs/api.md,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

from outlay.loopback.reply import Json, count_words
from outlay.loopback.turn import Answer, Refused, Turn


def answer_gemini(turn: Turn) -> Answer:
    """Answer ``POST …/models/MODEL:generateContent``."""
    read, written = count_words(turn.body.get("contents")), turn.tokens.written
    usage = {"promptTokenCount": read, "candidatesTokenCount": written, "totalTokenCount": read + written}
    content = {"role": "model", "parts": [{"text": turn.text}]}
    said = {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}
    return _plain(turn, usage, {**said, "modelVersion": "gemini-loopback", "responseId": turn.id("r-")})


def answer_cohere(turn: Turn) -> Answer:
    """Answer ``POST /v2/chat``."""
    usage = {"input_tokens": turn.tokens.read, "output_tokens": turn.tokens.written}
    message = {"role": "assistant", "content": [{"type": "text", "text": turn.text}]}
    said = {"id": turn.id("c-"), "finish_reason": "COMPLETE", "message": message}
    return _plain(turn, usage, {**said, "usage": {"billed_units": usage, "tokens": usage}})


def answer_ollama(turn: Turn) -> Answer:
    """Answer ``POST /api/chat``."""
    usage = {"prompt_eval_count": turn.tokens.read, "eval_count": turn.tokens.written}
    said = {"model": turn.model, "created_at": "2025-10-09T08:53:20Z", "done": True, "done_reason": "stop"}
    return _plain(turn, usage, {**said, "message": {"role": "assistant", "content": turn.text}, **usage})


def answer_bedrock(turn: Turn) -> Answer:
    """Answer ``POST /model/MODEL/converse``."""
    read, written = turn.tokens.read, turn.tokens.written
    usage = {"inputTokens": read, "outputTokens": written, "totalTokens": read + written}
    message = {"role": "assistant", "content": [{"text": turn.text}]}
    said = {"output": {"message": message}, "stopReason": "end_turn", "metrics": {"latencyMs": 1}}
    return _plain(turn, usage, {**said, "usage": usage})


def _plain(turn: Turn, usage: Json, body: Json) -> Answer:
    if turn.streamed:
        raise Refused(400, "the loopback host answers this format plainly only")
    return Answer(body=body, usage=usage, model=turn.model, id=turn.id("r-"))
