"""The store in PostgreSQL: many processes write at once, each about other subjects; one of them grows the tree.

Law: what an act returned survives kill -9 of anybody and power loss of the server; of a commit whose answer was lost
it is found out whether it holds, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import RLock, get_ident
from typing import Any

import psycopg

from answerable.core.facts import SubjectId
from answerable.edge import SystemClock
from answerable.errors import AnswerableError, Corrupt, StoreUnavailable
from answerable.ledger.tree import CompactRange
from answerable.ledger.verify import leaf_hash
from answerable.store.bulk import Bulk, WithBulk
from answerable.store.folds import Folds, Rows
from answerable.store.opening import Identity
from answerable.store.postgres_links import Leads, Link, find_out
from answerable.store.postgres_opening import PgConnection, check, connect, create, known_faults
from answerable.store.postgres_tx import BEGIN_UNDER_RULES, HIGH_WATER, RULES_LOCK, Group, PgReading, PgTx
from answerable.store.protocol import Checkpointed, Tx
from answerable.store.record import Record, edge_of
from answerable.store.rows import HASH_BYTES, Table, inner_place, moment
from answerable.store.sql_lists import Lists
from answerable.store.sql_tx import Connection

CHUNK = 500
GROWN_AT_ONCE = 5_000
POLL_S = 0.5
CHANNEL = "answerable_feed"

_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BUMP = """
WITH head AS (UPDATE feed_head SET seq = seq + ? RETURNING seq), placed AS (
  INSERT INTO feed SELECT given.subject, head.seq - ? + given.n, 1
  FROM head, unnest(?::text[]) WITH ORDINALITY AS given (subject, n)
  ON CONFLICT (subject) DO UPDATE SET seq = excluded.seq, version = feed.version + 1
) SELECT pg_notify(?, '')
"""
_PENDING = """
SELECT (SELECT count(*) FROM pending),
  (SELECT at FROM pending JOIN fact ON fact.id = pending.fact ORDER BY pending.fact LIMIT 1)
"""
_TAKE_PENDING = """
DELETE FROM pending WHERE fact IN (SELECT fact FROM pending ORDER BY fact LIMIT ?) RETURNING fact
"""
_PUT_LEAVES = "INSERT INTO leaf SELECT * FROM unnest(?::bigint[], ?::bigint[], ?::bytea[])"
_ENTRIES = "SELECT bytes FROM leaf JOIN fact ON fact.id = leaf.fact WHERE idx >= ? AND idx < ? ORDER BY idx"
_RELEASED = """
SELECT releasing.subject FROM leaf JOIN releasing ON releasing.fact = leaf.fact
WHERE idx >= ? AND idx < ? ORDER BY idx
"""
BEHIND = """
SELECT subject FROM case_row WHERE closed = 0 AND policy < ?
UNION ALL SELECT subject FROM case_row WHERE closed = 0 AND policy > ?
"""
WAITING = """
SELECT idem, topic, body, not_before, attempts FROM outgoing
WHERE done = 0 AND next_at <= ? ORDER BY next_at, idem LIMIT ? FOR UPDATE SKIP LOCKED
"""


def create_store(dsn: str, *, keys: Path, origin: str, mark: str) -> PostgresStore:
    """Begin a record in a database, for a keyring (its folder and its mark) that has none yet, and open it."""
    create(dsn, keys, Identity(origin=origin, mark=mark))
    return open_store(dsn, keys=keys, origin=origin, mark=mark)


def open_store(dsn: str, *, keys: Path, origin: str, mark: str) -> PostgresStore:
    """Open the record of a database; raise where it is missing, another's, or a newer program's."""
    check(dsn, keys, Identity(origin=origin, mark=mark))
    return PostgresStore(dsn, origin=origin)


class PostgresStore(Lists, WithBulk, Record):
    """A record and its bulk rows in one database. `create_store` and `open_store` make it."""

    BEHIND, WAITING = BEHIND, WAITING

    def __init__(self, dsn: str, *, origin: str) -> None:
        """Take the address of a database that was checked."""
        super().__init__(origin)
        self._dsn = dsn
        self._write: PgConnection | None = None
        self._group = Group()
        self._readers: dict[int, PgConnection] = {}
        self._listening: dict[int, PgConnection] = {}
        self._reader_lock = RLock()
        self._link = Link(dsn)
        self._bulk = Bulk(self._link)
        self._leads = Leads(self._link)

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
        self._group = Group()
        try:
            write = self._write if self._write is not None and self._write.is_open else connect(self._dsn)
            write.execute("BEGIN")
        except psycopg.OperationalError:
            # A server that was started anew has closed what it had; nothing was begun, so nothing is done twice.
            write = connect(self._dsn)
            write.execute("BEGIN")
        self._write = write
        try:
            write.execute(BEGIN_UNDER_RULES, (RULES_LOCK,))
        except psycopg.Error:
            self._rollback()
            raise

    def _commit(self) -> None:
        write = self._own
        self._flush()
        self._refuse_undone()
        (xid,) = write.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchone()
        try:
            write.execute("COMMIT")
        except psycopg.OperationalError as error:
            if xid is not None:
                self._write = find_out(self._dsn, xid, self._group.witness, error)

    def _flush(self) -> None:
        """Give out places in the feed, under the lock of its head, which nobody may hold for long."""
        bumped = list(dict.fromkeys(self._group.bumped))
        self._group.bumped, self._group.mark = [], 0
        if bumped:
            self._own.execute(_BUMP, (len(bumped), len(bumped), bumped, CHANNEL))

    def _rollback(self) -> None:
        write = self._own
        try:
            write.execute("ROLLBACK")
        except psycopg.Error:
            # The server undoes what its client left, and a connection that cannot roll back is not to be used again.
            with suppress(psycopg.Error):
                write.close()

    def _save(self) -> None:
        self._refuse_undone()
        self._own.execute("SAVEPOINT act")
        self._group.begin_act()

    def _release(self) -> None:
        self._refuse_undone()
        self._own.execute("RELEASE SAVEPOINT act")

    def _rollback_to_save(self) -> None:
        self._group.forget()
        with suppress(psycopg.Error):  # where the connection is lost, everything is undone
            self._own.execute("ROLLBACK TO SAVEPOINT act")
            self._own.execute("RELEASE SAVEPOINT act")

    def _refuse_undone(self) -> None:
        if not (self._own.is_open and self._own.is_in_transaction):
            raise StoreUnavailable("the store has undone this batch after a failure; nothing of it was accepted")

    @property
    def _own(self) -> PgConnection:
        assert self._write is not None, "a transaction is open"
        return self._write

    def _open_act(self, folds: Folds, edge: CompactRange | None) -> PgTx:  # noqa: ARG002 - nothing grows here
        return PgTx(self._own, self._origin, folds, self._group)

    def _look_around(self) -> None:
        """Compare every fold with the rows once it is locked: others write all the time."""
        self._folds.begin_epoch()

    def _growing_edge(self) -> CompactRange | None:
        """Return nothing: the tree is grown from what is pending."""

    # --- reading ---

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Lend the connection to read with: a writer sees its own act, everybody else what is committed."""
        with known_faults():
            if self._is_writer:
                yield self._own
            else:
                yield self._mine(self._readers)

    def _mine(self, kept: dict[int, PgConnection]) -> PgConnection:
        # By thread id: a new thread with the id of one that ended takes its connection over.
        found = kept.get(get_ident())
        if found is None or not found.is_open:
            found = connect(self._dsn)
            with self._reader_lock:
                kept[get_ident()] = found
        return found

    @contextmanager
    def _snapshot(self) -> Iterator[Rows]:
        with self._reading() as connection:
            assert isinstance(connection, PgConnection)
            if connection.is_in_transaction:
                yield PgReading(connection)
                return
            begun = self._begin_reading(connection)
            try:
                yield PgReading(begun)
            finally:
                with suppress(psycopg.Error):
                    begun.execute("COMMIT")

    def _begin_reading(self, connection: PgConnection) -> PgConnection:
        try:
            connection.execute(_BEGIN_READING)
        except psycopg.OperationalError:
            # A server that was started anew has closed what it had.
            begun = self._mine(self._readers)
            begun.execute(_BEGIN_READING)
            return begun
        return connection

    def _all(self, asked: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return super()._all(asked, *values)
        except StoreUnavailable:
            # What only reads may be asked again, unless it belongs to a transaction that is gone.
            if self._is_writer or self._mine(self._readers).is_in_transaction:
                raise
            return super()._all(asked, *values)

    def _one(self, asked: str, *values: object) -> tuple[Any, ...] | None:
        return next(iter(self._all(asked, *values)), None)

    @contextmanager
    def _writing_to(self) -> Iterator[Connection]:
        with known_faults(), self._transaction():
            yield self._own

    # --- the ledger ---

    def integrate(self) -> int:
        """Grow the tree by what was committed and is not in it yet; return how many entries that were."""
        grown = 0
        while self._one("SELECT 1 FROM pending LIMIT 1") is not None:
            with self._writing_to() as connection:
                added = self._grow(connection)
            grown += added
            if not added:
                break
        return grown

    def _grow(self, connection: Connection) -> int:
        (size,) = connection.execute("SELECT size FROM tree FOR UPDATE").fetchone()
        edge = self._edge
        if edge is None or edge.size != size:
            edge = self._edge = edge_of(size, self.node)
        taken = [fact for (fact,) in connection.execute(_TAKE_PENDING, (GROWN_AT_ONCE,)).fetchall()]
        asked = "SELECT id, bytes FROM fact WHERE id = ANY(?) ORDER BY id"
        facts, nodes = [], []
        for fact, data in connection.execute(asked, (taken,)):
            _, *inner = edge.append(leaf_hash(data))
            facts.append(fact)
            nodes.append(b"".join(node for _, _, node in inner))
        if facts:
            connection.execute(_PUT_LEAVES, (list(range(size, size + len(facts))), facts, nodes))
            connection.execute("UPDATE tree SET size = ?", (edge.size,))
        return len(facts)

    def pending(self) -> tuple[int, datetime | None]:
        """Return how many committed entries are not in the tree yet, and the time of the first of them."""
        row = self._one(_PENDING)
        return (0, None) if row is None or row[1] is None else (row[0], moment(row[1]))

    def size(self) -> int:
        """Return how many entries are in the tree."""
        row = self._one("SELECT size FROM tree")
        return int(row[0]) if row else 0

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree: 2**level leaves from index * 2**level on."""
        if level:
            leaf, begin = inner_place(level, index)
            row = self._one("SELECT substr(nodes, ? + 1, ?) FROM leaf WHERE idx = ?", begin, HASH_BYTES, leaf)
        else:
            row = self._one(_ENTRIES, index, index + 1)
        if row is None or not row[0]:
            raise Corrupt(f"node {level}/{index} of the tree is missing")
        return bytes(row[0]) if level else leaf_hash(row[0])

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the entries' bytes, `start` included, `stop` not."""
        while start < stop:
            until = min(start + CHUNK, stop)
            rows = self._all(_ENTRIES, start, until)
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
        return [subject for (subject,) in self._all(_RELEASED, start, stop)]

    def _seal(self, checkpoint: Checkpointed, bumped: list[SubjectId]) -> None:
        put = "INSERT INTO checkpoint VALUES (?, ?) ON CONFLICT (size) DO UPDATE SET note = excluded.note"
        self._own.execute(put, (checkpoint.size, checkpoint.note))
        self._group.bumped += bumped
        self._group.sealed = None

    def high_water(self) -> datetime | None:
        """Return the latest time this record has seen."""
        row = self._one(HIGH_WATER)
        return None if row is None or row[0] is None else moment(row[0])

    # --- the feed ---

    def feed_head(self) -> int:
        """Return the last place in the feed."""
        if self._is_writer:
            self._flush()
        row = self._one("SELECT seq FROM feed_head")
        return int(row[0]) if row else 0

    def _feed_rows(self, after: int, limit: int) -> list[tuple[SubjectId, int, int, tuple[str, ...]]]:
        if self._is_writer:
            self._flush()
        return super()._feed_rows(after, limit)

    def wait_for_change(self, since: int, timeout_s: float) -> bool:
        """Wait until the feed's head has passed `since`, in this process or another; False on time-out."""
        clock = SystemClock()
        until = clock.monotonic() + timeout_s
        with known_faults():
            listening = self._listener()
            # A notification may be lost with its connection: beneath it the head is looked at again and again.
            while self.feed_head() <= since:
                left = until - clock.monotonic()
                if left <= 0:
                    return False
                for _ in listening.raw.notifies(timeout=min(left, POLL_S), stop_after=1):
                    pass
        return True

    def _listener(self) -> PgConnection:
        known = self._listening.get(get_ident())
        found = self._mine(self._listening)
        if found is not known:
            found.execute(f"LISTEN {CHANNEL}")
        return found

    # --- processes ---

    def leads(self, role: str) -> bool:
        """Tell whether this store leads in a role."""
        return self._leads.leads(role)

    # --- checks ---

    def _releasing_rows(self) -> Table:
        asked = "SELECT idx, subject FROM releasing JOIN leaf ON leaf.fact = releasing.fact"
        return self._all(asked)

    def close(self) -> None:
        """Close the connections; the store cannot be used afterwards."""
        with suppress(AnswerableError):  # else others wait for the lease to run out
            self._leads.step_down()
        with self._writing, self._reader_lock:
            assert self._writer is None, "a store is closed outside of acts and batches"
            for connection in (self._write, *self._readers.values(), *self._listening.values()):
                if connection is not None:
                    connection.close()
            self._bulk.close()
