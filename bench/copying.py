"""Measure a record of 100,000 facts copied from SQLite's files into PostgreSQL and back, and its lists made anew.

One JSON line. `ANSWERABLE_TEST_DSN` names a server whose user may create databases, else the tests' own is started.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import append

from answerable.store.copying import Copied, copy
from answerable.store.opening import Identity
from answerable.store.places import Place
from answerable.store.rebuilding import rebuild
from tests.postgres import database
from tests.storage.worlds import checkpoint

ORIGIN, MARK = "bench.example/log", "0"
FACTS, CASES = 100_000, 5_000
EMPTIED = ("DELETE FROM case_row", "DELETE FROM look_back")


def filled(folder: Path, facts: int) -> Place:
    """Write a record of so many facts, a checkpoint over each twentieth of them, and return its place."""
    append.CASES = CASES
    ledger = append.Ledger(folder)
    while (size := ledger.store.size()) < facts:
        with ledger.store.batch():
            while ledger.store.size() < min(size + facts // 20, facts):
                ledger.commit(1)
        ledger.store.put_checkpoint(checkpoint(ledger.store, origin=ORIGIN))
    ledger.store.close()
    return Place.of_folder(folder / "record")


def timed(source: Place, target: Place) -> tuple[Copied, float]:
    """Move a record and return what came of it, and the seconds."""
    began = time.perf_counter()
    copied = copy(source.side(), target.side(), Identity(origin=ORIGIN, mark=MARK), move=True)
    return copied, round(time.perf_counter() - began, 2)


def lists_anew(place: Place) -> tuple[int, float]:
    """Empty the lists, make them anew, and return how many rows that were, and the seconds."""
    with closing(place.tables()) as tables:
        for statement in EMPTIED:
            tables.connection.execute(statement)
        began = time.perf_counter()
        rows = rebuild(tables).rows
        return rows, round(time.perf_counter() - began, 2)


def main(facts: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, database() as dsn:
        home, there = filled(Path(folder), facts), Place.of_database(dsn)
        back = Place.of_folder(Path(folder) / "back")
        first, to_postgres = timed(home, there)
        rows, rebuilt_s = lists_anew(there)
        second, to_sqlite = timed(there, back)
        _, rebuilt_sqlite_s = lists_anew(back)
        with closing(back.open(keys=Path(folder) / "keys", origin=ORIGIN, mark=MARK)) as store:
            is_same = store.root().hex() == first.root == second.root
    result = {
        "bench": "copying",
        "facts": first.entries,
        "other_rows": first.rows,
        "same_root": is_same,
        "to_postgres_s": to_postgres,
        "to_sqlite_s": to_sqlite,
        "lists_rows": rows,
        "lists_anew_postgres_s": rebuilt_s,
        "lists_anew_sqlite_s": rebuilt_sqlite_s,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else FACTS)
