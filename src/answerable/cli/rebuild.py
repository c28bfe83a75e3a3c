"""`answerable rebuild`: make the lists anew from the facts, beside whoever works on the record."""

from __future__ import annotations

import sys
from contextlib import closing

import typer

from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.cli.wiring import place_of
from answerable.config import load
from answerable.store.rebuilding import rebuild as rebuild_tables
from answerable.vault.keys import load_keyring


def rebuild(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Make the lists of cases, look-backs, effects and releases anew: 1 where an account could not be read."""
    read = load(config)
    place, keys = place_of(read), read.keys.path
    # Opening it tells whether it is this record, at this version, and not one that was moved.
    place.open(keys=keys, origin=read.record.origin, mark=load_keyring(keys).mark).close()
    with closing(place.tables()) as tables:
        rebuilt = rebuild_tables(tables)
    typer.echo(f"{rebuilt.subjects} accounts read, {rebuilt.rows} rows written or taken away")
    for one in rebuilt.unread:
        typer.echo(f"left alone  {one}", err=True)
    sys.exit(1 if rebuilt.unread else 0)
