"""The application of ``outlay demo``: a support bot as anyone might write it, with outlay's ``track`` and ``tags``.

Two features, three users, threads and asyncio, OpenAI and Anthropic, and an agent that never ends. What the model hosts
are to do (cached prompts, thinking, a 429, a slow stream, one that breaks) is asked for by a header that only the
loopback hosts know.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import openai

import outlay

USERS = ("u-17", "u-42", "u-99")
QUESTIONS = (
    "Where is my parcel?",
    "How do I return a pair of shoes that I bought as a present?",
    "Do you ship to Norway, and what does it cost?",
)
HANDBOOK = (
    "You are the friendly voice of a small shoe shop. Parcels take three days, returns are free for a month. " * 95
)
"""1,900 words: prompts of this size are cached by both providers."""


class Bot:
    """Answer questions with OpenAI, summarise conversations with Anthropic."""

    def __init__(self, openai_url: str, anthropic_url: str) -> None:
        self.openai = openai.OpenAI(base_url=openai_url, api_key="no-key-needed", max_retries=2)
        self.async_openai = openai.AsyncOpenAI(base_url=openai_url, api_key="no-key-needed", max_retries=2)
        self.anthropic = anthropic.Anthropic(base_url=anthropic_url, api_key="no-key-needed", max_retries=2)

    @outlay.track(feature="answer")
    def answer(self, question: str, host_does: str, patience: int | None = None) -> str:
        """Answer a customer, word by word; one without patience hangs up after so many words."""
        words: list[str] = []
        with self.openai.chat.completions.create(
            model="gpt-4o-mini",
            messages=_prompt(question),
            max_completion_tokens=400,
            stream=True,
            extra_headers={"x-loopback": host_does},
        ) as stream:
            try:
                for chunk in stream:
                    words += [choice.delta.content or "" for choice in chunk.choices]
                    if len(words) == patience:
                        break
            except openai.APIError:
                words.append(" … one moment, please.")  # what an application does when a stream breaks
        return "".join(words)

    @outlay.track(feature="answer")
    async def think(self, question: str, host_does: str) -> str:
        """Answer a hard question with a model that thinks first."""
        answer = await self.async_openai.responses.create(
            model="o4-mini", input=question, extra_headers={"x-loopback": host_does}
        )
        return answer.output_text

    @outlay.track(feature="summarise")
    def summarise(self, conversation: str, host_does: str) -> str:
        """Summarise a conversation for the records."""
        message = self.anthropic.messages.create(
            model="claude-haiku-4-5",
            max_tokens=300,
            system=HANDBOOK,
            messages=[{"role": "user", "content": conversation}],
            extra_headers={"x-loopback": host_does},
        )
        return "".join(block.text for block in message.content if block.type == "text")

    @outlay.track(feature="research")
    def research(self) -> outlay.BudgetExceeded:
        """Look for the best shoe, as an agent that is never content; return what stopped it."""
        found = "Which of our shoes is the best?"
        while True:
            try:
                answer = self.openai.chat.completions.create(
                    model="gpt-4o",
                    messages=[{"role": "user", "content": f"Is that so? {found}"}],
                    max_completion_tokens=200,
                    extra_headers={"x-loopback": "output=150"},
                )
            except outlay.BudgetExceeded as refusal:
                return refusal
            found = (answer.choices[0].message.content or "")[:100]

    def serve(self, user: str) -> None:
        """Serve one customer: a few questions, then a summary."""
        with outlay.tags(user=user):
            for question, script in zip(QUESTIONS, ANSWERS[user], strict=True):
                self.answer(question, script, patience=4 if (user, question) == IMPATIENT else None)
            self.summarise(" ".join(QUESTIONS), SUMMARIES[user])

    async def serve_hard_questions(self) -> None:
        """Let three customers ask what takes thought, all at once."""

        async def one(user: str) -> None:
            with outlay.tags(user=user):
                await self.think(QUESTIONS[1], "output=1350+reasoning=1200")

        await asyncio.gather(*(one(user) for user in USERS))
        await self.async_openai.close()


IMPATIENT = ("u-99", QUESTIONS[2])
ANSWERS = {
    "u-17": ("output=120", "429,cache_read=1792+input=1915+output=240", "cache_read=1792+input=1912+output=90"),
    "u-42": ("slow=0.02+output=140", "cache_read=1792+input=1915+output=310", "error=4+output=80"),
    "u-99": ("output=80", "cache_read=1792+input=1915+output=150", "output=160"),
}
"""What the host is to do at each question; the words of a prompt are its tokens where ``input`` says nothing else."""
SUMMARIES = {
    "u-17": "input=1926+cache_write=1900+output=180",
    "u-42": "529,input=1926+cache_read=1900+output=210",
    "u-99": "input=1926+cache_read=1900+output=170",
}


def _prompt(question: str) -> Any:
    return [{"role": "system", "content": HANDBOOK}, {"role": "user", "content": question}]


BUDGET = outlay.Budget("agent run", limit="0.01", per="run", where={"feature": "research"}, block=True)


def run(openai_url: str, anthropic_url: str) -> outlay.BudgetExceeded:
    """Serve three customers in threads, then their hard questions in asyncio; then let the agent run into its limit."""
    bot = Bot(openai_url, anthropic_url)
    with outlay.track("support shift"), ThreadPoolExecutor(max_workers=3) as pool:
        list(pool.map(outlay.carry(bot.serve), USERS))
        asyncio.run(bot.serve_hard_questions())
    return bot.research()
