"""`answerable ports serve`: a folder served by the ports' contract; and which of its ports a house asks where."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from answerable.cli.listening import address_of, listen, serve_alone
from answerable.cli.options import log_to_stderr
from answerable.config import Config, from_environment, token_hash
from answerable.edge import Mint, SystemClock
from answerable.errors import ConfigError
from answerable.ports.directory import Directory
from answerable.ports.entitlements import Entitlements
from answerable.ports.folder import Folder
from answerable.ports.history import History
from answerable.ports.http_client import Asker
from answerable.ports.http_ports import HttpPorts
from answerable.ports.http_server import build
from answerable.ports.preserve import Preserve

VARIABLE = "ANSWERABLE_PORTS_TOKEN"

ports = typer.Typer(help="The operator's own systems: accounts, histories, holds, plans.", no_args_is_help=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The ports of a house, each the operator's own system, a folder in its place, or nobody."""

    directory: Directory | None
    history: History | None
    preserve: Preserve | None
    entitlements: Entitlements | None


def connect(config: Config, environment: Mapping[str, str], *, mint: Mint) -> Connected:
    """Return the ports of a configuration; raise `ConfigError` where their token is not set."""
    found, folder = config.ports, _folder(config)
    asked = None
    if found.url is not None:
        token = from_environment(str(found.token_env), environment)
        # Not the house's clock: a rehearsal that moves it must not cut a question off.
        asker = Asker(found.url, token=token, timeout_s=found.timeout_s, clock=SystemClock(), mint=mint)
        asked = HttpPorts(asker)

    def at(port: str) -> HttpPorts | Folder | None:
        return asked if asked is not None and port in found.serves else folder

    return Connected(
        directory=at("directory"), history=at("history"), preserve=at("preserve"), entitlements=at("entitlements")
    )


def _folder(config: Config) -> Folder | None:
    if config.ports.folder is None:
        return None
    config.ports.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Folder(config.ports.folder, region=config.ports.phone_region)


@ports.command("serve")
def serve(
    folder: Annotated[Path, typer.Argument(help="The folder, as `answerable import` fills it.")],
    address: Annotated[str, typer.Option("--listen", help="Host and port.")] = "127.0.0.1:8710",
    token_env: Annotated[str, typer.Option(help="The variable that holds the token.")] = VARIABLE,
    phone_region: Annotated[str | None, typer.Option(help="The country of local numbers, as GB.")] = None,
) -> None:
    """Serve a folder by the contract of the ports, to try them out and to compare one's own service with."""
    log_to_stderr()
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}", hint="`answerable import` makes one")
    token = from_environment(token_env, os.environ)
    app = build(Folder(folder, region=phone_region), token_hash=token_hash(token))
    with listen(address, share=False) as listening:
        asyncio.run(serve_alone(app, listening, "ports", address_of(listening)))
