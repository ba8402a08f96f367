"""Tags and spans from whoever sends a Celery task to the worker that runs it, in the message's headers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from outlay.guard import guard
from outlay.middleware.parcel import pack, unpack

HEADER = "outlay"

_sending = guard("putting the context into a task's headers")
_starting = guard("taking up the context of a task")
_ending = guard("leaving the context of a task")


def install() -> None:
    """Carry tags and span from producers to workers; once in each, where the Celery application is made.

    Tasks run in the tags and below the span that they were sent in; so do their retries, and what they send in turn.
    """
    from celery import signals

    signals.before_task_publish.connect(_send, weak=False, dispatch_uid="outlay.send")
    signals.task_prerun.connect(_start, weak=False, dispatch_uid="outlay.start")
    signals.task_postrun.connect(_end, weak=False, dispatch_uid="outlay.end")


def uninstall() -> None:
    """Carry nothing any more."""
    from celery import signals

    signals.before_task_publish.disconnect(dispatch_uid="outlay.send")
    signals.task_prerun.disconnect(dispatch_uid="outlay.start")
    signals.task_postrun.disconnect(dispatch_uid="outlay.end")


def _send(headers: Any = None, **_: Any) -> None:
    with _sending:
        parcel = pack()
        if parcel is not None and isinstance(headers, dict):
            headers[HEADER] = parcel


def _start(task: Any = None, **_: Any) -> None:
    with _starting:
        request = task.request
        if request.is_eager:
            return  # it runs where it was called
        block = request.outlay_block = unpack(request.get(HEADER))
        block.__enter__()


def _end(task: Any = None, **_: Any) -> None:
    with _ending:
        block: AbstractContextManager[Any] | None = task.request.get("outlay_block")
        if block is not None:
            block.__exit__(None, None, None)
