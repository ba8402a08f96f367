"""What a host's bill comes to, worked out apart from outlay: classes from the provider's terms, amounts from a list.

Prices: https://openai.com/api/pricing and https://docs.anthropic.com/en/docs/about-claude/pricing, read 2025-11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from outlay.loopback import Billed
from outlay.loopback.reply import Json

PRICES: Mapping[str, Mapping[str, int]] = {
    "gpt-4o-mini-2024-07-18": {"input": 150_000, "cache_read": 75_000, "output": 600_000},
    "gpt-3.5-turbo-instruct:20230824-v2": {"input": 1_500_000, "output": 2_000_000},
    "text-embedding-3-small": {"input": 20_000},
    "claude-haiku-4-5-20251001": {
        "input": 1_000_000,
        "cache_read": 100_000,
        "cache_write_5m": 1_250_000,
        "cache_write_1h": 2_000_000,
        "output": 5_000_000,
        "web_search": 10_000_000_000,
    },
}
"""Pico-USD a unit: a token at 0.15 USD the million is 150,000 of them."""


def classes(bill: Billed) -> dict[str, int]:
    """Return what was billed in disjoint classes, those that are zero left out."""
    divided = _DIVIDERS[bill.api](bill.usage)
    return {name: quantity for name, quantity in divided.items() if quantity}


def amount(bill: Billed) -> int:
    """Return what was billed, in pico-USD."""
    prices = PRICES[bill.model]
    return sum(quantity * prices[name] for name, quantity in classes(bill).items())


def thinking(bill: Billed) -> int:
    """Return how many of the billed output tokens were spent on thinking."""
    details = bill.usage.get("completion_tokens_details") or bill.usage.get("output_tokens_details") or {}
    return int(details.get("reasoning_tokens") or details.get("thinking_tokens") or 0)


def _completion(usage: Json) -> dict[str, int]:
    details = usage.get("prompt_tokens_details") or {}
    cached, written = details.get("cached_tokens", 0), details.get("cache_write_tokens", 0)
    fresh = usage["prompt_tokens"] - cached - written
    return {"input": fresh, "cache_read": cached, "cache_write_5m": written, "output": usage["completion_tokens"]}


def _response(usage: Json) -> dict[str, int]:
    details = usage["input_tokens_details"]
    cached, written = details["cached_tokens"], details.get("cache_write_tokens", 0)
    fresh = usage["input_tokens"] - cached - written
    return {"input": fresh, "cache_read": cached, "cache_write_5m": written, "output": usage["output_tokens"]}


def _embeddings(usage: Json) -> dict[str, int]:
    return {"input": usage["prompt_tokens"]}


def _message(usage: Json) -> dict[str, int]:
    return {
        "input": usage["input_tokens"],
        "cache_read": usage["cache_read_input_tokens"],
        "cache_write_5m": usage["cache_creation"]["ephemeral_5m_input_tokens"],
        "cache_write_1h": usage["cache_creation"]["ephemeral_1h_input_tokens"],
        "output": usage["output_tokens"],
        "web_search": usage.get("server_tool_use", {}).get("web_search_requests", 0),
    }


_DIVIDERS: Mapping[str, Callable[[Json], dict[str, int]]] = {
    "openai.chat": _completion,
    "openai.completions": _completion,
    "openai.responses": _response,
    "openai.embeddings": _embeddings,
    "anthropic.messages": _message,
}
