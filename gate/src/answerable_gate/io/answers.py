"""What a client is told where the gate refuses, by whichever way in it came.

Law L11: never a level, a label or a reporter; a reference, the date of the next look, and how to object.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from answerable_gate.judge import Verdict

RETRY_AFTER_S = 5
# What the operator's own parts did not know of an account.
_OURS = frozenset(("contact", "entry"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP status, and an error as the OpenAI API writes it."""

    status: int
    kind: str
    code: str
    message: str
    param: str | None = None

    @property
    def error(self) -> dict[str, str | None]:
        """The error without the object around it."""
        return {"message": self.message, "type": self.kind, "code": self.code, "param": self.param}

    @property
    def body(self) -> bytes:
        """The whole body."""
        return json.dumps({"error": self.error}, separators=(",", ":")).encode()

    @property
    def event(self) -> bytes:
        """The last event of a stream that is cut."""
        return b"data: " + self.body + b"\n\n"


def refusal(verdict: Verdict) -> Answer:
    """Say that the gate refuses."""
    if verdict.ground == "model":
        return _restricted("model_not_available", "This model is not available for this account.", verdict, "model")
    if verdict.ground == "level":
        return _restricted("account_restricted", "Access is restricted for this account.", verdict)
    if verdict.ground is None:  # it limits, and the program does not carry it
        return not_here(verdict)
    return NOT_READY if _OURS.intersection(verdict.not_known) else NO_IDENTITY


def not_here(verdict: Verdict) -> Answer:
    """Say that something is closed where what applies cannot be carried."""
    sentence = "This endpoint is not available for this account."
    return _unsaid(verdict) or _restricted("route_not_available", sentence, verdict)


def withheld(verdict: Verdict, param: str) -> Answer:
    """Say that a part of a request asks for what a limit withholds."""
    sentence = "This part of the request is not available for this account."
    return _unsaid(verdict) or _restricted("feature_not_available", sentence, verdict, param)


def shielded(verdict: Verdict) -> Answer:
    """Say that an answer is not given, where it would hold a shielded name; it says no more than that."""
    return _restricted("content_not_available", "This content is not available for this account.", verdict)


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
DOUBTFUL = Answer(
    status=400, kind="invalid_request_error", code="bad_input", message="The identity header stands more than once."
)


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
