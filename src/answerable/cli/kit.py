"""`answerable export gateway`: what a gateway on a host of its own needs of this house, as a folder to carry there.

Law: it holds the gates' key and no other: none that opens a text, none that signs, nobody's name.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from answerable.cli.gateways import keys_of
from answerable.cli.ledger import Out
from answerable.cli.options import CONFIG_FILE, DEFAULT_CONFIG, ConfigPath
from answerable.config import Config, Identity, load
from answerable.errors import ConfigError

KEY_FILE, JWKS_FILE, CALLERS_FILE = "gate.key", "jwks.json", "callers"
TOKEN_ENV = "ANSWERABLE_GATE_TOKEN"  # noqa: S105 - the name of a variable

Feed = Annotated[str, typer.Option("--feed", help="The address of this house's api as the gateway's host reaches it.")]


def gateway(directory: Out, feed: Feed, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write the configuration and the key of a gateway that runs on a host of its own."""
    house = load(config)
    if house.gate.token_hash is None:
        raise ConfigError("no gate may read this house's feed", hint="give the hash of its token as gate.token_hash")
    key, vkey = keys_of(house)
    try:
        directory.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ConfigError(f"{directory} cannot be made: {error.strerror}", hint="name a new folder") from error
    _write(directory / KEY_FILE, key.hex() + "\n")
    identity = _carried(house.identity, directory)
    _write(directory / CONFIG_FILE, _file(house, identity, feed=feed, vkey=vkey))
    token = house.gate.token_env or TOKEN_ENV
    typer.echo(f"{directory} holds {CONFIG_FILE} and {KEY_FILE}: carry it over a line that nobody reads, and delete it")
    typer.echo(f"there, with the gate's token in {token}: answerable serve")


def _carried(identity: Identity, directory: Path) -> Identity:
    """Copy the files by which callers are known: public keys, and hashes of theirs."""
    jwks, keys_file = identity.jwks, identity.keys_file
    try:
        if jwks is not None and not jwks.startswith("https:"):
            _write(directory / JWKS_FILE, Path(jwks).read_text(encoding="utf-8"))
            jwks = JWKS_FILE
        if keys_file is not None:
            _write(directory / CALLERS_FILE, keys_file.read_text(encoding="utf-8"))
            keys_file = Path(CALLERS_FILE)
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be read: {error.strerror}") from error
    return msgspec.structs.replace(identity, jwks=jwks, keys_file=keys_file)


def _file(house: Config, identity: Identity, *, feed: str, vkey: str) -> str:
    """Return the file of the gateway's host; what a gate does stands in it as this house has it."""
    gate, upstream = house.gate, house.upstream
    tables: dict[str, dict[str, object]] = {
        "serve": {"gateway": house.serve.gateway},
        "upstream": {
            "url": upstream.url if upstream else "https://model.example/v1",
            "key_env": upstream.key_env if upstream else None,
        },
        "gate": {
            "feed": feed,
            "vkey": vkey,
            "key_file": KEY_FILE,
            "token_env": gate.token_env or TOKEN_ENV,
            "snapshot": "gate.snapshot",
            "on_stale": gate.on_stale,
            "on_cold_start": gate.on_cold_start,
            "on_no_identity": gate.on_no_identity,
            "lease_s": gate.lease_s,
            "identity_header": gate.identity_header,
        },
    }
    if identity != Identity():
        tables["identity"] = msgspec.to_builtins(identity, enc_hook=str)
    lines = ["# A gateway's host. Every key and its danger: docs/configuration.md."]
    for name, keys in tables.items():
        lines += ["", f"[{name}]", *_written(keys)]
    for route in upstream.routes if upstream else ():
        lines += ["", "[[upstream.routes]]", *_written(msgspec.to_builtins(route))]
    return "\n".join(lines) + "\n"


def _written(keys: dict[str, object]) -> list[str]:
    # A JSON string is a TOML string.
    return [f"{key} = {json.dumps(value)}" for key, value in keys.items() if value is not None]


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
