"""Ollama's own format: no usage object, but counts beside the answer; a stream is JSON lines, the last has them.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

from outlay.integration import API, Answer, Bounds, Request, Stream, Total, UsageTable

_COUNTS = {"prompt_eval_count": "prompt_eval_count", "eval_count": "eval_count"}
_USAGE = UsageTable(totals=(Total(path="prompt_eval_count", rest="input"), Total(path="eval_count", rest="output")))

CHAT = API(
    name="ollama.chat",
    operation="chat",
    paths=("api/chat", "api/generate"),
    request=Request(limits=("options.num_predict",), bounds=Bounds(limit="options.num_predict", callers=("function",))),
    answer=Answer(
        id=(),
        usage=(),
        counts=_COUNTS,
        finish=("done_reason",),
        text=("message.content", "message.thinking", "response", "thinking"),
        tools={'"tool_calls"': ("message.tool_calls.*.function.name", "message.tool_calls.*.function.arguments")},
    ),
    stream=Stream(ends_with_usage=True),
    usage=_USAGE,
)

EMBED = API(
    name="ollama.embed",
    operation="embeddings",
    paths=("api/embed",),
    request=Request(bounds=Bounds(writes=False)),
    answer=Answer(id=(), usage=(), counts={"prompt_eval_count": "prompt_eval_count"}),
    usage=UsageTable(totals=(Total(path="prompt_eval_count", rest="input"),)),
)

APIS = (CHAT, EMBED)
