"""`answerable export ledger` and `answerable verify`: the record as a folder that anybody can check alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.cli.wiring import open_house
from answerable.config import load
from answerable.errors import Conflict, SignerUnavailable
from answerable.ledger import verify as verifier
from answerable.ledger.export import write_export

exports = typer.Typer(help="Take the record out.", no_args_is_help=True)

Out = Annotated[Path, typer.Argument(help="A folder that does not exist yet.")]
In = Annotated[Path, typer.Argument(help="An exported folder.")]
Key = Annotated[str, typer.Option("--key", help="The pinned key of the log, as `answerable status` prints it.")]


@exports.callback()
def _group() -> None:
    """Take the record out."""


@exports.command("ledger")
def ledger(directory: Out, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write the ledger's entries and checkpoints into a folder; it holds no text of anybody."""
    house = open_house(load(config))
    try:
        try:
            house.answerable().seal()
        except (Conflict, SignerUnavailable) as error:
            typer.echo(f"nothing was signed now: {error}; the last entries may have no checkpoint", err=True)
        size, store = house.store.size(), house.store
        checkpoints = ((one.size, one.note) for one in store.checkpoints() if one.size <= size)
        count = write_export(directory, store.entries(0, size), checkpoints)
    finally:
        house.close()
    typer.echo(f"{count} entries")


def verify(directory: In, key: Key) -> None:
    """Check an exported ledger under its pinned key."""
    sys.exit(verifier.main([str(directory), "--key", key]))
