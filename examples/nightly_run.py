"""A nightly run that knows what it has cost so far, and ends when that is enough.

Run it with OPENAI_API_KEY set, or without: then a model host on this machine answers.
"""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal

import openai

import outlay
from outlay.loopback import ModelHost

ENOUGH = Decimal("0.0001")
DOCUMENTS = [f"The minutes of meeting {number}: we met, and will meet again." for number in range(200)]


@outlay.track(feature="summarise")
async def summarise(client: openai.AsyncOpenAI, document: str) -> str:
    """Summarise one document."""
    answer = await client.responses.create(model="gpt-4o-mini", input=f"Summarise: {document}", max_output_tokens=60)
    return answer.output_text


async def run(client: openai.AsyncOpenAI) -> None:
    """Summarise ten documents at a time: the span's cost is right as soon as they have returned."""
    with outlay.track("nightly") as night:
        for first in range(0, len(DOCUMENTS), 10):
            await asyncio.gather(*(summarise(client, document) for document in DOCUMENTS[first : first + 10]))
            if night.cost >= ENOUGH or night.cost.unpriced_calls:
                break
    await client.close()
    print(f"{night.calls} of {len(DOCUMENTS)} documents for {night.cost:f} USD")
    print(f"{night.cost.unpriced_calls} calls are not in it: nobody knows their price")


if os.environ.get("OPENAI_API_KEY"):
    outlay.init(project="nightly")
    asyncio.run(run(openai.AsyncOpenAI()))
else:
    with ModelHost() as host:
        outlay.init(project="nightly", hosts={"127.0.0.1": "openai"})
        asyncio.run(run(openai.AsyncOpenAI(base_url=host.openai_url, api_key="no-key-needed")))
