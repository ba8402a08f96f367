"""Race 64 threads, or tasks, for a limit under LiteLLM's budgets: run by ``benchmarks.budgets`` where litellm is.

Each call costs the same and takes a fifth of a second. No network: the answers are LiteLLM's own mock responses.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

THREADS, CAP = 64, 1.0
CROSSED = "crossed budget"
"""What a Router's refusal says (``RouterErrors.no_deployments_available_over_budget``)."""
SMALL = 0.005
"""A cap for mock answers, which cost next to nothing."""


class Outcome:
    """What callers came to: what they spent, how many were refused for the budget, and what else went wrong."""

    def __init__(self) -> None:
        self.spent = 0.0
        self.refused = 0
        self.others: Counter[str] = Counter()
        """Exceptions that say nothing of a budget, by class: their callers stopped for another reason."""


def race(call: Callable[[], float | None]) -> Outcome:
    """Return what 64 threads come to until each was refused, or has made 20 calls."""
    found = Outcome()
    lock = threading.Lock()

    def work() -> None:
        for _ in range(20):
            cost = call()
            with lock:
                if cost is None:
                    found.refused += 1
                    return
                found.spent += cost

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def budget_manager() -> Outcome:
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


def router() -> Outcome:
    """Race 64 tasks under a Router with a provider's budget."""
    return asyncio.run(_router())


async def _router() -> Outcome:
    import litellm

    made = litellm.Router(
        model_list=[{"model_name": "m", "litellm_params": {"model": "openai/gpt-4o", "api_key": "none"}}],
        provider_budget_config={"openai": {"budget_limit": SMALL, "time_period": "1d"}},
        num_retries=0,
    )
    found = Outcome()

    async def work() -> None:
        for _ in range(20):
            asked = [{"role": "user", "content": "hi"}]
            try:
                answer = await made.acompletion(model="m", messages=asked, mock_response="word " * 2000, mock_delay=0.2)
            except Exception as error:  # noqa: BLE001 - its refusals are plain ValueErrors, told by their words alone
                if CROSSED in str(error):
                    found.refused += 1
                else:
                    found.others[type(error).__name__] += 1
                return
            found.spent += float(litellm.completion_cost(answer))
            await asyncio.sleep(0.05)  # its cost is added in a callback

    await asyncio.gather(*(work() for _ in range(THREADS)))
    return found


if __name__ == "__main__":
    os.chdir(tempfile.mkdtemp())  # the manager writes a file where it is
    print("| LiteLLM | limit | spent | of the limit | callers refused | other errors |\n|---|---|---|---|---|---|")
    for name, run, cap in (("BudgetManager", budget_manager, CAP), ("Router, provider_budget_config", router, SMALL)):
        found = run()
        others = ", ".join(f"{count} {kind}" for kind, count in found.others.items()) or "none"
        print(
            f"| {name} | ${cap} | ${found.spent:.4f} | {found.spent / cap:.2f}x | {found.refused} | {others} |",
            flush=True,
        )
