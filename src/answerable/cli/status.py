"""`answerable status`: how the record stands, who serves it, which gates are in force, and the key to pin.

Law: a gate that is not in force is never shown as if it were (L1).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from answerable.app import Adoption, Health
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.cli.wiring import open_house
from answerable.config import load
from answerable.edge import rfc3339
from answerable.errors import AnswerableError
from answerable.ports.signer import Signer
from answerable.work import signs as life
from answerable.work.signs import ALIVE_S, SeenGate, SeenProcess, Signs
from answerable_gate.clock import SUSPECT_AFTER

WIDTH = 80


def status(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Show how the record stands, which processes and gates there are, and the key to pin."""
    house = open_house(load(config))
    try:
        reading = house.reading()
        health, adoption, policy = reading.health(), reading.adoption(), None
        if adoption.in_force is not None:
            policy = reading.gate_policy()
        signs, signer = life.read(house.store, now=health.now), _signer(house.signer)
        clock = _clock(house.config.clock.offset_file is not None, health.now - house.clock.now())
    finally:
        house.close()
    lease_s = float(policy.lease_s if policy else house.config.gate.lease_s)
    console = Console(width=WIDTH, highlight=False)
    # Never broken, whatever the width: it is there to be copied.
    console.print(f"key to pin  {reading.vkey}", markup=False, soft_wrap=True)
    console.print(_record(house.config.record.origin, health, adoption, signs, signer, clock))
    _print_table(console, "processes", _lines_of_processes(signs.processes, health.now))
    _print_table(console, "gates", _lines_of_gates(life.gates(signs.gates, now=health.now, lease_s=lease_s)))


def _record(origin: str, health: Health, adoption: Adoption, signs: Signs, signer: str, clock: list[str]) -> Table:
    table, check = Table(show_header=False, box=None), signs.check
    table.add_row("origin", origin)
    table.add_row("policy in force", adoption.in_force or "none: serve and work do not start")
    if adoption.waiting is not None:
        table.add_row("", f"{adoption.waiting} (answerable policy adopt)")
    table.add_row("entries", str(health.size))
    table.add_row("under a checkpoint", str(health.sealed))
    table.add_row("signer", escape(signer))
    table.add_row("time", rfc3339(health.now))
    for line in clock:
        table.add_row("", line)
    table.add_row("last sweep", rfc3339(signs.swept_at) if signs.swept_at else "never")
    table.add_row("last check", f"{check.verdict} at {rfc3339(check.at)}" if check else "never")
    if check is not None and check.first is not None:
        table.add_row("first bad thing", escape(check.first))
    table.add_row("overdue", "yes: is a worker running?" if health.is_overdue else "no")
    return table


def _clock(is_moved: bool, ahead: timedelta) -> list[str]:
    """Say what is odd about the time: a clock that was once wrong moves every limit, and the record never goes back."""
    said = ["MOVED by clock.offset_file, which is for rehearsals"] if is_moved else []
    if ahead > SUSPECT_AFTER:
        said.append(f"{spelled(ahead.total_seconds())} AHEAD of this machine's clock")
    return said


def _signer(signer: Signer) -> str:
    try:
        return f"signed {signer.signed_last().size} last"
    except AnswerableError as error:
        return f"NOT SIGNING: {error}"


def _print_table(console: Console, title: str, lines: list[tuple[str, ...]]) -> None:
    console.print(f"\n{title}", style="bold")
    table = Table(show_header=False, box=None)
    for line in lines or [("none",)]:
        table.add_row(*(escape(cell) for cell in line))
    console.print(table)


def _lines_of_processes(seen: tuple[SeenProcess, ...], now: datetime) -> list[tuple[str, ...]]:
    return [
        (one.name, " ".join(one.roles), one.version, f"up {spelled((now - one.since).total_seconds())}")
        if one.silent_s <= ALIVE_S
        else (one.name, " ".join(one.roles), one.version, f"SILENT for {spelled(one.silent_s)}")
        for one in seen
    ]


def _lines_of_gates(seen: list[SeenGate]) -> list[tuple[str, ...]]:
    return [
        (gate.name, "in force" if gate.in_force else "NOT IN FORCE", f"heard {spelled(gate.silent_s)} ago")
        for gate in seen
    ]


def spelled(seconds: float) -> str:
    """Return a span in its largest whole unit, as 90 s, 5 min, 3 h or 2 d."""
    whole = int(max(seconds, 0))
    for size, unit, least in ((86_400, "d", 2 * 86_400), (3600, "h", 2 * 3600), (60, "min", 120)):
        if whole >= least:
            return f"{whole // size} {unit}"
    return f"{whole} s"
