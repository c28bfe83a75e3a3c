"""For whom a request is: the trusted header, a verified token, a known key, and only then what the body says.

Law: a credential that is doubtful, forged or expired names nobody and is refused; it never reads as no credential.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from answerable.errors import BadInput, NotAuthenticated
from answerable.gateway.asgi import Headers
from answerable.gateway.bodies import IDENTITY_LENGTH_MAX, Members, identity_of
from answerable.gateway.headers import SAFETY_IDENTIFIER, identity_in
from answerable.gateway.routes import Api
from answerable_gate import Request

AUTHORIZATION = b"authorization"
# Where official clients put a key, besides `authorization`.
_KEY_HEADERS = (b"x-api-key", b"api-key")
_HASH = re.compile(r"[0-9a-f]{64}")
_BEARER = "bearer "


class Caller(NamedTuple):
    """Who called: `identity` is settled, or the body may name one, below `tenant` where there is one."""

    identity: str | None = None
    tenant: str | None = None


class Key(NamedTuple):
    """Whose an API key is: of one account, or of a tenant that names its own end users."""

    kind: Literal["user", "tenant"]
    name: str


def read_keys(text: str) -> dict[bytes, Key]:
    """Read a line for each key: the SHA-256 of its characters in hex, `user` or `tenant`, a name; raise ValueError."""
    keys: dict[bytes, Key] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        written, kind, name = (*line.split(maxsplit=2), "", "")[:3]
        if not _HASH.fullmatch(written) or kind not in ("user", "tenant") or not 0 < len(name) <= IDENTITY_LENGTH_MAX:
            raise ValueError(f"line {number} is not a hash, 'user' or 'tenant', and a name")
        if kind == "tenant" and "/" in name:  # else one tenant's end user could be named as another's
            raise ValueError(f"line {number} has a tenant with '/' in its name")
        digest = bytes.fromhex(written)
        if digest in keys:
            raise ValueError(f"line {number} has a key that is there already")
        keys[digest] = Key("user" if kind == "user" else "tenant", name.strip())
    return keys


class Tokens(Protocol):
    """Verifies tokens."""

    async def subject(self, token: str, *, now: datetime) -> str:
        """Give for whom a token was issued; raise NotAuthenticated where it does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Where this gateway looks; keys stand under the SHA-256 of their characters."""

    header: bytes
    tokens: Tokens | None = None
    token_header: bytes = AUTHORIZATION
    keys: Mapping[bytes, Key] = field(default_factory=dict)
    trusts_body: bool = True
    trusts_header: bool = True

    @property
    def ours(self) -> tuple[bytes, ...]:
        """The headers that are said to this gateway alone."""
        return (self.header,) if self.tokens is None else (self.header, self.token_header)

    def led(self, headers: Headers) -> str | None:
        """Give whom a front server names in the trusted header; raise BadInput where that is doubtful."""
        return identity_in(headers, self.header) if self.trusts_header else None

    async def named(self, headers: Headers, *, now: datetime) -> Caller:
        """Read the headers; raise BadInput where they are doubtful, NotAuthenticated where a credential is wrong."""
        identity = self.led(headers)
        if identity is not None:
            return Caller(identity)
        if self.tokens is not None:
            token = _credential(headers, (self.token_header,))
            # Where both come in one header, a token is known by its two dots.
            if token is not None and not (self.keys and self.token_header == AUTHORIZATION and token.count(".") != 2):
                return Caller(await self.tokens.subject(token, now=now))
        if self.keys:
            key = _credential(headers, (AUTHORIZATION, *_KEY_HEADERS))
            if key is not None:
                return self._of_key(key)
        return Caller()

    def said(self, caller: Caller, headers: Headers, members: Members | None, api: Api) -> str | None:
        """Give the identity at last: what is settled, else what the request itself says, below its tenant."""
        if caller.identity is not None:
            return caller.identity
        # Else leaving the credential out would make of a caller whomever he names.
        is_heard = self.trusts_body and (caller.tenant is not None or (self.tokens is None and not self.keys))
        told = identity_of(members, api) if is_heard and members is not None else None
        if told is None and is_heard:
            told = identity_in(headers, SAFETY_IDENTIFIER)
        if caller.tenant is None:
            return told
        # Below its tenant, so that no tenant can speak as another's user; and never wider than the one who asks.
        identity = f"{caller.tenant}/{told}" if told is not None else caller.tenant
        if len(identity) > IDENTITY_LENGTH_MAX:
            raise BadInput("The identity is too long.")
        return identity

    def asks(self, caller: Caller, headers: Headers, members: Members | None, api: Api) -> Request:
        """Give the request as a gate judges it, with the tenant below which its end user is named."""
        identity = self.said(caller, headers, members, api)
        tenant = caller.tenant if identity != caller.tenant else None
        return Request(identity=identity, model=None, tools=None, tenant=tenant)

    def _of_key(self, key: str) -> Caller:
        known = self.keys.get(hashlib.sha256(key.encode()).digest())
        if known is None:
            raise NotAuthenticated("This key is not known here.")
        return Caller(known.name) if known.kind == "user" else Caller(None, known.name)


def _credential(headers: Headers, places: tuple[bytes, ...]) -> str | None:
    found: set[str] = set()
    for place in places:
        values = [value for name, value in headers if name == place]
        if len(values) > 1:
            raise BadInput("A credential stands more than once.")
        if values:
            found.add(_bare(values[0]))
    if len(found) > 1:
        raise BadInput("Two credentials came with the request.")
    return next(iter(found), None)


def _bare(value: bytes) -> str:
    try:
        text = value.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise NotAuthenticated("The credential is not ASCII.") from error
    return text[len(_BEARER) :].strip() if text.lower().startswith(_BEARER) else text
