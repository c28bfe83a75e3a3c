"""Problems: the one place where an error or a refusal becomes a problem document (RFC 9457).

Law: expected refusals carry their code; what is ours to mend keeps its detail to itself.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from answerable.core.facts import Refused
from answerable.errors import AnswerableError, problem

PROBLEM = "application/problem+json"
_STATUS_OF_REFUSAL = {"not_authorised": 403, "not_found": 404}
_CONFLICT = 409

_log = logging.getLogger("answerable.api")


class RefusedError(AnswerableError):
    """An expected refusal on its way to the one place where problems are written."""

    def __init__(self, refused: Refused) -> None:
        """Take what the core returned."""
        super().__init__(refused.reason)
        self.code = refused.code
        self.status = _STATUS_OF_REFUSAL.get(refused.code, _CONFLICT)


def document(error: Exception) -> dict[str, str | int]:
    """Return the problem document of anything that went wrong."""
    if isinstance(error, HTTPException):
        phrase = HTTPStatus(error.status_code).phrase
        code = phrase.lower().replace(" ", "_")
        return {"type": "about:blank", "title": phrase, "status": error.status_code, "detail": phrase, "code": code}
    found = problem(error)
    if int(found["status"]) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("a request failed: %s", error, exc_info=error)
    return found


async def respond(_request: Request, error: Exception) -> Response:
    """Answer a request that went wrong."""
    found = document(error)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if found["status"] == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        msgspec.json.encode(found), status_code=int(found["status"]), headers=headers, media_type=PROBLEM
    )
