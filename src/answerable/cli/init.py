"""`answerable init`: a folder with a configuration that works, keys, and a record that has begun."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from answerable.cli.options import CONFIG_FILE
from answerable.cli.wiring import open_house
from answerable.config import init_config, load
from answerable.edge import RandomMint

Folder = Annotated[Path, typer.Argument(help="The folder to make; an existing configuration is never replaced.")]

HERE = Path()


def init(folder: Folder = HERE) -> None:
    """Make a folder with a configuration, keys and a record, and show the tokens once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / CONFIG_FILE
    starter = init_config(path, mint=RandomMint())
    house = open_house(load(path))
    vkey = house.signer.vkey
    house.close()
    console = Console(width=200)
    table = Table("who", "token", title="Tokens: shown once, kept nowhere")
    for who, token in starter.tokens.items():
        table.add_row(who, token)
    console.print(table)
    console.print("The key of the log, for readers to pin:")
    console.print(vkey, markup=False, highlight=False, soft_wrap=True)
    console.print("\nNow, in this order; the first asks two of the staff for their tokens:")
    for command in ("policy adopt", "serve", "work"):
        console.print(f"  answerable {command} --config {path}", markup=False, highlight=False, soft_wrap=True)
