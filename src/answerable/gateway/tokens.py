"""Tokens of the operator's own sign-in: verified once, remembered until they expire, under keys that are fetched anew.

Law: only the algorithms, the issuer and the audience that the operator named; a key that is not known verifies nothing.
Keys are read beside the requests: a sign-in that hangs delays nobody whose key is known, and others by a second.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from answerable.errors import AnswerableError, NotAuthenticated
from answerable.gateway.bodies import IDENTITY_LENGTH_MAX
from answerable.gateway.recorder import report

LEEWAY_S = 30
REMEMBERED_MAX = 50_000
# So that a key that was withdrawn, and what it signed, ends within minutes.
REMEMBERED_FOR_S = 300.0
KEYS_FOR_S = 300.0
KEYS_AGAIN_S = 10.0
FETCH_S = 5.0
# How long requests wait for a reading, counted from its beginning.
WAIT_S = 1.0
FILE_BYTES_MAX = 1 << 20
TOKEN_LENGTH_MAX = 16 * 1024


class KeysAway(AnswerableError):
    """The keys by which callers are known cannot be read at the moment; try again."""

    code = "keys_away"
    status = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """What a token must be; `jwks` is a file or an https address."""

    jwks: str
    algorithms: tuple[str, ...]
    issuer: str
    audience: str
    claim: str


class SignedTokens:
    """Verifies tokens; one event loop owns it. `monotonic` gives seconds."""

    def __init__(self, issuer: Issuer, monotonic: Callable[[], float]) -> None:
        """Begin without keys: they are read with the first token."""
        self._issuer = issuer
        self._monotonic = monotonic
        self._keys: KeySet | None = None
        self._keys_at = 0.0
        self._tried_at: float | None = None
        self._reading: asyncio.Task[bool] | None = None
        self._patience: asyncio.Task[object] | None = None
        self._remembered: OrderedDict[bytes, tuple[str, datetime]] = OrderedDict()

    async def subject(self, token: str, *, now: datetime) -> str:
        """Give the claim that names the account; raise NotAuthenticated, or KeysAway where there are no keys."""
        if len(token) > TOKEN_LENGTH_MAX:
            raise NotAuthenticated("This token is too long.")
        digest = hashlib.sha256(token.encode()).digest()
        if (remembered := self._remembered.get(digest)) is not None and now < remembered[1]:
            return remembered[0]
        identity, until = await self._verified(token, now)
        self._remembered[digest] = (identity, until)
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return identity

    async def _verified(self, token: str, now: datetime) -> tuple[str, datetime]:
        keys = await self._keyset()
        try:
            try:
                claims = self._claims(token, keys, now)
            except InvalidKeyIdError:  # perhaps of a key that is newer than what was read
                claims = self._claims(token, await self._keyset(anew=True), now)
        except (JoseError, ValueError, TypeError) as error:
            raise NotAuthenticated("This token does not hold.") from error
        identity, expires = claims.get(self._issuer.claim), claims["exp"]
        if not isinstance(identity, str) or not 0 < len(identity) <= IDENTITY_LENGTH_MAX:
            raise NotAuthenticated("This token names no account.")
        assert isinstance(expires, int | float), "the registry has read it as a number"
        at = now.timestamp()
        return identity, now + timedelta(seconds=min(expires, at + REMEMBERED_FOR_S) - at)

    def _claims(self, token: str, keys: KeySet, now: datetime) -> dict[str, object]:
        told = self._issuer
        decoded = jwt.decode(token, keys, algorithms=list(told.algorithms))
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=LEEWAY_S,
            exp={"essential": True},
            iss={"essential": True, "value": told.issuer},
            aud={"essential": True, "value": told.audience},
        )
        registry.validate(decoded.claims)
        return decoded.claims

    async def _keyset(self, *, anew: bool = False) -> KeySet:
        at = self._monotonic()
        is_old = self._keys is None or at - self._keys_at > KEYS_FOR_S
        must = anew or self._keys is None
        if is_old or anew:
            # With keys in hand nobody waits for a sign-in that failed last time; when it is back, that shows by itself.
            waits = must or not self._is_away()
            if self._tried_at is None or at - self._tried_at >= KEYS_AGAIN_S:
                self._begin(at)
            if waits and self._patience is not None:
                await asyncio.shield(self._patience)
        if self._keys is None or (anew and self._is_away()):
            raise KeysAway
        return self._keys

    def _is_away(self) -> bool:
        """Say whether the newest reading failed, or has not ended yet."""
        return self._reading is not None and not (self._reading.done() and self._reading.result())

    def _begin(self, at: float) -> None:
        # One reading for all who come meanwhile, and one wait: who comes after it waits no more.
        self._tried_at = at
        self._reading = asyncio.create_task(self._read(at))
        self._patience = asyncio.create_task(asyncio.wait((self._reading,), timeout=WAIT_S))

    async def _read(self, at: float) -> bool:
        try:
            content = await _content(self._issuer.jwks)
            self._keys = KeySet.import_key_set(json.loads(content))
            self._keys_at = at
        except (ClientError, OSError, TimeoutError, JoseError, ValueError, TypeError, KeyError) as error:
            # The keys that there were go on to hold: a sign-in that is away for a while locks nobody out.
            report("keys_not_read", {"error": repr(error)})
            return False
        return True


async def _content(place: str) -> bytes:
    if not place.startswith(("https://", "http://")):
        return await asyncio.to_thread(Path(place).read_bytes)
    async with (
        ClientSession(timeout=ClientTimeout(total=FETCH_S)) as session,
        session.get(place, allow_redirects=False, headers={"Accept": "application/json"}) as response,
    ):
        response.raise_for_status()
        content = await response.content.read(FILE_BYTES_MAX + 1)
        while len(content) <= FILE_BYTES_MAX and (more := await response.content.read(FILE_BYTES_MAX)):
            content += more
        if len(content) > FILE_BYTES_MAX or response.status != 200:
            raise ValueError("these are no keys")
        return content
