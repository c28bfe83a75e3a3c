"""Headers on their way through: whom the request is for, what is passed on, what is not.

Law: an identity that stands twice is no identity; what the gateway alone is told never leaves it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from answerable.errors import BadInput
from answerable.gateway.asgi import Headers
from answerable.gateway.bodies import IDENTITY_LENGTH_MAX

CONVERSATION = b"x-answerable-conversation"
# Where a request has no body, or none that is read, the body's identity stands here.
SAFETY_IDENTIFIER = b"openai-safety-identifier"
NOT_IN_FORCE = b"x-answerable-not-in-force"

# RFC 9110 section 7.6.1, and the older names of the same.
HOP_BY_HOP = frozenset((
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade",
))  # fmt: skip
# Written anew for the next connection, or answered here.
_OURS = frozenset((b"host", b"expect", CONVERSATION))
# Where a request came from is known to the operator's own servers, and no business of the model's host.
_ORIGINS = frozenset((
    b"cf-connecting-ip", b"forwarded", b"true-client-ip", b"via", b"x-client-ip", b"x-forwarded-by", b"x-forwarded-for",
    b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-proto", b"x-forwarded-server",
    b"x-real-ip",
))  # fmt: skip
# By which some servers read another path or method than the one that was judged.
_OTHER_REQUESTS = frozenset((
    b"x-forwarded-uri", b"x-http-method", b"x-http-method-override", b"x-method-override", b"x-original-method",
    b"x-original-uri", b"x-original-url", b"x-rewrite-url",
))  # fmt: skip
_NEVER = HOP_BY_HOP | _OURS | _ORIGINS | _OTHER_REQUESTS
# The server that hands an answer over writes its own date, as it must where there is none: it would stand twice.
_ANSWERED = HOP_BY_HOP | {b"date"}
# With a key of the operator's own, nothing that speaks for the caller may reach the upstream.
CREDENTIALS = frozenset((
    b"authorization", b"api-key", b"x-api-key", b"cookie", b"openai-organization", b"openai-project",
))  # fmt: skip

# Written anew by the client of the next connection.
HANDSHAKE = frozenset((
    b"sec-websocket-accept", b"sec-websocket-extensions", b"sec-websocket-key", b"sec-websocket-protocol",
    b"sec-websocket-version",
))  # fmt: skip

_VISIBLE = re.compile(r"[\x21-\x7e]{1,128}")


def identity_in(headers: Headers, name: bytes) -> str | None:
    """Give the identity that the trusted header names; raise BadInput where it stands twice."""
    found = [value for key, value in headers if key == name]
    if not found:
        return None
    # A comma is how a front server joins a header that its client sent with its own (RFC 9110 section 5.3).
    if len(found) > 1 or b"," in found[0]:
        raise BadInput("The identity header stands more than once.")
    try:
        identity = found[0].decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise BadInput("The identity header is not UTF-8.") from error
    if len(identity) > IDENTITY_LENGTH_MAX:
        raise BadInput(f"The identity header is longer than {IDENTITY_LENGTH_MAX} characters.")
    return identity or None


def conversation_of(named: bytes | None) -> str | None:
    """Give the conversation that the operator named, None where it is absent or no token."""
    found = (named or b"").decode("latin-1")
    return found if _VISIBLE.fullmatch(found) else None


def kind_of(headers: Headers) -> bytes:
    """Give the type of a body in small letters, all of them where there is more than one."""
    return b",".join([value for key, value in headers if key == b"content-type"]).lower()


def requested(headers: Headers, drop: Collection[bytes]) -> list[tuple[str, str]]:
    """Give a request's headers as they are passed on, without `drop`."""
    gone = _hops(headers, _NEVER)
    try:
        return [
            (key.decode("ascii"), value.decode("utf-8"))
            for key, value in headers
            if key not in gone and key not in drop
        ]
    except UnicodeDecodeError as error:
        raise BadInput("A header is not UTF-8.") from error


def answered(headers: Collection[tuple[bytes, bytes]]) -> Headers:
    """Give a response's headers as they are passed back."""
    lowered = [(key.lower(), value) for key, value in headers]
    gone = _hops(lowered, _ANSWERED)
    return [pair for pair in lowered if pair[0] not in gone]


def _hops(headers: Headers, always: frozenset[bytes]) -> frozenset[bytes]:
    named = [value for key, value in headers if key == b"connection"]
    if not named:
        return always
    return always | {token.strip().lower() for value in named for token in value.split(b",")}
