"""`answerable migrate`: bring a record to this program's schema, beside programs of the version before."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.cli.wiring import place_of
from answerable.config import load
from answerable.edge import SystemClock

Post = Annotated[bool, typer.Option("--post", help="Also what ends older programs; only once none of them runs.")]
OnlyCheck = Annotated[bool, typer.Option("--check", help="Say what there is to do, and do nothing; 3 if anything.")]


def migrate(config: ConfigPath = DEFAULT_CONFIG, post: Post = False, check: OnlyCheck = False) -> None:
    """Migrate the record: what this version adds, and with --post what it takes away."""
    from answerable.store.migrating import Migration  # noqa: PLC0415 - half a second that no other command needs

    read = load(config)
    migration = Migration(place_of(read).where)
    now = SystemClock(read.clock.offset_file).now()
    steps = migration.pending(post=post) if check else migration.run(post=post, now=now)
    for one in steps:
        typer.echo(f"{'would do' if check else 'done'}  {one.name}  {one.says}")
    if not steps:
        typer.echo("nothing to do")
    left = migration.pending(post=True)
    if not post and left and not (check and steps):
        names = ", ".join(one.name for one in left)
        typer.echo(f"left for `answerable migrate --post`, once no older program runs: {names}")
    sys.exit(3 if check and steps else 0)
