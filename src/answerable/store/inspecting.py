"""Reading a record in order to check it: rows as they lie, by their column names, over a connection that cannot write.

Law: nothing here is believed, and nothing is kept from a writer: each reading is short.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from answerable.core.facts import Recorded, SubjectId, SystemFact
from answerable.errors import Corrupt
from answerable.store.opening import RECORD, SCHEMA, connect, known_faults, programs, revision_of, statements
from answerable.store.protocol import CaseRow
from answerable.store.sql_tx import CASE_COLUMNS, columns

Row = dict[str, Any]

ROWS_COUNTED = """
(SELECT count(*) FROM case_row) AS case_row, (SELECT count(*) FROM effect) AS effect,
(SELECT count(*) FROM releasing) AS releasing, (SELECT count(*) FROM gate_alias) AS gate_alias,
(SELECT count(*) FROM outgoing WHERE substr(idem, 1, 6) <> 'check:') AS outgoing
"""
SIZE = "SELECT coalesce(max(idx) + 1, 0) AS size FROM fact"
LEAVES = "SELECT idx, subject, high_water, nodes, bytes FROM fact WHERE idx >= ? AND idx < ? ORDER BY idx"
FACTS = "SELECT idx AS place, idx, bytes FROM fact WHERE subject IS ? ORDER BY idx"
TRIGGERS = "SELECT 'trigger ' || name AS name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
TEXTS = """
SELECT text.*, author_key.wrapped FROM text LEFT JOIN author_key USING (case_id, author)
WHERE token > ? ORDER BY token LIMIT ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A record at one moment: the size of its tree, how many rows its tables hold, what of itself cannot be true.

    `waiting` are the facts that are committed and not in the tree yet, by the names that `facts` gives them.
    """

    size: int
    counts: dict[str, int]
    waiting: tuple[int, ...] = ()
    faults: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Kept:
    """A fact as it lies: its name in this kind of database, its leaf index once it is in the tree, its bytes."""

    name: int
    index: int | None
    data: bytes


class Inspection(ABC):
    """One reader of one record, for one thread.

    `slack` is how far, in time, the order of the tree may be from the order in which acts saw each other.
    """

    slack = timedelta(0)

    # --- what a kind of database has to offer

    @property
    def is_lost(self) -> bool:
        """Tell whether the database is out of reach: what is not read then is no fault of the record."""
        return False

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """Hold one consistent reading while inside."""

    @abstractmethod
    def rows(self, asked: str, *values: object) -> list[Row]:
        """Return rows by their columns' names."""

    @abstractmethod
    def moment(self) -> Moment:
        """Return the record as it stands now."""

    @abstractmethod
    def size(self) -> int:
        """Return how many leaves there are."""

    @abstractmethod
    def revision(self) -> str:
        """Return the last migration, as far as it is told alike wherever it stands; raise Corrupt where not."""

    @abstractmethod
    def acting(self) -> dict[str, str]:
        """Return what does something by itself in the database: triggers, and what they call."""

    @abstractmethod
    def begun_acting(self) -> dict[str, str]:
        """Return of this kind what a record is begun with."""

    @abstractmethod
    def leaves(self, start: int, stop: int) -> list[Row]:
        """Return the rows of a span of the tree: idx, nodes, bytes, and what `made` returns."""

    @abstractmethod
    def waiting(self, names: Sequence[int]) -> list[Row]:
        """Return rows of facts that wait for their place: name, bytes, and what `made` returns."""

    @abstractmethod
    def made(self, recorded: Recorded, high_water: int) -> Row:
        """Return what an entry makes of the other columns of its row."""

    @abstractmethod
    def releasing(self, start: int, stop: int) -> dict[int, Row]:
        """Return the rows of `releasing` that lie in a span of the tree, by their leaf."""

    @abstractmethod
    def releasing_waiting(self, names: Sequence[int]) -> dict[int, Row]:
        """Return the rows of `releasing` of facts that wait, by their names."""

    @abstractmethod
    def facts(self, subject: SubjectId | None) -> list[Kept]:
        """Return a subject's facts in their order; None is the system."""

    @abstractmethod
    def misplaced(self, subject: SubjectId | None) -> list[str]:
        """Return what of a subject's places cannot be true."""

    # --- the whole

    def row(self, asked: str, *values: object) -> Row | None:
        """Return the first row, if any."""
        return next(iter(self.rows(asked, *values)), None)

    def meta(self) -> dict[str, str]:
        """Return what the database says of itself."""
        return {row["key"]: row["value"] for row in self.rows("SELECT key, value FROM meta")}

    def version_fault(self) -> str | None:
        """Return what is wrong with the version that the record is said to have."""
        try:
            oldest, newest = programs(found := self.revision())
        except Corrupt as error:
            return str(error)
        return None if oldest <= SCHEMA <= newest else f"{found} is not for this program"

    def subjects(self, after: str, limit: int) -> list[SubjectId]:
        """Return the next subjects that have facts."""
        asked = "SELECT DISTINCT subject FROM fact WHERE subject > ? ORDER BY subject LIMIT ?"
        return [row["subject"] for row in self.rows(asked, after, limit)]

    # --- the record

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
        return int(self.rows("SELECT coalesce(max(size), 0) AS size FROM checkpoint")[0]["size"])

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


class SqliteInspection(Inspection):
    """One reader of one record's file."""

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

    def moment(self) -> Moment:
        """Return the record as it stands now: every fact is in the tree."""
        (counts,) = self.rows(f"SELECT ({SIZE}) AS size, {ROWS_COUNTED}")
        return Moment(size=counts.pop("size"), counts=counts)

    def size(self) -> int:
        """Return how many leaves there are."""
        return int(self.rows(SIZE)[0]["size"])

    def revision(self) -> str:
        """Return the last migration; the file's own number tells it to version 1."""
        with known_faults():
            found = revision_of(self._connection)
        if programs(found)[0] != self.rows("PRAGMA user_version")[0]["user_version"]:
            raise Corrupt(f"{found} is not what the file's number says")
        return found

    def acting(self) -> dict[str, str]:
        """Return the triggers of the file."""
        return {row["name"]: row["sql"] for row in self.rows(TRIGGERS)}

    def begun_acting(self) -> dict[str, str]:
        """Return the triggers that a record is begun with."""
        script = resources.files("answerable.store").joinpath("record.sql").read_text("utf-8")
        fresh = sqlite3.connect(":memory:")
        try:
            for statement in statements(script):
                fresh.execute(statement)
            return dict(fresh.execute(TRIGGERS).fetchall())
        finally:
            fresh.close()

    def leaves(self, start: int, stop: int) -> list[Row]:
        """Return the rows of a span of the tree."""
        return self.rows(LEAVES, start, stop)

    def waiting(self, names: Sequence[int]) -> list[Row]:
        """Return nothing: each act grows the tree itself."""
        assert not names, "no fact waits here"
        return []

    def made(self, recorded: Recorded, high_water: int) -> Row:
        """Return what an entry makes of the other columns of its row."""
        return {"subject": subject_of(recorded), "high_water": high_water}

    def releasing(self, start: int, stop: int) -> dict[int, Row]:
        """Return the rows of `releasing` that lie in a span of the tree, by their leaf."""
        asked = "SELECT idx, subject FROM releasing WHERE idx >= ? AND idx < ?"
        return {row["idx"]: row for row in self.rows(asked, start, stop)}

    def releasing_waiting(self, names: Sequence[int]) -> dict[int, Row]:
        """Return nothing: each act grows the tree itself."""
        assert not names, "no fact waits here"
        return {}

    def facts(self, subject: SubjectId | None) -> list[Kept]:
        """Return a subject's facts in the order of the tree; None is the system."""
        return [Kept(*row.values()) for row in self.rows(FACTS, subject)]

    def misplaced(self, subject: SubjectId | None) -> list[str]:  # noqa: ARG002 - of nobody
        """Return nothing: a fact has no place but its leaf."""
        return []


def subject_of(recorded: Recorded) -> SubjectId | None:
    """Return whose fact it is, None in the system stream."""
    return None if isinstance(recorded.fact, SystemFact) else recorded.fact.subject


def case_columns(row: CaseRow) -> Row:
    """Return a case's row as the table holds it, by its columns' names."""
    return dict(zip(CASE_COLUMNS, columns(row), strict=True))
