"""What the gateway says itself: errors in the shape of the API that its clients already know.

Law L11: neutral words and a reference, those of the gate beneath; no label of risk, no reporter, no reason.
"""

from __future__ import annotations

import msgspec

from answerable.errors import AnswerableError, default_message
from answerable.gateway.routes import Api, Talk
from answerable_gate.io.answers import Answer

# What the Messages API calls an error of a status.
_ANTHROPIC = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    413: "request_too_large", 415: "invalid_request_error", 503: "overloaded_error", 504: "timeout_error",
}  # fmt: skip
NO_ROUTE = Answer(status=404, kind="invalid_request_error", code="not_found", message="There is no such endpoint.")


def body_of(answer: Answer, api: Api) -> bytes:
    """Write the whole body as an API does."""
    if api == "openai":
        return answer.body
    kind = _ANTHROPIC.get(answer.status, "api_error")
    return msgspec.json.encode({"type": "error", "error": {**answer.error, "type": kind}})


def event_of(answer: Answer, api: Api, talk: Talk | None) -> bytes:
    """Write the last event of a stream that is cut."""
    # The Responses API names its events and has an error's members at the top; some clients look below `error`.
    if talk == "responses":
        told = {**answer.error, "type": "error", "error": answer.error}
        return b"event: error\ndata: " + msgspec.json.encode(told) + b"\n\n"
    return b"event: error\ndata: " + body_of(answer, api) + b"\n\n" if api == "anthropic" else answer.event


def fault(error: AnswerableError) -> Answer:
    """Say what went wrong; what is ours to mend keeps its detail to itself."""
    is_theirs = error.status < 500
    return Answer(
        status=error.status,
        kind="invalid_request_error" if is_theirs else "upstream_error",
        code=error.code,
        message=str(error) if is_theirs else default_message(type(error)),
    )
