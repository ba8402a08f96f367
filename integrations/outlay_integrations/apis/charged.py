"""What OpenRouter says that it charged, in whichever maker's format it is asked.

With a key of one's own that is its fee alone, and what the maker of the model charges stands beside it; without one,
the same amount stands there twice.
Reference: https://openrouter.ai/docs/use-cases/usage-accounting
"""

from __future__ import annotations

CHARGED = "cost + cost_details.upstream_inference_cost ? is_byok"
