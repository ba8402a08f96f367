"""Race 64 threads, or tasks, for a limit under LiteLLM's budgets: run by ``benchmarks.budgets`` where litellm is.

Each call costs the same and takes a fifth of a second. No network: the answers are LiteLLM's own mock responses.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

THREADS, CAP = 64, 1.0
SMALL = 0.005
"""A cap for mock answers, which cost next to nothing."""


def race(call: Callable[[], float | None]) -> float:
    """Return the USD that 64 threads spend until each was refused, or has made 20 calls."""
    spent = []

    def work() -> None:
        for _ in range(20):
            cost = call()
            if cost is None:
                return
            spent.append(cost)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(spent)


def budget_manager() -> float:
    """Race under a ``BudgetManager``: ask for the cost so far, call, add."""
    import litellm

    manager = litellm.BudgetManager(project_name="race", client_type="local")
    manager.create_budget(total_budget=CAP, user="u")
    answer = litellm.ModelResponse(model="gpt-4o", usage=litellm.Usage(prompt_tokens=1000, completion_tokens=2000))
    price = litellm.completion_cost(answer)

    def call() -> float | None:
        if manager.get_current_cost("u") + price > manager.get_total_budget("u"):
            return None
        time.sleep(0.2)
        manager.update_cost(user="u", completion_obj=answer)
        return float(price)

    return race(call)


def router() -> float:
    """Race 64 tasks under a Router with a provider's budget."""
    return asyncio.run(_router())


async def _router() -> float:
    import litellm

    made = litellm.Router(
        model_list=[{"model_name": "m", "litellm_params": {"model": "openai/gpt-4o", "api_key": "none"}}],
        provider_budget_config={"openai": {"budget_limit": SMALL, "time_period": "1d"}},
        num_retries=0,
    )
    spent: list[float] = []

    async def work() -> None:
        for _ in range(20):
            asked = [{"role": "user", "content": "hi"}]
            try:
                answer = await made.acompletion(model="m", messages=asked, mock_response="word " * 2000, mock_delay=0.2)
            except Exception:  # noqa: BLE001 - whatever it raises, the call was refused
                return
            spent.append(float(litellm.completion_cost(answer)))
            await asyncio.sleep(0.05)  # its cost is added in a callback

    await asyncio.gather(*(work() for _ in range(THREADS)))
    return sum(spent)


if __name__ == "__main__":
    os.chdir(tempfile.mkdtemp())  # the manager writes a file where it is
    print("| LiteLLM | limit | spent | of the limit |\n|---|---|---|---|")
    for name, run, cap in (("BudgetManager", budget_manager, CAP), ("Router, provider_budget_config", router, SMALL)):
        spent = run()
        print(f"| {name} | ${cap} | ${spent:.4f} | {spent / cap:.2f}x |", flush=True)
