"""Measure the two databases of the store: verbs beside raw rows, lists in a crowd, the feed to fifty gates, deadlines.

Prints one JSON line for each part. `--part` chooses one, `--kind` one database, `--cases` how large the crowd is,
`--dues` how many deadlines are due at once.
"""

from __future__ import annotations

import argparse
import json

import _crowd
import _dues
import _feed
import _throughput
from _houses import KINDS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=("throughput", "crowd", "feed", "dues"))
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--dues", type=int, default=_dues.DUES)
    options = parser.parse_args()
    kinds = [options.kind] if options.kind else KINDS
    if options.part in (None, "throughput"):
        _print("throughput", {"workload": _throughput.WORKLOAD} | {kind: _throughput.measure(kind) for kind in kinds})
    if options.part in (None, "crowd"):
        found = {kind: _crowd.measure(kind, options.cases) for kind in kinds}
        _print("crowd", {"few": _crowd.FEW, "many": options.cases, **found, "goals": _crowd.GOALS})
    if options.part in (None, "feed"):
        found = {kind: _feed.measure(kind) for kind in kinds}
        goals = {"goal_p99_ms": _feed.GOAL_MS, "receipt_goal_p99_ms": _feed.RECEIPT_GOAL_MS}
        _print("feed", {"gates": _feed.GATES, "trials": _feed.TRIALS, **found, **goals})
    if options.part in (None, "dues"):
        found = {kind: _dues.measure(kind, options.dues) for kind in kinds}
        _print("dues", {"dues": options.dues, **found, "goal_s": _dues.GOAL_S})


def _print(part: str, found: dict[str, object]) -> None:
    print(json.dumps({"bench": f"stores.{part}"} | found), flush=True)


if __name__ == "__main__":
    main()
