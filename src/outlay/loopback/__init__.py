"""A model host on this machine that speaks OpenAI's and Anthropic's wire formats, and misbehaves on demand.

``outlay demo``, ``outlay doctor`` and the tests call it through the real SDKs::

    with ModelHost() as host:
        host.script("429", "ok")
        client = openai.OpenAI(base_url=host.openai_url, api_key="none")
        ...
        assert host.billed[0].usage["prompt_tokens"] == 11
"""

from outlay.loopback.behaviour import BEFORE_HEADERS, MISSING, Behaviour, SseForm
from outlay.loopback.connection import Received
from outlay.loopback.delivery import cut_randomly
from outlay.loopback.host import Billed, ModelHost
from outlay.loopback.reply import Reply, Tokens, ToolCall

__all__ = [
    "BEFORE_HEADERS",
    "MISSING",
    "Behaviour",
    "Billed",
    "ModelHost",
    "Received",
    "Reply",
    "SseForm",
    "Tokens",
    "ToolCall",
    "cut_randomly",
]
