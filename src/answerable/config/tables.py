"""The tables and keys of answerable.toml, each with its type, bounds and default.

Law: a key that nobody reads is an error, for somebody relied on it; docs/configuration.md tells each key's danger.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from answerable.core.words import Hazard, Role

Token = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}\Z")]
TokenHash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Variable = Annotated[str, Meta(pattern=r"^[A-Z_][A-Z0-9_]{0,63}\Z")]
HostPort = Annotated[str, Meta(pattern=r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}\Z")]
Email = Annotated[str, Meta(pattern=r"^[^\s@]+@[^\s@]+\Z", max_length=254)]
# No key that is shared, and none at all ("none"): who can verify must not be able to sign.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
GateName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}\Z")]
SignerAddress = Annotated[
    str, Meta(pattern=r"^(unix:[^\0]+|https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5})\Z", max_length=512)
]
SignerPlace = Annotated[
    str, Meta(pattern=r"^(unix:[^\0]+|(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5})\Z", max_length=512)
]
Bytes = Annotated[int, Meta(ge=1024, le=1 << 30)]
Pointer = Annotated[str, Meta(pattern=r"^(/[^/]+)+\Z", max_length=256)]
Fallback = Literal["allow", "guarded", "refuse"]
Port = Literal["directory", "history", "preserve", "entitlements"]
Scope = Literal["signals", "notices", "accounts", "measures", "helpdesk", "tenant"]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file; a key that nobody reads is an error, for somebody relied on it."""


class Record(Table, frozen=True, kw_only=True):
    """Where the record lives: in a folder, or in the PostgreSQL database that a variable of the environment names."""

    path: Path
    dsn_env: Variable | None = None
    origin: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9./-]{0,63}\Z")] = "answerable/record"


class Keys(Table, frozen=True, kw_only=True):
    """Where the keys live."""

    path: Path


class SignerTable(Table, frozen=True, kw_only=True):
    """The signer as a process of its own: the key that is pinned, where it is asked, and the token between the two."""

    vkey: Annotated[str, Meta(min_length=1, max_length=512)]
    address: SignerAddress = "unix:keys/signer.sock"
    listen: SignerPlace | None = None
    key_file: Path | None = None
    token_env: Variable | None = None
    token_hash: TokenHash | None = None
    timeout_s: Annotated[int, Meta(ge=1, le=60)] = 5

    @property
    def place(self) -> str:
        """Where the signer listens: `unix:` and a path, or host and port."""
        return self.listen or self.address.removeprefix("http://")


class PolicyChoice(Table, frozen=True, kw_only=True):
    """Which policy runs: one that is shipped, by name, or the operator's own file."""

    name: Literal["startup", "staffed", "platform"] | None = None
    file: Path | None = None


class Serve(Table, frozen=True, kw_only=True):
    """Where the inlets listen, whether several processes may listen there, and how long an end may take."""

    api: HostPort = "127.0.0.1:8700"
    gateway: HostPort = "127.0.0.1:8701"
    share: bool = False
    grace_s: Annotated[int, Meta(ge=0, le=3600)] = 10


class UpstreamRoute(Table, frozen=True, kw_only=True):
    """Another host for the requests below one path."""

    path: Annotated[str, Meta(pattern=r"^(/[a-z0-9_-]{1,64}){1,4}\Z")]
    url: str
    key_env: Variable | None = None


class Upstream(Table, frozen=True, kw_only=True):
    """The model behind the gateway, and other hosts for some of its routes."""

    url: str
    key_env: Variable | None = None
    routes: tuple[UpstreamRoute, ...] = ()


class Identity(Table, frozen=True, kw_only=True):
    """How the gateway knows for whom a request is, besides the header of the front server."""

    jwks: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)] = ("RS256", "ES256", "EdDSA")
    issuer: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    audience: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    claim: Annotated[str, Meta(min_length=1, max_length=64)] = "sub"
    token_header: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}\Z")] = "authorization"  # noqa: S105 - a header's name
    keys_file: Path | None = None
    trust_body: bool = True
    trust_header: bool | None = None
    name_to_model: bool = False


class Staff(Table, frozen=True, kw_only=True):
    """A person who answers."""

    id: Token
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    role: Role
    token_hash: TokenHash
    superior: Token | None = None
    duty: bool = False
    emails: tuple[Email, ...] = ()


class Operator(Table, frozen=True, kw_only=True):
    """A machine that sends signals, notices, or accounts and their plans."""

    id: Token
    scopes: tuple[Scope, ...]
    token_hash: TokenHash | None = None
    webhook_secret_env: Variable | None = None


class VendorKind(Table, frozen=True, kw_only=True):
    """What a word of a vendor's means here: which hazard, and whether the account is held as switched off."""

    hazard: Hazard = Hazard.OTHER
    adopts: bool = False


class WebhookTable(Table, frozen=True, kw_only=True):
    """A model vendor that reports what it saw or did; `format` is a shape known here, or pointers into another."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}\Z")]
    secret_env: Variable
    format: Literal["openai", "pointers"] = "pointers"
    url: Annotated[str, Meta(min_length=1, max_length=512)] = "https://api.openai.com/v1"
    key_env: Variable | None = None
    identifier: Literal["name", "alias"] = "name"
    account: Pointer | None = None
    kind: Pointer | None = None
    id: Pointer | None = None
    reason: Pointer | None = None
    at: Pointer | None = None
    kinds: dict[Annotated[str, Meta(min_length=1, max_length=256)], VendorKind] = {}


class Ports(Table, frozen=True, kw_only=True):
    """The operator's own systems, asked at an address, and the folder that stands in for what is not asked there."""

    folder: Path | None = None
    url: str | None = None
    token_env: Variable | None = None
    timeout_s: Annotated[int, Meta(ge=1, le=60)] = 5
    serves: Annotated[tuple[Port, ...], Meta(min_length=1)] = ("directory", "history", "preserve", "entitlements")
    phone_region: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")] | None = None

    @property
    def is_connected(self) -> bool:
        """Tell whether anybody can be asked at all."""
        return self.folder is not None or self.url is not None


class ClockFile(Table, frozen=True, kw_only=True):
    """The shared clock of a rehearsal."""

    offset_file: Path | None = None


class GateTable(Table, frozen=True, kw_only=True):
    """What gates do, above all where they do not know; and how a gateway apart from the record reaches it."""

    token_hash: TokenHash | None = None
    token_env: Variable | None = None
    checks_token_hash: TokenHash | None = None
    feed: str | None = None
    vkey: Annotated[str, Meta(max_length=512)] | None = None
    key_file: Path | None = None
    key_env: Variable | None = None
    name: GateName | None = None
    snapshot: Path | None = None
    on_stale: Fallback = "guarded"
    on_cold_start: Fallback = "refuse"
    on_no_identity: Fallback = "guarded"
    lease_s: Annotated[int, Meta(ge=1, le=600)] = 60
    identity_header: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}\Z")] = "x-answerable-user"


class Limits(Table, frozen=True, kw_only=True):
    """How large what comes in may be."""

    body_bytes: Bytes = 1 << 20
    bulk_bytes: Bytes = 64 << 20
    gateway_body_bytes: Bytes = 8 << 20
    notice_bytes: Bytes = 64 << 10
    identifiers: Annotated[int, Meta(ge=1, le=100)] = 10


class Config(Table, frozen=True, kw_only=True):
    """The whole file, its paths made absolute."""

    record: Record
    keys: Keys
    signer: SignerTable | None = None
    policy: PolicyChoice
    serve: Serve = Serve()
    upstream: Upstream | None = None
    identity: Identity = Identity()
    staff: tuple[Staff, ...]
    operators: tuple[Operator, ...] = ()
    webhooks: tuple[WebhookTable, ...] = ()
    ports: Ports = Ports()
    clock: ClockFile = ClockFile()
    gate: GateTable = GateTable()
    limits: Limits = Limits()


class GatewayHost(Table, frozen=True, kw_only=True):
    """The file of a host that runs gateways alone: no record, no keys but the gates', nobody's name."""

    upstream: Upstream
    identity: Identity = Identity()
    gate: GateTable
    serve: Serve = Serve()
    clock: ClockFile = ClockFile()
    limits: Limits = Limits()
