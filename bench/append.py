"""Measure an append to the ledger beside the same case update with a plain audit row; print one JSON line.

Interleaved rounds on one disk, the same pragmas, medians; the ledger side is the whole act: folds, tree, tables, feed.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from answerable.core.facts import (
    UNKNOWN,
    ActId,
    ActorId,
    CaseAssigned,
    CaseId,
    CaseOpened,
    Fact,
    Hazard,
    Recorded,
    StaffId,
    SubjectId,
    Tier,
    stream_of,
)
from answerable.edge import rfc3339
from answerable.store.opening import connect
from answerable.store.rows import micros
from answerable.store.sqlite import SqliteStore, create_store

START = datetime(2026, 8, 1, tzinfo=UTC)
CASES, ROUNDS, COMMITS = 100, 15, 40

AUDIT = """
CREATE TABLE audit (id INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, act TEXT NOT NULL, case_id TEXT,
  kind TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX audit_of_case ON audit (case_id);
CREATE TABLE case_row (case_id TEXT PRIMARY KEY, subject TEXT NOT NULL, tier INTEGER NOT NULL, owner TEXT,
  due INTEGER NOT NULL, changed_at INTEGER NOT NULL, facts INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX case_queue ON case_row (tier, due, case_id);
"""


class Ledger:
    """The store, one signal after another on a hundred cases."""

    def __init__(self, folder: Path) -> None:
        (folder / "keys").mkdir()
        keys = folder / "keys"
        self.store: SqliteStore = create_store(folder / "record", keys=keys, origin="bench.example/log", mark="0")
        self.seqs = [1] * CASES
        self.count = 0
        for number in range(CASES):
            with self.store.act() as tx:
                tx.append([self._recorded(_opened(number), 1)])

    def commit(self, facts: int) -> None:
        """Write so many facts in one act."""
        with self.store.act() as tx:
            written = self._facts(facts)
            tx.files([written[0].fact.subject])
            tx.append(written)

    def group_commit(self, acts: int) -> None:
        """Write one fact in each of so many acts of one batch."""
        with self.store.batch():
            for _ in range(acts):
                self.commit(1)

    def _facts(self, facts: int) -> list[Recorded]:
        number = self.count % CASES
        written = []
        for _ in range(facts):
            self.count += 1
            self.seqs[number] += 1
            written.append(self._recorded(_assigned(number, self.count), self.seqs[number]))
        return written

    def _recorded(self, fact: Fact, seq: int) -> Recorded:
        at = START + timedelta(seconds=self.count)
        act = ActId(f"act_{self.count:026d}")
        return Recorded(stream=stream_of(fact), seq=seq, at=at, by=ActorId("operator_1"), act=act, fact=fact)


class Plain:
    """The same update of the case and an audit row with the same content, by hand."""

    def __init__(self, folder: Path) -> None:
        path = folder / "plain.db"
        path.touch()
        self.connection: sqlite3.Connection = connect(path)
        self.connection.executescript(AUDIT)
        self.count = 0
        for number in range(CASES):
            row = (f"case_{number:026d}", f"su_{number:026d}", 3, "staff_1", micros(START), micros(START), 1)
            self.connection.execute("INSERT INTO case_row VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def commit(self, facts: int) -> None:
        """Write so many audit rows in one transaction."""
        self.connection.execute("BEGIN IMMEDIATE")
        for _ in range(facts):
            self._update()
        self.connection.execute("COMMIT")

    group_commit = commit

    def _update(self) -> None:
        run = self.connection.execute
        number = self.count % CASES
        self.count += 1
        at, case = START + timedelta(seconds=self.count), f"case_{number:026d}"
        tier, due, facts = run("SELECT tier, due, facts FROM case_row WHERE case_id = ?", (case,)).fetchone()
        change = "UPDATE case_row SET tier = ?, due = ?, owner = ?, changed_at = ?, facts = ? WHERE case_id = ?"
        run(change, (tier, due, f"st_{self.count:026d}", micros(at), facts + 1, case))
        fact = _assigned(number, self.count)
        body = json.dumps(
            {"subject": fact.subject, "case": fact.case, "owner": fact.owner, "deputy": fact.deputy}, sort_keys=True
        )
        values = (rfc3339(at), "operator_1", f"act_{self.count:026d}", case, "CaseAssigned", body)
        run("INSERT INTO audit (at, actor, act, case_id, kind, body) VALUES (?, ?, ?, ?, ?, ?)", values)


def _opened(number: int) -> CaseOpened:
    return CaseOpened(
        subject=SubjectId(f"su_{number:026d}"), case=CaseId(f"case_{number:026d}"), person=UNKNOWN,
        hazard=Hazard.STALKING, tier=Tier.CONCERN, policy="bench-1",
    )  # fmt: skip


def _assigned(number: int, count: int) -> CaseAssigned:
    """Return a fact that changes its case's row, so that both sides update one."""
    owner, deputy = StaffId(f"st_{count:026d}"), StaffId(f"st_{count + 1:026d}")
    subject, case = SubjectId(f"su_{number:026d}"), CaseId(f"case_{number:026d}")
    return CaseAssigned(subject=subject, case=case, owner=owner, deputy=deputy)


def _timed(verb: Callable[[int], None], facts: int, commits: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(commits):
        verb(facts)
    return time.perf_counter() - wall, time.process_time() - cpu


def _compare(ledger: Callable[[int], None], plain: Callable[[int], None], facts: int) -> dict[str, float]:
    """Run both in turn and return the medians of the rounds' ratios, and what one fact costs."""
    commits = max(COMMITS // facts, 4)
    rounds = [(_timed(ledger, facts, commits), _timed(plain, facts, commits)) for _ in range(ROUNDS)]
    written = commits * facts / 1e6
    return {
        "wall_ratio": round(median(one[0] / other[0] for one, other in rounds), 2),
        "cpu_ratio": round(median(one[1] / other[1] for one, other in rounds), 2),
        "ledger_cpu_us": round(median(one[1] for one, _ in rounds) / written, 1),
        "plain_cpu_us": round(median(other[1] for _, other in rounds) / written, 1),
        "ledger_facts_per_s": round(1e6 * written / median(one[0] for one, _ in rounds)),
    }


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        ledger, plain = Ledger(Path(folder)), Plain(Path(folder))
        for warm in (ledger.commit, plain.commit):
            warm(200)
        result = {
            "bench": "append",
            "one_fact_a_commit": _compare(ledger.commit, plain.commit, 1),
            "fifty_facts_an_act": _compare(ledger.commit, plain.commit, 50),
            "fifty_acts_a_commit": _compare(ledger.group_commit, plain.group_commit, 50),
            "target": {"one_fact_a_commit.wall_ratio": 1.3, "fifty.cpu_ratio": 2.2},
        }
        ledger.store.close()
        plain.connection.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
