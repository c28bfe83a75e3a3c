"""The store in SQLite: record.db and bulk.db in one folder, one writer at a time, readers beside it.

Law: what an act returned survives kill -9 and power loss (WAL, synchronous=FULL); a failed commit is no commit.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import RLock, get_ident

from answerable.core.facts import SubjectId
from answerable.edge import SystemClock
from answerable.errors import Corrupt, StoreUnavailable
from answerable.ledger.tree import CompactRange
from answerable.ledger.verify import leaf_hash
from answerable.store.bulk import Bulk, SqliteLink, WithBulk
from answerable.store.folds import Folds, Rows
from answerable.store.opening import BULK, BUSY_MS, RECORD, Identity, check, connect, create, known_faults
from answerable.store.protocol import Checkpointed, Tx
from answerable.store.record import Record
from answerable.store.rows import HASH_BYTES, inner_place, moment
from answerable.store.sql_lists import Lists
from answerable.store.sql_tx import Seen
from answerable.store.sqlite_tx import BUMP, HIGH_WATER, SqliteReading, SqliteTx

CHUNK = 500
LOOK_MS = 18
"""SQLite keeps no queue, and looks ever more seldom: after 1, 2, 5 and 10 ms, and then it is told to begin anew."""


def create_store(folder: Path, *, keys: Path, origin: str, mark: str) -> SqliteStore:
    """Begin a record in a folder, for a keyring (its folder and its mark) that has none yet, and open it."""
    create(folder, keys, Identity(origin=origin, mark=mark))
    return open_store(folder, keys=keys, origin=origin, mark=mark)


def open_store(folder: Path, *, keys: Path, origin: str, mark: str) -> SqliteStore:
    """Open the record of a folder; raise where it is missing, another's, or a newer program's."""
    check(folder, keys, Identity(origin=origin, mark=mark))
    return SqliteStore(folder, origin=origin)


class SqliteStore(Lists, WithBulk, Record):
    """A record and its bulk rows in two files. `create_store` and `open_store` make it."""

    def __init__(self, folder: Path, *, origin: str) -> None:
        """Take a folder whose files were checked."""
        super().__init__(origin)
        self._path = folder / RECORD
        self._write = self._writing_connection()
        self._readers: dict[int, sqlite3.Connection] = {}
        self._reader_lock = RLock()
        self._bulk = Bulk(SqliteLink(folder / BULK))
        self._led: dict[str, int] = {}
        self._seen = Seen()

    # --- acts ---

    @contextmanager
    def act(self) -> Iterator[Tx]:
        """Open one act: a transaction, or inside `batch` a savepoint."""
        with known_faults(), super().act() as tx:
            yield tx

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Open one transaction for many acts; only after it has closed are they durable."""
        with known_faults(), super().batch():
            yield

    def put_checkpoint(self, checkpoint: Checkpointed) -> None:
        """Keep a signed checkpoint and bring every subject whose release it seals to the head of the feed."""
        with known_faults():
            super().put_checkpoint(checkpoint)

    def _begin(self) -> None:
        self._seen = Seen()
        clock = SystemClock()
        until = clock.monotonic() + BUSY_MS / 1000
        while True:
            try:
                self._write.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or clock.monotonic() >= until:
                    raise
            else:
                return

    def _writing_connection(self) -> sqlite3.Connection:
        found = connect(self._path)
        found.execute(f"PRAGMA busy_timeout={LOOK_MS}")
        return found

    def _commit(self) -> None:
        self._refuse_undone()
        self._write.execute("COMMIT")

    def _rollback(self) -> None:
        try:
            if self._write.in_transaction:
                self._write.execute("ROLLBACK")
        except sqlite3.Error:
            # Closing undoes as well, and a connection that cannot roll back is not to be used again.
            self._write.close()
            self._write = self._writing_connection()

    def _save(self) -> None:
        self._refuse_undone()
        self._write.execute("SAVEPOINT act")

    def _release(self) -> None:
        self._refuse_undone()
        self._write.execute("RELEASE act")

    def _rollback_to_save(self) -> None:
        self._seen.forget()
        if self._write.in_transaction:
            self._write.execute("ROLLBACK TO act")
            self._write.execute("RELEASE act")

    def _refuse_undone(self) -> None:
        # A full disk or a failed write makes SQLite undo the whole transaction: nothing may go on as if it stood.
        if not self._write.in_transaction:
            raise StoreUnavailable("the store has undone this batch after a failure; nothing of it was accepted")

    def _open_act(self, folds: Folds, edge: CompactRange | None) -> SqliteTx:
        return SqliteTx(self._write, self._origin, folds, edge, self._seen)

    # --- reading ---

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection to read with: a writer sees its own act, everybody else what is committed."""
        with known_faults():
            yield self._write if self._is_writer else self._reader()

    def _reader(self) -> sqlite3.Connection:
        # By thread id: a new thread with the id of one that ended takes its connection over.
        found = self._readers.get(get_ident())
        if found is None:
            found = connect(self._path)
            found.execute("PRAGMA query_only=ON")
            with self._reader_lock:
                self._readers[get_ident()] = found
        return found

    @contextmanager
    def _snapshot(self) -> Iterator[Rows]:
        with self._reading() as connection:
            if connection.in_transaction:
                yield SqliteReading(connection)
                return
            connection.execute("BEGIN")
            try:
                yield SqliteReading(connection)
            finally:
                with suppress(sqlite3.Error):
                    connection.execute("COMMIT")

    @contextmanager
    def _writing_to(self) -> Iterator[sqlite3.Connection]:
        with known_faults(), self._transaction():
            yield self._write

    # --- the ledger ---

    def size(self) -> int:
        """Return how many entries are in the tree."""
        row = self._one("SELECT ifnull(max(idx) + 1, 0) FROM fact")
        return int(row[0]) if row else 0

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree: 2**level leaves from index * 2**level on."""
        if level:
            leaf, begin = inner_place(level, index)
            row = self._one("SELECT substr(nodes, ? + 1, ?) FROM fact WHERE idx = ?", begin, HASH_BYTES, leaf)
        else:
            row = self._one("SELECT bytes FROM fact WHERE idx = ?", index)
        if row is None or not row[0]:
            raise Corrupt(f"node {level}/{index} of the tree is missing")
        return bytes(row[0]) if level else leaf_hash(row[0])

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the entries' bytes, `start` included, `stop` not."""
        while start < stop:
            until = min(start + CHUNK, stop)
            rows = self._all("SELECT bytes FROM fact WHERE idx >= ? AND idx < ? ORDER BY idx", start, until)
            yield from (data for (data,) in rows)
            if len(rows) < until - start:
                return
            start = until

    def checkpoints(self) -> Iterator[Checkpointed]:
        """Yield the signed checkpoints, smallest first."""
        for size, note in self._all("SELECT size, note FROM checkpoint ORDER BY size"):
            yield Checkpointed(size=size, note=note)

    def newest_checkpoint(self) -> Checkpointed | None:
        """Return the newest signed checkpoint."""
        row = self._one("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")
        return Checkpointed(size=row[0], note=row[1]) if row else None

    def _released(self, start: int, stop: int) -> list[SubjectId]:
        rows = self._all("SELECT subject FROM releasing WHERE idx >= ? AND idx < ? ORDER BY idx", start, stop)
        return [subject for (subject,) in rows]

    def _seal(self, checkpoint: Checkpointed, bumped: list[SubjectId]) -> None:
        put = "INSERT INTO checkpoint VALUES (?, ?) ON CONFLICT (size) DO UPDATE SET note = excluded.note"
        self._write.execute(put, (checkpoint.size, checkpoint.note))
        self._write.executemany(BUMP, [(subject,) for subject in bumped])

    def high_water(self) -> datetime | None:
        """Return the latest time this record has seen."""
        row = self._one(HIGH_WATER)
        return moment(row[0]) if row else None

    # --- processes ---

    def leads(self, role: str) -> bool:
        """Tell whether this store leads in a role: it holds a lock on a file, which ends with its process."""
        with self._writing:
            if role not in self._led:
                self._led[role] = os.open(self._path.with_name(f"lead.{role}"), os.O_CREAT | os.O_RDWR, 0o600)
            try:
                # The one who has it gets it again.
                fcntl.flock(self._led[role], fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def close(self) -> None:
        """Close the files; the store cannot be used afterwards."""
        with self._writing, self._reader_lock:
            assert self._writer is None, "a store is closed outside of acts and batches"
            for connection in (self._write, *self._readers.values()):
                connection.close()
            self._bulk.close()
            for descriptor in self._led.values():
                os.close(descriptor)
            self._led.clear()
