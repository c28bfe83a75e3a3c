"""`answerable simulate`: rehearse a policy on a seeded world before real people depend on it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from answerable.cli.wiring import read_policy
from answerable.core.policy import PolicyError, load
from answerable.errors import BadInput, ConfigError
from answerable.simulation import Outcome, simulate
from answerable.simulation.grounds import Ground, InFiles, InMemory
from answerable.simulation.tally import Tally

SHIPPED = ("startup", "staffed", "platform")
WIDTH = 80

DSN = "ANSWERABLE_DSN"


class Kind(StrEnum):
    """What a record may lie in."""

    MEMORY = "memory"
    SQLITE = "sqlite"
    POSTGRES = "postgres"


PolicyOption = Annotated[str, typer.Option("--policy", "-p", help="A policy file, or startup, staffed or platform.")]
Days = Annotated[int, typer.Option("--days", "-d", min=1, max=3650, help="How long the world runs.")]
Seed = Annotated[int, typer.Option("--seed", "-s", min=0, help="The same seed gives the same world, byte for byte.")]
StoreOption = Annotated[Kind, typer.Option("--store", help="Where the record lies; a database needs ANSWERABLE_DSN.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def simulate_policy(
    policy: PolicyOption = "staffed",
    days: Days = 90,
    seed: Seed = 1,
    store: StoreOption = Kind.MEMORY,
    json_: AsJson = False,
) -> None:
    """Rehearse a policy: invented people, faults of every kind, and every law checked at every step.

    Two servers and a worker write one record, which ends with the run. In PostgreSQL their acts cross each other.
    """
    text = _text(policy)
    try:
        version = load(text).version
    except PolicyError as error:
        raise BadInput("the policy does not load:\n  - " + "\n  - ".join(error.problems)) from error
    # The faults are planned: what the worker would log about each is no news.
    logging.getLogger("answerable").setLevel(logging.CRITICAL + 1)
    with _ground(store) as ground:
        outcome = simulate(seed, policy=text, days=days, ground=ground, crossed=store is Kind.POSTGRES)
    if json_:
        typer.echo(json.dumps({"policy": version, **asdict(outcome)}, ensure_ascii=False))
    else:
        show(Console(width=WIDTH), outcome, version)
    if outcome.breach is not None:
        raise typer.Exit(1)


@contextmanager
def _ground(store: Kind) -> Iterator[Ground]:
    """Begin a record that the run closes."""
    if store is Kind.MEMORY:
        yield InMemory()
    elif store is Kind.SQLITE:
        with TemporaryDirectory(prefix="answerable-") as folder:
            yield InFiles(Path(folder))
    else:
        yield _database(os.environ.get(DSN, ""))


def _database(dsn: str) -> Ground:
    if not dsn:
        hint = f"set {DSN} to the address of a server where its user may create a database"
        raise ConfigError("no PostgreSQL was named", hint=hint)
    from answerable.simulation.database import InDatabase  # noqa: PLC0415 - its parts may not be installed

    return InDatabase(dsn)


def _text(policy: str) -> str:
    if policy in SHIPPED:
        return (resources.files("answerable.blobs") / "policies" / f"{policy}.toml").read_text("utf-8")
    return read_policy(Path(policy))


def show(console: Console, outcome: Outcome, version: str) -> None:
    """Print what came of a run, within 80 columns."""
    title = f"{outcome.days} days under {version}, seed {outcome.seed}"
    table = Table(title=title, title_justify="left", title_style="bold", width=WIDTH, show_header=False)
    table.add_column(style="cyan", width=24)
    table.add_column(ratio=1)
    for name, words in rows(outcome.tally):
        table.add_row(name, words)
    console.print(table)
    console.print(_laws(outcome))
    console.print(f"{outcome.steps:,} acts wrote {outcome.facts:,} facts; the root of the record is")
    console.print(outcome.root, style="dim", highlight=False)
    if outcome.breach is not None:
        console.print("\nA law was broken:", style="bold red")
        console.print(str(outcome.breach), markup=False, highlight=False)


def rows(tally: Tally) -> list[tuple[str, str]]:
    """Return the lines of the table: what is counted, and the count in words."""
    return [
        ("Came in", f"{tally.signals} flags, {tally.notices} notices"),
        ("Cases opened", _listed(tally.opened)),
        ("Decisions", f"{tally.decisions} taken, {tally.decisions_missed} limits passed without one"),
        ("Looks missed", f"{tally.looks_missed}"),
        ("Nobody looked, paged", _listed(tally.rungs)),
        ("Defaults by silence", f"{tally.defaults} took effect"),
        ("Protected by silence", f"{tally.protected_h:,} hours, over all accounts, until somebody decided"),
        ("Notices answered", f"{tally.answered} in words, {tally.lapsed} by the lapse, {tally.answers_open} open"),
        ("Lowered by two", f"{tally.lifts} lifts and closings"),
        ("Refused", _listed(tally.refused)),
        ("Plans not raised", f"{tally.plans_refused}"),
        ("Exchanges on cases", f"{tally.exchanges}, of them {tally.refused_exchanges} refused at the gate"),
        ("Served after a notice", f"{tally.served_after_notice}"),
        ("Pages sent", _listed(tally.pages)),
    ]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items()) or "none"


def _laws(outcome: Outcome) -> Table:
    table = Table(title="Laws", title_justify="left", title_style="bold", width=WIDTH)
    table.add_column("law", style="cyan", ratio=1)
    table.add_column("checked", justify="right")
    table.add_column("held", justify="right")
    for law, count in outcome.checks.items():
        broken = outcome.breach is not None and outcome.breach.law == law
        table.add_row(law, f"{count:,}", "[bold red]BROKEN[/]" if broken else "yes")
    return table
