"""What the gateway says itself: errors in the shape of the API that its clients already know.

Law L11: neutral words and a reference; no label of risk, no reporter, no reason beyond the reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from answerable.errors import AnswerableError, default_message
from answerable.gateway.routes import Api, Talk
from answerable_gate import Verdict

RETRY_AFTER_S = 5
# What the operator's own parts did not know of an account.
_OURS = frozenset(("contact", "entry"))
# What the Messages API calls an error of a status.
_ANTHROPIC = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    413: "request_too_large", 415: "invalid_request_error", 503: "overloaded_error", 504: "timeout_error",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An error as the API writes it; `kind` is what the API calls the type."""

    status: int
    kind: str
    code: str
    message: str
    param: str | None = None

    def body(self, api: Api = "openai") -> bytes:
        """Write the whole body as an API does."""
        if api == "anthropic":
            kind = _ANTHROPIC.get(self.status, "api_error")
            error = {"type": kind, "message": self.message, "code": self.code, "param": self.param}
            return msgspec.json.encode({"type": "error", "error": error})
        error = {"message": self.message, "type": self.kind, "code": self.code, "param": self.param}
        return msgspec.json.encode({"error": error})

    def event(self, api: Api = "openai", talk: Talk | None = None) -> bytes:
        """Write the last event of a stream that is cut."""
        # The Responses API names its events and has an error's members at the top; some clients look below `error`.
        if talk == "responses":
            told = {"type": "error", "code": self.code, "message": self.message, "param": self.param}
            error = {"message": self.message, "type": self.kind, "code": self.code, "param": self.param}
            return b"event: error\ndata: " + msgspec.json.encode({**told, "error": error}) + b"\n\n"
        name = b"event: error\n" if api == "anthropic" else b""
        return name + b"data: " + self.body(api) + b"\n\n"


def refusal(verdict: Verdict) -> Answer:
    """Say that the gate refuses."""
    if verdict.ground == "model":
        return _restricted("model_not_available", "This model is not available for this account.", verdict, "model")
    if verdict.ground == "level":
        return _restricted("account_restricted", "Access is restricted for this account.", verdict)
    return NOT_READY if _OURS.intersection(verdict.not_known) else NO_IDENTITY


def not_here(verdict: Verdict) -> Answer:
    """Say that a route is closed where what applies can only be carried on another one."""
    sentence = "This endpoint is not available for this account."
    return _unsaid(verdict) or _restricted("route_not_available", sentence, verdict)


def withheld(verdict: Verdict, param: str) -> Answer:
    """Say that a part of a request asks for what a limit withholds."""
    sentence = "This part of the request is not available for this account."
    return _unsaid(verdict) or _restricted("feature_not_available", sentence, verdict, param)


def shielded(verdict: Verdict) -> Answer:
    """Say that an answer is not given, where it would hold a shielded name; it says no more than that."""
    return _restricted("content_not_available", "This content is not available for this account.", verdict)


def fault(error: AnswerableError) -> Answer:
    """Say what went wrong; what is ours to mend keeps its detail to itself."""
    is_theirs = error.status < 500
    return Answer(
        status=error.status,
        kind="invalid_request_error" if is_theirs else "upstream_error",
        code=error.code,
        message=str(error) if is_theirs else default_message(type(error)),
    )


NO_IDENTITY = Answer(
    status=403,
    kind="access_restricted",
    code="identity_required",
    message="This request does not say for which account it is made.",
)
# 503 and not 403: no account is restricted here, and clients try again by themselves.
NOT_READY = Answer(
    status=503, kind="service_unavailable", code="not_ready", message="This service cannot answer this yet; try again."
)
NO_ROUTE = Answer(status=404, kind="invalid_request_error", code="not_found", message="There is no such endpoint.")


def _unsaid(verdict: Verdict) -> Answer | None:
    """Say what is not known, where no account is restricted by its own entry."""
    if _OURS.intersection(verdict.not_known) and verdict.reason_ref is None:
        return NOT_READY
    return NO_IDENTITY if "identity" in verdict.not_known else None


def _restricted(code: str, sentence: str, verdict: Verdict, param: str | None = None) -> Answer:
    said = [sentence]
    if verdict.review_by is not None:
        said.append(f"This is looked at again by {verdict.review_by.date().isoformat()}.")
    object_to = "You can object: write to the operator of this service"
    said.append(f"{object_to} and give the reference {verdict.reason_ref}." if verdict.reason_ref else f"{object_to}.")
    return Answer(status=403, kind="access_restricted", code=code, message=" ".join(said), param=param)
