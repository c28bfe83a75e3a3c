"""What a gateway needs of a house: where the feed is, as whom it asks, and under which keys; beside a record or apart.

Law: apart from the record a gateway holds no key that opens a text or signs.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout

from answerable.cli.wiring import policy_text, shipped_policy, signer_of
from answerable.config import Config, GatewayHost, Identity, from_environment
from answerable.core import policy as policies
from answerable.edge import Clock, SystemClock
from answerable.errors import ConfigError, KeyFault
from answerable.gateway import Gateway, build
from answerable.gateway.app import HEALTH
from answerable.gateway.asgi import Message, Receive, Scope, Send
from answerable.gateway.callers import Callers, Key, Tokens, read_keys
from answerable.gateway.upstream import Host
from answerable.vault.keys import load_keyring
from answerable_gate import GatePolicy
from answerable_gate.io.proofs import pin
from answerable_gate.strict import Malformed

FAREWELL_S = 2.0
CONTACT_S = 5.0
LOOK_S = 0.02
BEFORE_CONTACT = "startup"
_KEY = re.compile(r"[0-9a-f]{64}\n?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How a gateway reaches its house; `policy` is what holds before the first contact."""

    feed: str
    token: str = field(repr=False)
    key: bytes = field(repr=False)
    vkey: str
    policy: GatePolicy


def reach(config: Config | GatewayHost, *, feed: str | None, token: str | None, policy: GatePolicy | None) -> Reach:
    """Return how a gateway reaches its house; what is not given here is taken from the file and the environment."""
    key, vkey = keys_of(config)
    return Reach(
        feed=feed or config.gate.feed or f"http://{config.serve.api}",
        token=token or _token(config),
        key=key,
        vkey=vkey,
        policy=policy or policy_before_contact(config),
    )


def keys_of(config: Config | GatewayHost) -> tuple[bytes, str]:
    """Return the gates' key and the line of the log's key; where the file names none, those beside its record."""
    return _key(config), config.gate.vkey or _vkey(config)


def policy_before_contact(config: Config | GatewayHost) -> GatePolicy:
    """Return what a gateway does until the feed tells it: the `on_*` of its file, the words of a shipped policy."""
    text = policy_text(config) if isinstance(config, Config) else shipped_policy(BEFORE_CONTACT)
    gate = config.gate
    return replace(
        policies.load(text).gate,
        version=0,
        on_stale=gate.on_stale,
        on_cold_start=gate.on_cold_start,
        on_no_identity=gate.on_no_identity,
        lease_s=gate.lease_s,
    )


def build_gateway(config: Config | GatewayHost, found: Reach, *, name: str) -> Gateway:
    """Build the gateway of a file under a name."""
    upstream = config.upstream
    assert upstream is not None, "there is a gateway only before a model"
    clock = SystemClock(config.clock.offset_file)
    try:
        pinned = pin(found.vkey, found.vkey.partition("+")[0])
    except Malformed as error:
        raise ConfigError(f"gate.vkey: {error}", hint="`answerable status` shows the key to pin") from error
    return build(
        upstream=upstream.url,
        upstream_key=_model_key(upstream.key_env),
        upstream_routes=[Host(one.path.encode(), one.url, _model_key(one.key_env)) for one in upstream.routes],
        feed_base=found.feed,
        gate_token=found.token,
        gate_key=found.key,
        pinned=pinned,
        callers=callers_of(config, clock),
        identifies=config.identity.name_to_model,
        name=name,
        clock=clock,
        policy=found.policy,
        body_bytes=config.limits.gateway_body_bytes,
        snapshot=config.gate.snapshot,
        checks_token_hash=config.gate.checks_token_hash,
    )


def _model_key(variable: str | None) -> str | None:
    return from_environment(variable, os.environ) if variable else None


def callers_of(config: Config | GatewayHost, clock: Clock) -> Callers:
    """Return how a gateway knows for whom a request is; raise ConfigError where a file is missing or unsound."""
    identity = config.identity
    return Callers(
        header=config.gate.identity_header.encode("ascii"),
        tokens=None if identity.jwks is None else _tokens(identity, clock),
        token_header=identity.token_header.encode("ascii"),
        keys={} if identity.keys_file is None else _known_keys(identity.keys_file),
        trusts_body=identity.trust_body,
        trusts_header=_trusts_header(identity),
    )


def _trusts_header(identity: Identity) -> bool:
    """Where callers bring credentials of their own, they may reach the gateway themselves, and write any header."""
    has_credentials = identity.jwks is not None or identity.keys_file is not None
    return not has_credentials if identity.trust_header is None else identity.trust_header


def _tokens(identity: Identity, clock: Clock) -> Tokens:
    try:
        from answerable.gateway.tokens import Issuer, SignedTokens  # noqa: PLC0415 - its parts may not be installed
    except ModuleNotFoundError as error:
        raise ConfigError("tokens need a part that is missing", hint="pip install 'answerable[gateway]'") from error
    assert identity.jwks is not None, "asked only where there are keys"
    assert identity.issuer is not None, "a rule of the file"
    assert identity.audience is not None, "a rule of the file"
    issuer = Issuer(
        jwks=identity.jwks,
        algorithms=identity.algorithms,
        issuer=identity.issuer,
        audience=identity.audience,
        claim=identity.claim,
    )
    return SignedTokens(issuer, clock.monotonic)


def _known_keys(path: Path) -> dict[bytes, Key]:
    try:
        return read_keys(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"identity.keys_file: {path}: {error}") from error


class InContact:
    """A gateway that lets nobody in before it has contact with the store; without any it does after five seconds.

    So one that starts beside another refuses nobody whom that other would have served.
    """

    def __init__(self, gateway: Gateway) -> None:
        """Take the gateway."""
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as the gateway does; only the end of its start waits."""

        async def begin(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                with suppress(TimeoutError):
                    async with asyncio.timeout(CONTACT_S):
                        await self._contact()
            await send(message)

        await self._gateway(scope, receive, begin if scope["type"] == "lifespan" else send)

    async def _contact(self) -> None:
        """Wait until the gateway itself says that it is in force."""
        scope = {"type": "http", "method": "GET", "raw_path": HEALTH, "query_string": b"", "headers": []}
        told: list[int] = []

        async def hear(message: Message) -> None:
            if message["type"] == "http.response.start":
                told.append(message["status"])

        while told[-1:] != [200]:
            await asyncio.sleep(LOOK_S)
            await self._gateway(scope, nothing_more, hear)


async def nothing_more() -> Message:
    """Say that the request has no body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def farewell(found: Reach, *, name: str) -> None:
    """Tell the api that this gateway ends, so that its silence alarms nobody; best effort."""
    address = f"{found.feed.rstrip('/')}/v1/departures"
    headers = {"Authorization": f"Bearer {found.token}"}
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=FAREWELL_S)) as session,
            session.post(address, json={"gate": name}, headers=headers, allow_redirects=False) as response,
        ):
            await response.read()
    except (ClientError, OSError, TimeoutError):
        return


def read_key(path: Path) -> bytes:
    """Return the gates' key of a file; raise KeyFault where others can read it or it holds none."""
    try:
        with path.open("r", encoding="ascii") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise KeyFault(f"others can read the key: {path}", hint=f"chmod 600 {path}")
            return _decoded(file.read(128), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFault(f"the gates' key cannot be read: {path}") from error


def _key(config: Config | GatewayHost) -> bytes:
    gate = config.gate
    if gate.key_file is not None:
        return read_key(gate.key_file)
    if gate.key_env is not None:
        return _decoded(from_environment(gate.key_env, os.environ), gate.key_env)
    assert isinstance(config, Config), "the file of a gateway's host names a key"
    return load_keyring(config.keys.path).gate


def _decoded(text: str, where: str) -> bytes:
    if not _KEY.fullmatch(text):
        raise KeyFault(f"the gates' key has 64 hexadecimal digits: {where}")
    return bytes.fromhex(text.strip())


def _token(config: Config | GatewayHost) -> str:
    if config.gate.token_env is None:
        raise ConfigError(
            "this gateway has no token to read the feed with", hint="name its environment variable as gate.token_env"
        )
    return from_environment(config.gate.token_env, os.environ)


def _vkey(config: Config | GatewayHost) -> str:
    assert isinstance(config, Config), "the file of a gateway's host pins a key"
    return signer_of(config).vkey
