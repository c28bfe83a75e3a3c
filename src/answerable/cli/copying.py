"""`answerable copy`: bring a record to another place, from a folder into a database or back, under the same keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.config import from_environment, load
from answerable.store.copying import Copied
from answerable.store.copying import copy as copy_record
from answerable.store.opening import Identity
from answerable.store.places import Place
from answerable.vault.keys import load_keyring

VARIABLE = "env:"
End = Annotated[str, typer.Argument(help="A folder, or env:NAME of the variable that holds a database's address.")]
Move = Annotated[bool, typer.Option("--move", help="The copy is the record from then on, and SOURCE opens no more.")]


def copy(source: End, target: End, config: ConfigPath = DEFAULT_CONFIG, move: Move = False) -> None:
    """Copy a record, prove the copy equal, and with --move go on there; without, the copy stays closed."""
    read = load(config)
    identity = Identity(origin=read.record.origin, mark=load_keyring(read.keys.path).mark)
    say = lambda text: typer.echo(text, err=True)  # noqa: E731
    copied = copy_record(place(source).side(), place(target).side(), identity, move=move, said=say)
    typer.echo(page(copied, source, target))


def place(named: str) -> Place:
    """Return the place that an argument names."""
    if named.startswith(VARIABLE):
        return Place.of_database(from_environment(named.removeprefix(VARIABLE), os.environ))
    return Place.of_folder(Path(named))


def page(copied: Copied, source: str, target: str) -> str:
    """Write what a copy came to for a person."""
    lines = [f"{copied.entries} facts and {copied.rows} other rows, read again and equal", f"root {copied.root}"]
    if copied.is_open:
        lines.append(f"the record is in {target} from now on; {source} opens no more. Name it in the configuration:")
        variable = target.removeprefix(VARIABLE)
        key, value = ("dsn_env", variable) if variable != target else ("path", target)
        lines.append(f'  [record] {key} = "{value}"')
    else:
        lines.append(f"the record stays in {source}; {target} stays closed. To go on there: --move")
    return "\n".join(lines)
