"""Who is asking: an operator's machine, a member of staff, or a gate; by bearer token or by signature.

Law: a request without proof of who sent it changes nothing, and comparing proofs tells nothing by its time.
"""

from __future__ import annotations

import binascii

from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.requests import Request

from answerable.api.state import inlet
from answerable.config import Operator, Scope, Staff, is_token, operator_by_token, staff_by_token
from answerable.core.facts import StaffId
from answerable.errors import NotAuthenticated, NotAuthorised

_SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")


def bearer(request: Request) -> str | None:
    """Return the bearer token of a request."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


def staff_of(request: Request) -> StaffId:
    """Return which member of staff is asking."""
    person: Staff | None = staff_by_token(inlet(request).config, bearer(request) or "")
    if person is None:
        raise NotAuthenticated
    return StaffId(person.id)


def operator_of(request: Request, scope: Scope, body: bytes | None = None) -> Operator:
    """Return which machine is asking; a signature needs the `body` that it signs."""
    token = bearer(request)
    config = inlet(request).config
    operator = operator_by_token(config, token) if token is not None else _signer(request, body)
    if operator is None:
        raise NotAuthenticated
    if scope not in operator.scopes:
        raise NotAuthorised(f"this token may not send {scope}")
    return operator


def is_signed(request: Request) -> bool:
    """Tell whether a request says that it is signed (Standard Webhooks)."""
    return any(name in request.headers for name in _SIGNED)


def is_signed_with(request: Request, body: bytes, secret: str) -> bool:
    """Tell whether a body was signed with a secret, not longer than five minutes ago (Standard Webhooks)."""
    return _is_signed_by(secret, body, {name: request.headers.get(name, "") for name in _SIGNED})


def require_gate(request: Request) -> None:
    """Raise where it is not a gate that is asking."""
    token = bearer(request) or ""
    # All are compared, so that time does not tell which one it was near.
    if sum(is_token(token, expected) for expected in inlet(request).gate_tokens) == 0:
        raise NotAuthenticated


def _signer(request: Request, body: bytes | None) -> Operator | None:
    if body is None or not is_signed(request):
        return None
    found = inlet(request)
    headers = {name: request.headers.get(name, "") for name in _SIGNED}
    signers = [one for one in found.config.operators if one.id in found.webhook_secrets]
    matching = [one for one in signers if _is_signed_by(found.webhook_secrets[one.id], body, headers)]
    return matching[0] if matching else None


def _is_signed_by(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError, binascii.Error):
        # The library parses the header before it compares: broken base64 or a missing comma arrive as ValueError.
        return False
    return True
