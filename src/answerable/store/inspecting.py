"""Reading a record in order to check it: rows as they lie, by their column names, over a connection that cannot write.

Law: nothing here is believed, and nothing is kept from a writer: each reading is short.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any

from answerable.core.facts import SubjectId
from answerable.store.opening import RECORD, connect, known_faults, statements
from answerable.store.protocol import CaseRow
from answerable.store.sql_tx import CASE_COLUMNS, columns
from answerable.store.sqlite_tx import SqliteReading

Row = dict[str, Any]

COUNTS = """
SELECT (SELECT ifnull(max(idx) + 1, 0) FROM fact) AS size, (SELECT count(*) FROM case_row) AS case_row,
  (SELECT count(*) FROM effect) AS effect, (SELECT count(*) FROM releasing) AS releasing,
  (SELECT count(*) FROM gate_alias) AS gate_alias,
  (SELECT count(*) FROM outgoing WHERE idem NOT GLOB 'check:*') AS outgoing
"""
LEAVES = "SELECT idx, subject, high_water, nodes, bytes FROM fact WHERE idx >= ? AND idx < ? ORDER BY idx"
TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
TEXTS = """
SELECT text.*, author_key.wrapped FROM text LEFT JOIN author_key USING (case_id, author)
WHERE token > ? ORDER BY token LIMIT ?
"""


class Inspection:
    """One reader of one record's file, for one thread."""

    def __init__(self, folder: Path) -> None:
        """Open the record of a folder."""
        self._connection = connect(folder / RECORD)
        self._connection.execute("PRAGMA query_only=ON")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Hold one consistent reading while inside."""
        with known_faults():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                with suppress(sqlite3.Error):
                    self._connection.execute("COMMIT")

    def rows(self, asked: str, *values: object) -> list[Row]:
        """Return rows by their columns' names."""
        with known_faults():
            found = self._connection.execute(asked, values)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found]

    def row(self, asked: str, *values: object) -> Row | None:
        """Return the first row, if any."""
        return next(iter(self.rows(asked, *values)), None)

    # --- the whole

    def counts(self) -> dict[str, int]:
        """Return the size of the tree and how many rows the tables hold, all of one moment."""
        return self.rows(COUNTS)[0]

    def meta(self) -> dict[str, str]:
        """Return what the file says of itself."""
        return {row["key"]: row["value"] for row in self.rows("SELECT key, value FROM meta")}

    def triggers(self) -> dict[str, str]:
        """Return the triggers of the file."""
        return {row["name"]: row["sql"] for row in self.rows(TRIGGERS)}

    def subjects(self, after: str, limit: int) -> list[SubjectId]:
        """Return the next subjects that have facts."""
        asked = "SELECT DISTINCT subject FROM fact WHERE subject > ? ORDER BY subject LIMIT ?"
        return [row["subject"] for row in self.rows(asked, after, limit)]

    # --- the record

    def leaves(self, start: int, stop: int) -> list[Row]:
        """Return the rows of a span of the tree."""
        return self.rows(LEAVES, start, stop)

    def facts(self, subject: SubjectId | None) -> list[tuple[int | None, bytes]]:
        """Return leaf index and bytes of a subject's facts; None is the system."""
        with known_faults():
            return [(index, data) for _, index, data in SqliteReading(self._connection).facts(subject, 0)]

    def checkpoints(self, after: int, upto: int) -> dict[int, str]:
        """Return the notes whose size lies in a span."""
        asked = "SELECT size, note FROM checkpoint WHERE size > ? AND size <= ? ORDER BY size"
        return {row["size"]: row["note"] for row in self.rows(asked, after, upto)}

    def next_checkpoint(self, size: int) -> int | None:
        """Return the smallest size, from one on, that a checkpoint covers."""
        row = self.row("SELECT min(size) AS size FROM checkpoint WHERE size >= ?", size)
        return row["size"] if row else None

    def newest_checkpoint(self) -> int:
        """Return the largest size that a checkpoint covers, 0 where there is none."""
        return int(self.rows("SELECT ifnull(max(size), 0) AS size FROM checkpoint")[0]["size"])

    def texts(self, after: str, limit: int) -> list[Row]:
        """Return the next sealed texts, each with its author's key."""
        return self.rows(TEXTS, after, limit)

    def blobs(self, after: str, limit: int) -> list[Row]:
        """Return the next blobs."""
        return self.rows("SELECT address, content FROM blob WHERE address > ? ORDER BY address LIMIT ?", after, limit)

    def has_text(self, token: str) -> bool:
        """Tell whether a sealed text is kept."""
        return self.row("SELECT 1 AS it FROM text WHERE token = ?", token) is not None

    def answer(self, source: str, key: str) -> bytes | None:
        """Return a remembered answer."""
        row = self.row("SELECT answer FROM answer WHERE source = ? AND key = ?", source, key)
        return row["answer"] if row else None


def kept_triggers() -> dict[str, str]:
    """Return the triggers that a record is begun with."""
    script = resources.files("answerable.store").joinpath("record.sql").read_text("utf-8")
    fresh = sqlite3.connect(":memory:")
    try:
        for statement in statements(script):
            fresh.execute(statement)
        return dict(fresh.execute(TRIGGERS).fetchall())
    finally:
        fresh.close()


def case_columns(row: CaseRow) -> Row:
    """Return a case's row as the table holds it, by its columns' names."""
    return dict(zip(CASE_COLUMNS, columns(row), strict=True))
