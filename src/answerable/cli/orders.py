"""`answerable order proof` and `answerable order check`: what was done for an order, and whether that is so."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from answerable.app import proving
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.cli.wiring import open_house
from answerable.config import load
from answerable.core.facts import CaseId, OrderId, Refused
from answerable.errors import BadInput, Conflict, NotFound, SignerUnavailable
from answerable.ledger.verify import Malformed, VerifierKey, parse_vkey

orders = typer.Typer(help="Show and check what was done for an order.", no_args_is_help=True)

Case = Annotated[str, typer.Argument(help="The token of the case.")]
Order = Annotated[str, typer.Argument(help="The token of the order.")]
Out = Annotated[Path, typer.Option("--out", help="A file that does not exist yet.")]
In = Annotated[Path, typer.Argument(help="A proof as `answerable order proof` wrote it.")]
Key = Annotated[str, typer.Option("--key", help="The pinned key of the log, as `answerable status` prints it.")]


@orders.callback()
def _group() -> None:
    """Show and check what was done for an order."""


@orders.command("proof")
def proof(case: Case, order: Order, out: Out, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write what was done for an order, with the entries that prove it, and print it as a page."""
    house = open_house(load(config))
    try:
        answerable = house.answerable()
        try:
            answerable.seal()
        except (Conflict, SignerUnavailable) as error:
            typer.echo(f"nothing was signed now: {error}; the last entries may be missing", err=True)
        found = proving.prove(answerable.acts, CaseId(case), OrderId(order))
    finally:
        house.close()
    if isinstance(found, Refused):
        raise NotFound(found.reason)
    try:
        with out.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {error.strerror}") from error
    typer.echo(proving.render(found), nl=False)


@orders.command("check")
def check(file: In, key: Key) -> None:
    """Check a proof under the log's pinned key and print what it proves; exit status 1 where it does not."""
    try:
        found = proving.check(file.read_bytes(), (_key(key),))
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from error
    except BadInput as error:
        typer.echo(f"FAILED: {error}")
        sys.exit(1)
    typer.echo(f"VERIFIED\n{proving.render(found)}", nl=False)


def _key(text: str) -> VerifierKey:
    try:
        return parse_vkey(text)
    except Malformed as error:
        raise BadInput("this is no key of a log", hint="`answerable status` prints it") from error
