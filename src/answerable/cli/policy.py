"""`answerable policy`: a policy is checked before it is adopted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from answerable.cli.wiring import read_policy
from answerable.core.policy import PolicyError, load
from answerable.errors import BadInput

policies = typer.Typer(help="Policies.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The policy file.")]


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
    typer.echo(f"policy {found.version} loads; it is adopted at the next start, in the name of two of the staff")
