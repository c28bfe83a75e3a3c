"""What no single key of the configuration shows: the rules between keys.

Law: a house in which two people share a token, or in which nobody could countersign, never starts (L4).
"""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from answerable.config.tables import Config, GatewayHost, SignerTable, Staff
from answerable.core.roster import DECIDING

KeyPath = tuple[str | int, ...]
Complaint = tuple[KeyPath, str]


def complaints(config: Config) -> Iterator[Complaint]:
    """Yield what no single key shows, each with the key to look at."""
    for rule in _RULES:
        yield from rule(config)


def _one_policy(config: Config) -> Iterator[Complaint]:
    if (config.policy.name is None) == (config.policy.file is None):
        yield ("policy",), "give either name or file"


def complaints_of_a_gateway(host: GatewayHost) -> Iterator[Complaint]:
    """Yield what no single key of a gateway's host shows."""
    yield from _addresses(host)
    yield from _upstream(host)
    yield from _identity(host)
    yield from _gate(host)
    gate = host.gate
    for key in ("token_env", "vkey"):
        if getattr(gate, key) is None:
            yield ("gate", key), "a gateway apart from the record needs it"
    if gate.key_file is None and gate.key_env is None:
        yield ("gate",), "a gateway apart from the record needs key_file or key_env"


def _signer(config: Config) -> Iterator[Complaint]:
    signer = config.signer
    if signer is None:
        return
    if signer.vkey.partition("+")[0] != config.record.origin:
        yield ("signer", "vkey"), f"the key of this record is named {config.record.origin}"
    if signer.address.startswith("https:") and signer.listen is None:
        yield ("signer", "listen"), "behind a TLS proxy the signer listens elsewhere than it is asked"
    elif any(not place.startswith("unix:") and host_port(place)[1] > 65_535 for place in _places(signer)):
        yield ("signer",), "a port is at most 65535"
    is_closed = all(place.startswith("unix:") for place in (signer.place, signer.address))
    if (signer.token_env is None) != (signer.token_hash is None) or not (is_closed or signer.token_hash):
        yield ("signer",), "over HTTP give token_env, for who asks, and token_hash, for the signer"


def _places(signer: SignerTable) -> tuple[str, str]:
    return signer.place, signer.address.removeprefix("https://").removeprefix("http://")


def _addresses(config: Config | GatewayHost) -> Iterator[Complaint]:
    for key in ("api", "gateway"):
        if host_port(getattr(config.serve, key))[1] > 65_535:
            yield ("serve", key), "a port is at most 65535"
    # Port 0 means any free port, so two of them are two addresses.
    if config.serve.api == config.serve.gateway and host_port(config.serve.api)[1] != 0:
        yield ("serve", "gateway"), "api and gateway need an address each"


def _upstream(config: Config | GatewayHost) -> Iterator[Complaint]:
    upstream = config.upstream
    if upstream is None:
        return
    for key, url in (("url", upstream.url), *(("routes", route.url) for route in upstream.routes)):
        if not _is_base(url):
            yield (
                ("upstream", key),
                "the base address of the model, as https://host/v1, without a name, key or query in it",
            )
    if len({route.path for route in upstream.routes}) < len(upstream.routes):
        yield ("upstream", "routes"), "a path stands twice"


def _identity(config: Config | GatewayHost) -> Iterator[Complaint]:
    identity = config.identity
    if identity.jwks is None and (identity.issuer is not None or identity.audience is not None):
        yield ("identity", "jwks"), "without the issuer's keys no token can be verified"
    if identity.jwks is not None:
        for key in ("issuer", "audience"):
            if getattr(identity, key) is None:
                yield ("identity", key), "a token of another issuer, or for another service, would count here"
        if identity.jwks.startswith("http:"):
            yield ("identity", "jwks"), "keys over plain HTTP could be anybody's: an https address or a file"
    is_ours = identity.jwks is not None or identity.keys_file is not None
    if not is_ours or config.upstream is None:
        return
    for key, hosts in (("key_env", (config.upstream,)), ("routes", config.upstream.routes)):
        if any(host.key_env is None for host in hosts):
            yield ("upstream", key), "callers' own credentials end at this gateway, so it needs a key for the model"


def _gate(config: Config | GatewayHost) -> Iterator[Complaint]:
    gate = config.gate
    if gate.feed is not None and not _is_base(gate.feed):
        yield ("gate", "feed"), "the address of the api, as https://host:8700, without a name, key or query in it"
    if gate.key_file is not None and gate.key_env is not None:
        yield ("gate", "key_env"), "give either key_file or key_env"


def _ports(config: Config) -> Iterator[Complaint]:
    ports = config.ports
    if ports.url is None:
        if ports.token_env is not None:
            yield ("ports", "token_env"), "there is no url at which it would be shown"
        return
    if not _is_base(ports.url) or not (ports.url.startswith("https:") or _is_here(ports.url)):
        yield ("ports", "url"), "an https address, or http on this machine: what is asked names accounts and people"
    if ports.token_env is None:
        yield ("ports", "token_env"), "without a token anybody could ask there whose account an address belongs to"


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_base = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
        return is_base and parts.port != 0 and "@" not in url
    except ValueError:
        return False


def _staff_ids(config: Config) -> Iterator[Complaint]:
    ids = [person.id for person in config.staff]
    for place, person in enumerate(config.staff):
        if person.id in ids[:place]:
            yield ("staff", place, "id"), f"{person.id} is there twice"
        if person.superior is not None and person.superior not in ids:
            yield ("staff", place, "superior"), f"there is no {person.superior} among the staff"
        if person.id in superiors(config, person):
            yield ("staff", place, "superior"), f"{person.id} would be above {person.id}"
        if person.duty and person.role not in DECIDING:
            yield ("staff", place, "duty"), f"a {person.role.value} role decides nothing and takes no duty (R12)"


_TAKEN = frozenset({"gate", "tenant", "webhook"})
"""Before a colon these say who else acted; an operator called so could speak in a webhook's name."""


def _operators(config: Config) -> Iterator[Complaint]:
    ids = [operator.id for operator in config.operators]
    for place, operator in enumerate(config.operators):
        if operator.id in ids[:place] or operator.id in {person.id for person in config.staff}:
            yield ("operators", place, "id"), f"{operator.id} is there twice"
        if operator.id in _TAKEN:
            yield ("operators", place, "id"), f"the record calls others {operator.id}; give another name"
        if operator.token_hash is None and operator.webhook_secret_env is None:
            yield ("operators", place), "give token_hash, webhook_secret_env or both"
        if not operator.scopes:
            yield ("operators", place, "scopes"), "an operator without a scope can send nothing"


def _webhooks(config: Config) -> Iterator[Complaint]:
    names = [one.name for one in config.webhooks]
    for place, one in enumerate(config.webhooks):
        if one.name in names[:place]:
            yield ("webhooks", place, "name"), f"{one.name} is there twice"
        pointers = (one.account, one.kind, one.id, one.reason, one.at)
        if one.format == "openai":
            if one.key_env is None:
                yield ("webhooks", place, "key_env"), "its notices are read with a key; without one none is ever known"
            if any(pointers):
                yield ("webhooks", place), "pointers are for vendors whose format is not known here"
            if not _is_base(one.url) or not (one.url.startswith("https:") or _is_here(one.url)):
                yield ("webhooks", place, "url"), "an https address, for the key goes there"
        elif one.account is None or one.kind is None or one.key_env is not None:
            yield ("webhooks", place), "give account and kind, as /data/user, and no key: what comes is all there is"


def _own_tokens(config: Config) -> Iterator[Complaint]:
    """Two holders of one token would be one person who signs twice (L4)."""
    held: list[tuple[KeyPath, str | None]] = [
        *((("staff", place, "token_hash"), person.token_hash) for place, person in enumerate(config.staff)),
        *((("operators", place, "token_hash"), each.token_hash) for place, each in enumerate(config.operators)),
        (("gate", "token_hash"), config.gate.token_hash),
        (("gate", "checks_token_hash"), config.gate.checks_token_hash),
        (("signer", "token_hash"), config.signer.token_hash if config.signer else None),
    ]
    yield from _repeated(
        ((key, token) for key, token in held if token is not None), "everybody has a token of their own"
    )


def _own_emails(config: Config) -> Iterator[Complaint]:
    written = ((place, person, email) for place, person in enumerate(config.staff) for email in person.emails)
    addresses = ((("staff", place, "emails"), email.casefold()) for place, _, email in written)
    yield from _repeated(addresses, "two of the staff share an e-mail address, or one is there twice")


def _repeated(pairs: Iterable[Complaint], message: str) -> Iterator[Complaint]:
    seen: set[str] = set()
    for key, value in pairs:
        if value in seen:
            yield key, message
        seen.add(value)


def _two_can_sign(config: Config) -> Iterator[Complaint]:
    deciding = [person for person in config.staff if person.role in DECIDING]
    if len(deciding) < 2:
        yield ("staff",), "at least two people must be able to decide; the second may be an outside partner"
    elif all(_in_one_line(config, one, other) for one in deciding for other in deciding if one is not other):
        # L4: the second signature is never above or below the first; with one line of command nothing could be lifted.
        yield ("staff",), "no two people could countersign: every two stand above and below each other; add a partner"


def _in_one_line(config: Config, one: Staff, other: Staff) -> bool:
    return other.id in superiors(config, one) or one.id in superiors(config, other)


def superiors(config: Config, person: Staff) -> list[str]:
    """Return the ids above a person, nearest first, ending where a loop closes."""
    above = {each.id: each.superior for each in config.staff}
    chain: list[str] = []
    at = person.superior
    while at is not None and at not in chain:
        chain.append(at)
        at = above.get(at)
    return chain


_RULES: tuple[Callable[[Config], Iterator[Complaint]], ...] = (
    _one_policy,
    _signer,
    _addresses,
    _upstream,
    _identity,
    _gate,
    _ports,
    _staff_ids,
    _operators,
    _webhooks,
    _own_tokens,
    _own_emails,
    _two_can_sign,
)


def host_port(address: str) -> tuple[str, int]:
    """Split an address of the file, as 127.0.0.1:8700 or [::1]:8700."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
