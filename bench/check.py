"""Measure `Gate.check` and the gate's memory with a million subjects; print one JSON line.

Speeds are CPU time, medians of interleaved runs, beside a bare dictionary of the same million.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from answerable.edge import SeededMint
from answerable_gate import Entry, Gate, GatePolicy, Heartbeat, Item, Level, Limit, Pinned, Request, Standing, alias
from answerable_gate.admission import Held, mark
from answerable_gate.feed import heartbeat_line

GATE_KEY = b"g" * 32
NOW = datetime(2026, 8, 1, tzinfo=UTC)
LEVELS = (Level.WATCH, Level.GUARDED, Level.GUARDED, Level.PAUSED)


def resident() -> int:
    """Give this process's resident bytes now (Linux)."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def an_entry(number: int, mint: SeededMint) -> Entry:
    """Build one subject: an open case with a measure; every tenth also has a default still to come."""
    subject = mint.token("subject")
    standing = Standing(LEVELS[number % 4], frozenset({Limit.CARE}) if number % 8 == 0 else frozenset())
    effective = NOW - timedelta(seconds=number)
    items = [Item(id=mint.token("item"), of=subject, standing=standing, effective=effective, kind="measure",
                  review_by=effective + timedelta(days=90))]
    if number % 10 == 0:
        items.append(Item(id=mint.token("item"), of=subject, standing=Standing(Level.PAUSED),
                          effective=NOW + timedelta(hours=1, seconds=number), kind="default", review_by=None))
    return Entry(subject=subject, version=1, items=tuple(items), aliases=(alias(GATE_KEY, f"user-{number}").hex(),),
                 frozen=None, open=True, reason_ref=subject)


def filled(subjects: int) -> tuple[Gate, int]:
    """Fill a gate, past the wire, and give it with the bytes it took."""
    policy = GatePolicy(version=0, preamble="", tools_allowed=("calculator",), on_stale="allow",
                        on_cold_start="refuse", on_no_identity="guarded", lease_s=60)
    gate = Gate(gate_key=GATE_KEY, pinned=Pinned(origin="o", key="k"), policy=policy, wall=NOW, monotonic=0.0)
    mint = SeededMint(1)
    gc.collect()
    before = resident()
    for number in range(subjects):
        gate._put(None, mark(Held(entry=an_entry(number, mint)), now=NOW))
    gc.collect()
    took = resident() - before
    gate.receive(heartbeat_line(Heartbeat(seq=0, now=NOW, size=0)), wall=NOW, monotonic=0.0)
    return gate, took


def seconds(run) -> float:
    """Give the CPU seconds of one run."""
    gc.disable()
    began = time.process_time()
    run()
    spent = time.process_time() - began
    gc.enable()
    return spent


def main(subjects: int, checks: int, rounds: int) -> dict:
    """Measure and give the figures."""
    base = resident()
    gate, took = filled(subjects)
    chance = random.Random(2)
    numbers = [chance.randrange(2 * subjects) for _ in range(checks)]  # half of them are strangers
    requests = [Request(identity=f"user-{number}", model="m", tools=()) for number in numbers]
    hot = [Request(identity=f"user-{number % 1000}", model="m", tools=()) for number in numbers]
    aliases = [gate.alias(request.identity) for request in requests]
    hot_aliases = [gate.alias(request.identity) for request in hot]
    memory = resident()
    table = {alias(GATE_KEY, f"user-{number}"): (number, None) for number in range(subjects)}

    def by_alias() -> None:
        for request, known in zip(requests, aliases, strict=True):
            gate.check(request, wall=NOW, monotonic=1.0, alias=known)

    def by_hot_alias() -> None:
        for request, known in zip(hot, hot_aliases, strict=True):
            gate.check(request, wall=NOW, monotonic=1.0, alias=known)

    def by_identity() -> None:
        for request in requests:
            gate.check(request, wall=NOW, monotonic=1.0)

    def bare() -> None:
        for _, known in zip(requests, aliases, strict=True):
            table.get(known)

    runs = {"alias": by_alias, "hot_alias": by_hot_alias, "identity": by_identity, "bare_dict": bare}
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            spent[name].append(seconds(run))
    each = {name: median(found) / checks * 1e6 for name, found in spent.items()}
    return {
        "bench": "gate.check",
        "subjects": subjects,
        "workload": "half known, half strangers, uniform; hot: 1000 known; header identity, no freeze",
        "us_per_check": {name: round(value, 3) for name, value in each.items()},
        "checks_per_second": {name: round(1e6 / value) for name, value in each.items()},
        "times_bare_dict": {name: round(value / each["bare_dict"], 1) for name, value in each.items()},
        "bytes_per_subject": round(took / subjects),
        "gate_mb": round(took / 1e6, 1),
        "process_before_mb": round(base / 1e6, 1),
        "goal": {"checks_per_second": 500_000, "process_mb": 200},
        "process_with_gate_mb": round((base + took) / 1e6, 1),
        "requests_prepared_mb": round((memory - base - took) / 1e6, 1),
    }


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    print(json.dumps(main(*(arguments or [1_000_000, 200_000, 7]))))
