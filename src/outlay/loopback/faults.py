"""Errors as the two providers write them, whole answers and events in mid-stream.

https://platform.openai.com/docs/guides/error-codes and https://docs.anthropic.com/en/api/errors.
"""

from __future__ import annotations

from collections.abc import Mapping

from outlay.loopback.reply import Json
from outlay.loopback.turn import Event

MESSAGES: Mapping[int, str] = {
    429: "Rate limit reached for requests.",
    500: "The server had an error while processing your request.",
    503: "The engine is currently overloaded, please try again later.",
    529: "Overloaded",
}

OPENAI_TYPES: Mapping[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", None),
    404: ("invalid_request_error", None),
    429: ("requests", "rate_limit_exceeded"),
}
ANTHROPIC_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def openai_error(status: int, message: str | None) -> Json:
    """Build OpenAI's error object."""
    kind, code = OPENAI_TYPES.get(status, ("server_error", None))
    return {"error": {"message": message or _message(status), "type": kind, "param": None, "code": code}}


def anthropic_error(status: int, message: str | None, request_id: str | None = None) -> Json:
    """Build Anthropic's error object."""
    error = {"type": ANTHROPIC_TYPES.get(status, "api_error"), "message": message or _message(status)}
    return {"type": "error", "error": error} | ({"request_id": request_id} if request_id else {})


def vllm_refusal(keys: list[str]) -> Json:
    """Build the 400 of a server that does not know a parameter, as vLLM's OpenAI-compatible server wrote it."""
    details = [
        {"type": "extra_forbidden", "loc": ("body", key), "msg": "Extra inputs are not permitted"} for key in keys
    ]
    return {"object": "error", "message": str(details), "type": "BadRequestError", "param": None, "code": 400}


def error_event(api: str, number: int) -> Event:
    """Build the event by which an API breaks off a stream; ``number`` is the event's place in it."""
    if api == "anthropic.messages":
        return "error", anthropic_error(529, None)
    if api == "openai.responses":
        failed = {"type": "error", "code": "server_error", "message": _message(500), "param": None}
        return "error", failed | {"sequence_number": number}
    return None, openai_error(500, None)


def _message(status: int) -> str:
    return MESSAGES.get(status, f"Loopback error {status}.")
