"""Two features, three users, a pool of threads: afterwards it is known who spent what.

Run it with OPENAI_API_KEY set, or without: then a model host on this machine answers. Then try
``outlay report --by user,feature --where project=who-spent-it``.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

import outlay
from outlay.loopback import ModelHost

MODEL = "gpt-4o-mini"


@outlay.track(feature="answer")
def answer(client: openai.OpenAI, question: str) -> str:
    """Answer one question."""
    messages: Any = [{"role": "user", "content": question}]
    return client.chat.completions.create(model=MODEL, messages=messages).choices[0].message.content or ""


@outlay.track(feature="translate")
def translate(client: openai.OpenAI, text: str) -> str:
    """Translate an answer, as it comes."""
    messages: Any = [{"role": "user", "content": f"Into French: {text}"}]
    stream = client.chat.completions.create(model=MODEL, messages=messages, stream=True)
    return "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)


def serve(client: openai.OpenAI, user: str) -> None:
    """Serve one user: every call inside carries the tag."""
    with outlay.tags(user=user), outlay.track("serve") as span:
        translate(client, answer(client, "Do you ship to Norway?"))
    print(f"{user}: {span.calls} calls, {span.usage.total_tokens} tokens, {span.cost:f} USD")


def main(client: openai.OpenAI) -> None:
    """Serve three users at once."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda user: serve(client, user), ("u-17", "u-42", "u-99")))


if os.environ.get("OPENAI_API_KEY"):
    outlay.init(project="who-spent-it")
    main(openai.OpenAI())
else:
    with ModelHost() as host:
        outlay.init(project="who-spent-it", hosts={"127.0.0.1": "openai"})
        main(openai.OpenAI(base_url=host.openai_url, api_key="no-key-needed"))
