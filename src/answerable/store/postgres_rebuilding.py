"""The rows of a record in PostgreSQL, for a rebuilding: it takes the same locks as an act.

Law: who writes about a subject holds its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from answerable.core.facts import SubjectId
from answerable.store.postgres_opening import connect, known_faults
from answerable.store.rebuilding import Tables
from answerable.store.sql_tx import Connection

LOCK = "SELECT id FROM subject WHERE id = ANY(?) ORDER BY id FOR UPDATE"
FACTS = "SELECT id, idx, bytes FROM fact LEFT JOIN leaf ON leaf.fact = fact.id WHERE subject = ? ORDER BY pos"


class PgTables(Tables):
    """The rows of a database."""

    key = "fact"

    def __init__(self, dsn: str) -> None:
        """Take the address of a record's database."""
        self._connection = connect(dsn)

    @property
    def connection(self) -> Connection:
        """The connection that everything here runs on."""
        return self._connection

    @contextmanager
    def holding(self, subjects: Sequence[SubjectId]) -> Iterator[None]:
        """Open a transaction that holds the rows of these subjects."""
        with known_faults(), self._connection.raw.transaction():
            self._connection.execute(LOCK, (list(subjects),))
            yield

    def facts(self, subject: SubjectId) -> Iterable[tuple[int, int | None, bytes]]:
        """Return a subject's facts in their order."""
        return self._connection.execute(FACTS, (subject,)).fetchall()

    def fact(self, key: int) -> bytes | None:
        """Return the fact of an id."""
        row = self._connection.execute("SELECT bytes FROM fact WHERE id = ?", (key,)).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
