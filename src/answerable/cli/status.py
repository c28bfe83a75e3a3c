"""`answerable status`: what the record holds and under which key its readers pin it."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from answerable.api.health import last_beat
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.cli.wiring import open_house
from answerable.config import load
from answerable.edge import rfc3339
from answerable.work.checking import last_check
from answerable.work.loop import beat_file


def status(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Show how the record stands and the key to pin."""
    house = open_house(load(config))
    try:
        reading = house.reading()
        health, adoption = reading.health(), reading.adoption()
    finally:
        house.close()
    beat = last_beat(beat_file(house.config.record.path))
    table = Table(show_header=False, box=None)
    table.add_row("origin", house.config.record.origin)
    table.add_row("key to pin", reading.vkey)
    table.add_row("policy in force", adoption.in_force or "none: serve and work do not start")
    if adoption.waiting is not None:
        table.add_row("", f"{adoption.waiting} (answerable policy adopt)")
    table.add_row("entries", str(health.size))
    table.add_row("under a signed checkpoint", str(health.sealed))
    table.add_row("time", rfc3339(health.now))
    table.add_row("last sweep of `answerable work`", rfc3339(beat) if beat else "never")
    checked = last_check(house.config.record.path)
    table.add_row("last check of the record", f"{checked.verdict} at {rfc3339(checked.at)}" if checked else "never")
    if checked is not None and checked.first is not None:
        table.add_row("first bad thing", escape(checked.first))
    table.add_row("overdue", "yes: is `answerable work` running?" if health.is_overdue else "no")
    Console(width=200).print(table)
