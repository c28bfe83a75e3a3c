"""`answerable source` and `answerable recall`: what says too much, and what should not have said it.

Law: one person alone only raises; what is let go takes two, who have read the sample (L4).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from answerable.app import sources
from answerable.cli.acting import acting, shown, unless_refused
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.core.facts import RecallId, Tier
from answerable.core.recalls import Said
from answerable.errors import BadInput, NotFound

floods = typer.Typer(help="Sources that flood.", no_args_is_help=True)
recalls = typer.Typer(help="Take back what one version of a model said.", no_args_is_help=True)

Source = Annotated[str, typer.Argument(help="The name of the source, as its signals give it.")]
Recall = Annotated[str, typer.Argument(help="The token of the recall.")]
Of = Annotated[str, typer.Option("--source", help="The name of the source.")]
Model = Annotated[str, typer.Option("--model", help="Its model.")]
Version = Annotated[str, typer.Option("--version", help="The version that was wrong.")]
Since = Annotated[str, typer.Option("--since", help='From when, as "2026-04-30 09:00", in UTC where it says no zone.')]
Until = Annotated[str, typer.Option("--until", help="Until when; a recall is of a span that is over.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in words.")]


@floods.callback()
def _sources() -> None:
    """Sources that flood."""


@recalls.callback()
def _recalls() -> None:
    """Take back what one version of a model said."""


@floods.command("list")
def list_floods(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Show the sources that flood: what they say raises nobody unknown until a person confirms it."""
    with acting(config) as by:
        found = sources.listed(by.answerable.acts)["floods"]
    for one in found:
        typer.echo(f"{one['source']}\n  floods, said last {shown(one['said'])}")
        typer.echo(f"  if it is meant: answerable source confirm {one['source']}")
    if not found:
        typer.echo("no source floods")


@floods.command("confirm")
def confirm(source: Source, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Confirm that what a source says in such numbers is meant: every case that waited is raised."""
    with acting(config) as by:
        unless_refused(sources.confirm(by.answerable.acts, source, staff=by.staff))
    typer.echo(f"{source} is confirmed; the worker raises what waited")


@recalls.command("list")
def list_recalls(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Show every recall, and what it waits for."""
    with acting(config) as by:
        found = sources.listed(by.answerable.acts)["recalls"]
    for one in found:
        typer.echo(f"{one['recall']}\n{_told(one)}")
    if not found:
        typer.echo("nothing was recalled")


@recalls.command("show")
def show(recall: Recall, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Show a recall with its sample: the cases that both read before they sign."""
    with acting(config) as by:
        known = sources.listed(by.answerable.acts)["recalls"]
    found = next((one for one in known if one["recall"] == recall), None)
    if found is None:
        raise NotFound("there is no such recall", hint="answerable recall list")
    typer.echo(f"{recall}\n{_told(found)}")
    typer.echo("\n".join(["  sample:", *(f"    {case}" for case in found["sample"])]))


@recalls.command("propose")
def propose(
    source: Of, model: Model, version: Version, since: Since, until: Until, reason: Reason,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:  # fmt: skip
    """Propose to take back what one version said in a span; the system draws who signs as well, and a sample."""
    said = Said(source=source, model=model, version=version, since=_moment(since), until=_moment(until))
    with acting(config) as by:
        wanted = sources.RecallIn(said=said, reason=reason)
        found = unless_refused(sources.propose(by.answerable.acts, wanted, staff=by.staff))
    typer.echo(f"{found.recall}\n  cases that rest on it alone: {found.cases}\n  to sign: {by.staff} and {found.drawn}")
    typer.echo("\n".join(["  both read first:", *(f"    {case}" for case in found.sample)]))
    typer.echo(f"  then each: answerable recall sign {found.recall}")


@recalls.command("sign")
def sign(recall: Recall, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Sign a recall as one of the two, having opened every case of its sample."""
    with acting(config) as by:
        unless_refused(sources.sign(by.answerable.acts, RecallId(recall), staff=by.staff))
    typer.echo(f"{recall} is signed by {by.staff}")


@recalls.command("release")
def release(recall: Recall, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Let a recall that both signed take effect; tier 1 only once the cooling-off is over."""
    with acting(config) as by:
        tier = unless_refused(sources.release(by.answerable.acts, RecallId(recall), staff=by.staff))
    typer.echo(f"{recall} takes effect from tier {int(tier)} on")


def _told(one: dict[str, Any]) -> str:
    lines = [
        f"{one['source']}, {one['model']}, version {one['version']}",
        f"said from {shown(one['since'])} to {shown(one['until'])}",
        f"proposed by {one['by']}, drawn: {one['drawn']}",
        _waits_for(one),
    ]
    return "\n".join(f"  {line}" for line in lines)


def _waits_for(one: dict[str, Any]) -> str:
    unsigned = [person for person in (one["by"], one["drawn"]) if person not in one["signed"]]
    if unsigned:
        return f"waits for the signature of {' and '.join(unsigned)}"
    if one["released"] is None:
        return "signed by both; either lets it take effect: answerable recall release"
    if one["released"] is not Tier.CRITICAL:
        return "in effect for tiers 2 and 3; tier 1 by another release after the cooling-off"
    return "in effect"


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no time", hint='as "2026-04-30 09:00" or 2026-04-30T09:00:00Z') from error
    return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
