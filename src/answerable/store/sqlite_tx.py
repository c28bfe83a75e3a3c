"""One act over SQLite's rows, and the reading of them that folds are loaded from.

Law: the whole file is locked while an act is open, so that nothing else here needs a lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import accumulate

from answerable.core.facts import SubjectId
from answerable.ledger.tree import CompactRange
from answerable.store.act import Act
from answerable.store.folds import Folds, Row
from answerable.store.rows import Delta, micros
from answerable.store.sql_tx import Seen, SqlTx

BUMP = """
INSERT INTO feed VALUES (?, (SELECT ifnull(max(seq), 0) + 1 FROM feed), 1)
ON CONFLICT (subject) DO UPDATE SET seq = excluded.seq, version = version + 1
"""
_PUT_FACT = "INSERT INTO fact VALUES (?, ?, ?, ?, ?)"
HIGH_WATER = "SELECT high_water FROM fact ORDER BY idx DESC LIMIT 1"


class SqliteReading:
    """The rows that folds are loaded from."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take a connection, inside a transaction where one consistent reading is wanted."""
        self._run = connection.execute

    def end(self, subject: SubjectId | None) -> int:
        """Return where a subject's facts end: at its last leaf index + 1, or 0; None is the system."""
        last = self._run("SELECT max(idx) FROM fact WHERE subject IS ?", (subject,)).fetchone()[0]
        return 0 if last is None else last + 1

    def facts(self, subject: SubjectId | None, since: int) -> Iterator[Row]:
        """Return a subject's facts beyond an end, in the order of the tree."""
        asked = "SELECT idx + 1, idx, bytes FROM fact WHERE subject IS ? AND idx >= ? ORDER BY idx"
        return self._run(asked, (subject, since))


class SqliteTx(SqliteReading, SqlTx, Act):
    """One act."""

    HIGH_WATER = HIGH_WATER

    def __init__(
        self, connection: sqlite3.Connection, origin: str, folds: Folds, edge: CompactRange | None, seen: Seen
    ) -> None:
        """Take the connection that holds the write lock, what every act takes, and what the transaction has seen."""
        SqlTx.__init__(self, connection, seen)
        Act.__init__(self, origin, folds, edge)

    def lock(self, subjects: Sequence[SubjectId]) -> None:
        """Do nothing: BEGIN IMMEDIATE holds the whole file."""

    def write(self, delta: Delta) -> None:
        """Write a delta down."""
        self.high_water()
        # Acts that are written together have each a time of their own.
        highs = accumulate((micros(one.at) for one in delta.leaves), max, initial=self._seen.high_water or 0)
        next(highs)
        self._note_written(delta)
        self._put(
            _PUT_FACT,
            [(one.index, one.subject, at, one.nodes, one.data) for one, at in zip(delta.leaves, highs, strict=True)],
        )
        self._write_tables(delta)
        self._put("INSERT INTO releasing VALUES (?, ?)", [(one.index, one.subject) for one in delta.releasing])
        self._bump(delta.bumped)

    def _bump(self, subjects: Sequence[SubjectId]) -> None:
        self._put(BUMP, [(subject,) for subject in subjects])
