"""`answerable policy`: a policy is checked, and comes into force when two people have signed it.

Law: a signature is asked of the person who gives it, after that person was shown what it is for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from answerable.app import Adoption
from answerable.app.genesis import adopt
from answerable.cli.compare import changes
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.cli.wiring import House, open_house, read_policy
from answerable.config import load as load_config
from answerable.config import staff_by_token
from answerable.core.facts import StaffId
from answerable.core.policy import PolicyError, load
from answerable.errors import BadInput, Conflict, NotAuthenticated, NotAuthorised

TOKEN_VARIABLES = ("ANSWERABLE_TOKEN_1", "ANSWERABLE_TOKEN_2")

policies = typer.Typer(help="Policies.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The policy file.")]
By = Annotated[
    list[str] | None, typer.Option("--by", help="Whose signature is asked, given twice; without it, any two who may.")
]


@policies.callback()
def _group() -> None:
    """Policies."""


@policies.command("check")
def check(file: File) -> None:
    """Check a policy against the rules that no policy may break."""
    try:
        found = load(read_policy(file))
    except PolicyError as error:
        raise BadInput("the policy does not load:\n  - " + "\n  - ".join(error.problems)) from error
    typer.echo(f"policy {found.version} loads; it comes into force when two have signed it: answerable policy adopt")


@policies.command("adopt")
def adopt_policy(config: ConfigPath = DEFAULT_CONFIG, by: By = None) -> None:
    """Show what the configured policy changes, ask two people for their tokens, and put it in force."""
    if by and len(by) != 2:
        raise BadInput("a policy is signed by two", hint="give --by twice, or not at all")
    house = open_house(load_config(config))
    try:
        _put_in_force(house, by)
    finally:
        house.close()


def _put_in_force(house: House, by: list[str] | None) -> None:
    found = house.adoption()
    if found.is_adopted:
        typer.echo(f"policy {found.configured} is in force; nothing waits for a signature")
        return
    if found.is_taken:
        raise Conflict(found.waiting)
    _show(house, found)
    first, second = (_signer(house, place, by[place] if by else None) for place in range(2))
    refused = adopt(house.acts(), policy=house.policy, signers=(first, second))
    if refused is not None:
        raise NotAuthorised(refused.reason, hint="nothing was adopted")
    typer.echo(f"policy {found.configured} is in force, signed by {first} and {second}")


def _show(house: House, found: Adoption) -> None:
    """Show what is to be signed: the version, the digest, and what it changes."""
    console = Console(width=120)
    console.print(f"policy {found.configured}, SHA-256 {found.digest}", markup=False, highlight=False)
    if found.in_force is None:
        console.print("It is the first of this record.")
        return
    before, _ = house.acts().policy()
    differences = changes(before, load(house.policy))
    if not differences:
        console.print(f"It says what {found.in_force} says, under another name or with other comments.", markup=False)
        return
    table = Table("what", found.in_force, found.configured, "", title=f"What changes against {found.in_force}")
    for one in differences:
        table.add_row(one.what, one.before, one.after, one.effect.value)
    console.print(table, markup=False)
    console.print("Cases that run keep what is stricter in either.")


def _signer(house: House, place: int, named: str | None) -> StaffId:
    """Return who gives a signature: whose token it is."""
    who = named or f"the {('first', 'second')[place]} who signs"
    token = os.environ.get(TOKEN_VARIABLES[place]) or typer.prompt(f"Token of {who}", hide_input=True, err=True)
    person = staff_by_token(house.config, token)
    if person is None or named not in (None, person.id):
        whose = named or "anybody on the staff"
        raise NotAuthenticated(f"that is not the token of {whose}", hint="nothing was adopted")
    return StaffId(person.id)
