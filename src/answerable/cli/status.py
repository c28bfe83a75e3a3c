"""`answerable status`: what the record holds and under which key its readers pin it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from answerable.api.health import last_beat
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.cli.wiring import open_house
from answerable.config import load
from answerable.edge import rfc3339
from answerable.work.loop import beat_file


def status(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Show how the record stands and the key to pin."""
    house = open_house(load(config))
    try:
        reading = house.reading()
        health, policy = reading.health(), reading.gate_policy()
    finally:
        house.close()
    beat = last_beat(beat_file(house.config.record.path))
    table = Table(show_header=False, box=None)
    table.add_row("origin", house.config.record.origin)
    table.add_row("key to pin", reading.vkey)
    table.add_row("policy version", str(policy.version))
    table.add_row("entries", str(health.size))
    table.add_row("under a signed checkpoint", str(health.sealed))
    table.add_row("time", rfc3339(health.now))
    table.add_row("last sweep of `answerable work`", rfc3339(beat) if beat else "never")
    table.add_row("overdue", "yes: is `answerable work` running?" if health.is_overdue else "no")
    Console(width=200).print(table)
