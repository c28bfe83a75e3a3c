"""SQLite's files as one end of a copy.

Law: while they are copied from nobody else has them open at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

from answerable.errors import Conflict
from answerable.store.copying import Entry, Side, Stored
from answerable.store.inspecting import subject_of
from answerable.store.opening import (
    BULK,
    RECORD,
    Identity,
    connect,
    known_faults,
    make,
    refuse_network,
    revision_of,
)
from answerable.store.rebuilding import SqliteTables, Tables
from answerable.store.rows import micros
from answerable.store.sql_tx import Connection

ENTRIES = "SELECT idx, bytes, nodes FROM fact WHERE idx >= ? ORDER BY idx LIMIT ?"
RELEASING = "SELECT idx, subject FROM releasing WHERE idx >= ? ORDER BY idx LIMIT ?"
MOVED = "CREATE TRIGGER moved BEFORE INSERT ON fact BEGIN SELECT raise(ABORT, 'this record was moved'); END"
PATIENCE_S = 2.0


class SqliteSide(Side):
    """A folder with the two files of a record, or without."""

    def __init__(self, folder: Path) -> None:
        """Take a folder."""
        self.where = str(folder)
        self._folder = folder
        self._high_water = 0
        self._open: sqlite3.Connection | None = None

    def read(self) -> tuple[dict[str, str], str] | None:
        """Return what a record says of itself and its last migration, None where none stands."""
        path = self._folder / RECORD
        if not path.exists() or not path.stat().st_size:
            return None
        with closing(connect(path)) as found, known_faults():
            if not found.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                return None
            return dict(found.execute("SELECT key, value FROM meta").fetchall()), revision_of(found)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold both files for this connection alone."""
        try:
            held = self._alone()
        except sqlite3.OperationalError as error:
            hint = "end every process of the record first"
            raise Conflict(f"somebody has {self.where} open: {error}", hint=hint) from error
        with known_faults():
            yield
            held.execute("COMMIT")

    def _alone(self) -> sqlite3.Connection:
        uri = f"{(self._folder / RECORD).absolute().as_uri()}?mode=rw"
        held = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=PATIENCE_S)
        self._take(held)
        # Before anything is read: only then does it keep all others out, readers too.
        held.execute("PRAGMA locking_mode=EXCLUSIVE")
        held.execute("ATTACH ? AS bulk", (str(self._folder / BULK),))
        held.execute("PRAGMA synchronous=FULL")
        held.execute("BEGIN EXCLUSIVE")
        held.execute("SELECT count(*) FROM main.meta, bulk.meta").fetchone()
        return held

    def _take(self, connection: sqlite3.Connection) -> None:
        self.close()
        self._open = connection
        self.connection = cast(Connection, connection)

    def begin(self, identity: Identity) -> None:
        """Begin a record that cannot be opened, in place of what an earlier copy may have left."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_network(self._folder)
        for name in (RECORD, BULK):
            for end in ("-wal", "-shm", ""):
                (self._folder / f"{name}{end}").unlink(missing_ok=True)
        for name, schema in ((BULK, "bulk.sql"), (RECORD, "record.sql")):
            make(self._folder / name, schema, identity, state="copying" if name == RECORD else None)
        begun = connect(self._folder / RECORD)
        self._take(begun)
        begun.execute("ATTACH ? AS bulk", (str(self._folder / BULK),))

    def size(self) -> int:
        """Return how many entries are in the tree."""
        return int(self.connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM fact").fetchone()[0])

    def entries(self, start: int, limit: int) -> list[tuple[int, bytes, bytes]]:
        """Return leaf index, bytes and nodes of the entries from a leaf on."""
        return self.connection.execute(ENTRIES, (start, limit)).fetchall()

    def releasing(self, start: int, limit: int) -> list[tuple[int, str]]:
        """Return the rows of `releasing` from a leaf on, by leaf index and subject."""
        return self.connection.execute(RELEASING, (start, limit)).fetchall()

    def put_entries(self, entries: Sequence[Entry]) -> None:
        """Write entries that follow on those written before, in one transaction."""
        rows = []
        for one in entries:
            self._high_water = max(self._high_water, micros(one.recorded.at))
            rows.append((one.index, subject_of(one.recorded), self._high_water, one.nodes, one.data))
        self.put("fact", rows)

    def put(self, table: str, rows: Sequence[Stored]) -> None:
        """Write rows as they lie, in one transaction."""
        places = ", ".join("?" * len(rows[0]))
        with known_faults():
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - a name of ours
            self.connection.execute("COMMIT")

    def finish(self) -> None:
        """Write nothing: all that is counted here follows from the rows."""

    def tables(self) -> Tables:
        """Return the rows, for a rebuilding."""
        return SqliteTables(self._folder)

    def close_for_good(self) -> None:
        """Let no fact be written any more, not even by a process that has the record open."""
        self.connection.execute(MOVED)

    def close(self) -> None:
        """Close the files; what was not committed is undone."""
        if self._open is not None:
            self._open.close()
            self._open = None
