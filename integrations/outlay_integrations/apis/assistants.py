"""Runs of OpenAI's assistants: a run counts, once, when it has ended, whoever polls it or streams it.

A run that waits for its tools goes on with the request that hands in what they gave. Steps tell usage as well, which
is the run's in parts: the run's own comes last.
Reference: https://platform.openai.com/docs/api-reference/runs
"""

from __future__ import annotations

from msgspec.structs import replace

from outlay.integration import API, Answer, Request, Stream
from outlay_integrations.apis.openai import CHAT

RUNS = API(
    name="openai.runs",
    operation="invoke_agent",
    paths=("threads/*/runs", "threads/runs", "threads/*/runs/*/submit_tool_outputs"),
    polls=("threads/*/runs/*",),
    resumes=("threads/*/runs/*/submit_tool_outputs",),
    estimable=False,
    request=Request(limits=("max_completion_tokens",)),
    answer=Answer(
        id=("run_id", "id"),
        status=("status",),
        error=("last_error",),
        finish=("incomplete_details.reason",),
        deferred=True,
        created=("created_at",),
        running=("queued", "in_progress", "requires_action", "cancelling"),
    ),
    stream=Stream(),
    usage=replace(CHAT.usage, totals=CHAT.usage.totals),
)

APIS = (RUNS,)
