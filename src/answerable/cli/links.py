"""`answerable link`: the links that nobody has confirmed, and the word of a person on one.

Law: confirming only raises; what a link carries is withdrawn in the case, by two and with time (L4).
"""

from __future__ import annotations

from typing import Annotated

import typer

from answerable.cli.acting import acting, unless_refused
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.core.facts import LinkId, SubjectId

links = typer.Typer(help="Accounts that may be one person's.", no_args_is_help=True)

Link = Annotated[str, typer.Argument(help="The token of the link.")]
Subject = Annotated[str, typer.Argument(help="The token of one of its two accounts.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")]


@links.callback()
def _group() -> None:
    """Accounts that may be one person's."""


@links.command("list")
def list_links(limit: Limit = 20, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Show the links that nobody has confirmed, the riskiest first; what you are barred from is left out."""
    with acting(config) as by:
        found = by.answerable.links_to_look_at(staff=by.staff, limit=limit)
    for row in found:
        typer.echo(f"{row.link}  {'strong' if row.strong else 'weak'}: {', '.join(row.identifiers)}")
        typer.echo(f"  {row.subject} and {row.other}\n  most urgent case: {row.case}")
    typer.echo("one person's: answerable link confirm LINK ACCOUNT" if found else "no link waits for anybody")


@links.command("confirm")
def confirm(link: Link, subject: Subject, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Confirm that two accounts are one person's: from then on standing is shared in full."""
    with acting(config) as by:
        unless_refused(by.answerable.confirm_link(SubjectId(subject), LinkId(link), staff=by.staff))
    typer.echo(f"{link} is confirmed by {by.staff}")
