"""Many defaults due in one moment, with a leading worker, with one beside whom others write, and with three who race.

A default is armed for each account, one a second, and all are overdue when the workers begin. Each round sweeps a
copy of the same record. CPU of all processes; a guest's wait is from the sending of its flag to the commit.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from _houses import Crew, Site, cpu_s, site
from psycopg import conninfo

from answerable.app import SignalIn
from answerable.cli.wiring import open_adopted
from answerable.core.facts import Hazard
from answerable.edge import ManualClock, SystemClock
from answerable.errors import Conflict, StoreUnavailable
from answerable.work.ticker import sweep
from answerable.work.writer import Writer

SCRIPT = str(Path(__file__).resolve())
DUES, ROUNDS, AT_ONCE, GUEST_S = 10_000, 3, 100, 0.05
GOAL_S = 10
SHAPES = ("alone", "beside_a_writer", "three")


class Hand:
    """One process of a house."""

    def __init__(self, config: Path) -> None:
        """Open the record."""
        self._house = open_adopted(config)

    def close(self) -> None:
        """Close it."""
        self._house.close()

    def prepare(self, count: int) -> dict[str, Any]:
        """Flag so many accounts, one a second, each of which arms a default."""
        desk, clock = self._house.answerable(), ManualClock(SystemClock().now())
        desk.acts.clock = clock
        for first in range(0, count, AT_ONCE):
            with self._house.store.batch():
                for number in range(first, min(first + AT_ONCE, count)):
                    desk.raise_signal(_flag(f"due-{number}"))
                    clock.advance(timedelta(seconds=1))
        desk.seal()
        return {}

    def sweep(self) -> dict[str, Any]:
        """Write down what is due until nothing is, as a worker does."""
        desk = self._house.answerable()
        wall, cpu = time.perf_counter(), time.process_time()
        while self._house.store.due(desk.acts.now(self._house.store.high_water()), 1):
            with suppress(Conflict, StoreUnavailable):
                sweep(desk)
        return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}

    def visit(self) -> dict[str, Any]:
        """Flag a new account every now and then until the next line comes; tell how long each took."""
        writer, waits, over = Writer(self._house.answerable()), [], threading.Event()
        writer.start()
        print("{}", flush=True)

        def knock() -> None:
            while not over.wait(GUEST_S):
                came, sent = _flag(f"guest-{len(waits)}"), time.perf_counter()
                writer.submit(lambda desk, came=came: desk.raise_signal(came)).result()
                waits.append((time.perf_counter() - sent) * 1000)

        knocking = threading.Thread(target=knock)
        knocking.start()
        sys.stdin.readline()
        over.set()
        knocking.join()
        writer.close()
        return {"p50": median(waits), "most": max(waits), "taken": len(waits)}


def _flag(user: str) -> SignalIn:
    return SignalIn(
        id=user, source="classifier-1", model="moderation", version="3", label="violence", hazard=Hazard.THREAT,
        user=user, score=0.91, conversation=f"conversation-{user}",
    )  # fmt: skip


def main() -> None:
    """Be one process: do what each line of the input says."""
    hand = Hand(Path(sys.argv[1]))
    orders = {"prepare": hand.prepare, "sweep": hand.sweep, "visit": hand.visit}
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(orders[order.pop("do")](**order)), flush=True)
    hand.close()


# --- all of them


def measure(kind: str, dues: int = DUES) -> dict[str, Any]:
    """Measure one kind of store in each shape: medians of rounds, and the longest that a guest waited in any."""
    found: dict[str, list[dict[str, float]]] = {shape: [] for shape in SHAPES}
    with site(kind) as first:
        _prepare(first, dues)
        for _ in range(ROUNDS):
            for shape, rounds in found.items():
                with _copy(first) as one:
                    rounds.append(_race(one, shape))
    return {shape: _told(rounds) for shape, rounds in found.items()}


def _told(rounds: list[dict[str, float]]) -> dict[str, float]:
    worst = {key: max(one[key] for one in rounds) for key in rounds[0] if key.endswith("_most")}
    return {key: round(median(one[key] for one in rounds), 1) for key in rounds[0]} | {
        key: round(value, 1) for key, value in worst.items()
    }


def _prepare(found: Site, dues: int) -> None:
    found.config.write_text(found.config.read_text() + '\n[clock]\noffset_file = "clock.offset"\n')
    (found.home / "clock.offset").write_text("0")
    crew = Crew(SCRIPT, [str(found.config)], found, 1)
    crew.tell({"do": "prepare", "count": dues})
    crew.close()
    (found.home / "clock.offset").write_text(str(int(timedelta(days=30).total_seconds())))


@contextmanager
def _copy(found: Site) -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "house"
        shutil.copytree(found.home, home)
        if found.dsn is None:
            yield replace(found, home=home)
            return
        name = str(conninfo.conninfo_to_dict(found.dsn)["dbname"])
        with psycopg.connect(conninfo.make_conninfo(found.dsn, dbname="template1"), autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE copy TEMPLATE "{name}"')
            try:
                yield replace(found, home=home, dsn=conninfo.make_conninfo(found.dsn, dbname="copy"))
            finally:
                admin.execute("DROP DATABASE copy WITH (FORCE)")


def _race(found: Site, shape: str) -> dict[str, float]:
    crew = Crew(SCRIPT, [str(found.config)], found, 3 if shape == "three" else 1)
    guest = Crew(SCRIPT, [str(found.config)], found, 1) if shape == "beside_a_writer" else None
    try:
        if guest is not None:
            guest.tell({"do": "visit"})
        before = cpu_s(found.servers)
        told = crew.tell(*[{"do": "sweep"}] * len(crew))
        spent = {
            "wall_s": max(one["wall"] for one in told),
            "cpu_s": sum(one["cpu"] for one in told),
            "server_cpu_s": cpu_s(found.servers) - before,
        }
        if guest is not None:
            (waits,) = guest.tell({"do": "end"})
            spent |= {f"guest_ms_{key}": value for key, value in waits.items()}
        return spent
    finally:
        crew.close()
        if guest is not None:
            guest.close()


if __name__ == "__main__":
    main()
