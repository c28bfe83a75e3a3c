"""`answerable order proof` and `answerable order check`: what was done for an order, and whether that is so."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from answerable.app import Answerable, proving
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.cli.wiring import open_house
from answerable.config import load
from answerable.core.facts import CaseId, OrderId, Refused
from answerable.errors import BadInput, Conflict, NotFound, SignerUnavailable
from answerable.ledger.verify import Malformed, VerifierKey, parse_vkey

BY, TRIES, AGAIN_S = "operator", 50, 0.2
T = TypeVar("T")

orders = typer.Typer(help="Show and check what was done for an order.", no_args_is_help=True)

Case = Annotated[str, typer.Argument(help="The token of the case.")]
Order = Annotated[str, typer.Argument(help="The token of the order.")]
Out = Annotated[Path, typer.Option("--out", help="A file that does not exist yet.")]
In = Annotated[Path, typer.Argument(help="A proof as `answerable order proof` wrote it.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of-at-least", metavar="TIME", help="Refuse a proof that speaks of an earlier time, in UTC."),
]
Ledger = Annotated[
    Path | None,
    typer.Option("--ledger", metavar="DIR", help="Hold it against a whole export of the ledger as well."),
]
Key = Annotated[str, typer.Option("--key", help="The pinned key of the log, as `answerable status` prints it.")]


@orders.callback()
def _group() -> None:
    """Show and check what was done for an order."""


@orders.command("proof")
def proof(case: Case, order: Order, out: Out, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write what was done for an order, with the entries that prove it, and print it as a page."""
    house = open_house(load(config))
    try:
        found = _drawn(house.answerable(), CaseId(case), OrderId(order))
    finally:
        house.close()
    if isinstance(found, Refused):
        raise NotFound(found.reason) if found.code == "not_found" else Conflict(found.reason)
    try:
        with out.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {error.strerror}") from error
    typer.echo(proving.render(found), nl=False)


def _drawn(answerable: Answerable, case: CaseId, order: OrderId) -> dict[str, Any] | Refused:
    """Draw a proof up as of now, and return it once it is signed."""

    def draw() -> datetime | Refused:
        listed = proving.gather(answerable.acts, case, order)
        return listed if isinstance(listed, Refused) else answerable.orders.show(listed, by=BY)

    drawn = _patiently(answerable, draw)
    if isinstance(drawn, Refused):
        return drawn
    return _patiently(answerable, lambda: proving.prove(answerable.acts, case, order))


def _patiently(answerable: Answerable, ask: Callable[[], T | Refused]) -> T | Refused:
    """Ask until what it rests on is signed, by this process or by one that serves; for ten seconds at most."""
    unsigned = ""
    for _ in range(TRIES):
        try:
            answerable.seal()
        except (Conflict, SignerUnavailable) as error:
            unsigned = f" (nothing was signed from here: {error})"
        found = ask()
        if not isinstance(found, Refused) or found.code != "not_sealed":
            return found
        time.sleep(AGAIN_S)
    return Refused("not_sealed", f"{found.reason}{unsigned}") if isinstance(found, Refused) else found


@orders.command("check")
def check(file: In, key: Key, as_of: AsOf = None, ledger: Ledger = None) -> None:
    """Check a proof under the log's pinned key and print what it proves; exit status 1 where it does not."""
    keys = (_key(key),)
    try:
        found = proving.check(file.read_bytes(), keys, as_of_at_least=_moment(as_of))
        if ledger is not None:
            proving.compare(found, ledger, keys)
    except OSError as error:
        raise BadInput(f"{error.filename or ledger} cannot be read: {error.strerror or error}") from error
    except BadInput as error:
        typer.echo(f"FAILED: {error}")
        sys.exit(1)
    typer.echo(f"VERIFIED {proving.render(found)}", nl=False)


def _moment(text: str | None) -> datetime | None:
    """Read a day or a time, in UTC where it does not say otherwise."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"this is no time: {text[:40]}", hint="write 2026-04-20 or 2026-04-20T12:00Z") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _key(text: str) -> VerifierKey:
    try:
        return parse_vkey(text)
    except Malformed as error:
        raise BadInput("this is no key of a log", hint="`answerable status` prints it") from error
