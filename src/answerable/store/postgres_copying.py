"""A database of PostgreSQL as one end of a copy.

Law: while it is copied from nobody writes to it, and whoever has it open is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from time import sleep

from answerable.edge import RandomMint, SystemClock
from answerable.errors import Conflict
from answerable.store.copying import COPIED, Entry, Side, Stored
from answerable.store.inspecting import subject_of
from answerable.store.opening import NEWEST, Identity
from answerable.store.postgres import PostgresStore
from answerable.store.postgres_opening import (
    APPLICATION,
    PgConnection,
    connect,
    known_faults,
    refuse_unsafe,
    revision_of,
    script,
)
from answerable.store.postgres_rebuilding import PgTables
from answerable.store.postgres_tx import SYSTEM
from answerable.store.rebuilding import Tables
from answerable.store.rows import micros

OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = ? AND pid <> pg_backend_pid()
"""
MOVED = """
CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN RAISE EXCEPTION ''this record was moved'' USING ERRCODE = ''restrict_violation''; END';
CREATE TRIGGER moved BEFORE INSERT ON fact FOR EACH STATEMENT EXECUTE FUNCTION moved()
"""
PATIENCE_S, POLL_S = 3.0, 0.1
HELD = ("fact", "leaf", "pending", "subject", "tree", "feed_head", "meta", *COPIED)
ENTRIES = """
SELECT idx, bytes, nodes FROM leaf JOIN fact ON fact.id = leaf.fact WHERE idx >= ? ORDER BY idx LIMIT ?
"""
RELEASING = """
SELECT idx, releasing.subject FROM leaf JOIN releasing ON releasing.fact = leaf.fact WHERE idx >= ? ORDER BY idx LIMIT ?
"""
PUT_SUBJECTS = """
INSERT INTO subject SELECT * FROM unnest(?::text[], ?::bigint[]) ON CONFLICT (id) DO UPDATE SET pos = excluded.pos
"""
FINISH = (
    "UPDATE tree SET size = (SELECT coalesce(max(idx) + 1, 0) FROM leaf)",
    "UPDATE feed_head SET seq = (SELECT coalesce(max(seq), 0) FROM feed)",
    "SELECT setval(pg_get_serial_sequence('fact', 'id'), max(id)) FROM fact",
)


class PgSide(Side):
    """A database with the two schemas of a record, or without."""

    def __init__(self, dsn: str) -> None:
        """Take the address of a database."""
        self.where = "the database"
        self._dsn = dsn
        self._open: PgConnection | None = None

    def read(self) -> tuple[dict[str, str], str] | None:
        """Return what a record says of itself and its last migration, None where none stands."""
        with closing(connect(self._dsn)) as found, known_faults():
            refuse_unsafe(found)
            if not found.execute("SELECT to_regclass('answerable.meta') IS NOT NULL").fetchone()[0]:
                return None
            return dict(found.execute("SELECT key, value FROM meta").fetchall()), revision_of(found)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold every table against writers, in one reading; what waits for its place in the tree gets it before."""
        grown = PostgresStore(self._dsn, origin="")
        try:
            grown.integrate()
        finally:
            grown.close()
        held = self._take(connect(self._dsn))
        with known_faults():
            self._wait_for_others(held)
            held.execute("SET idle_in_transaction_session_timeout = 0")
            held.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            held.execute(f"LOCK TABLE {', '.join(HELD)} IN SHARE MODE")
            _refuse_others(held)
            yield
            held.execute("COMMIT")

    def _wait_for_others(self, held: PgConnection) -> None:
        """Give a process that has just ended the moment that the server takes to notice."""
        clock = SystemClock()
        until = clock.monotonic() + PATIENCE_S
        while held.execute(OTHERS, (APPLICATION,)).fetchone()[0] and clock.monotonic() < until:
            sleep(POLL_S)

    def _take(self, connection: PgConnection) -> PgConnection:
        self.close()
        self._open = self.connection = connection
        return connection

    def begin(self, identity: Identity) -> None:
        """Begin a record that cannot be opened, in place of what an earlier copy may have left."""
        begun = self._take(connect(self._dsn))
        # A name of its own: the other end may be in this very database's server, and this is no process of the record.
        name = RandomMint().token("copy")
        with known_faults(), begun.raw.transaction():
            begun.execute("SELECT set_config('application_name', ?, false)", (name,))
            begun.execute("DROP SCHEMA IF EXISTS answerable, answerable_bulk CASCADE")
            begun.raw.execute(script())
            rows = [("origin", identity.origin), ("mark", identity.mark), ("state", "copying")]
            begun.executemany("INSERT INTO answerable.meta VALUES (?, ?)", rows)
            begun.execute("INSERT INTO answerable.migration VALUES (?)", (NEWEST,))

    def size(self) -> int:
        """Return how many entries are in the tree."""
        asked = "SELECT (SELECT count(*) FROM fact) - size, size FROM tree"
        waiting, size = self.connection.execute(asked).fetchone()
        if waiting:
            raise Conflict(f"{waiting} facts are not in the tree", hint="answerable check; then try again")
        return int(size)

    def entries(self, start: int, limit: int) -> list[tuple[int, bytes, bytes]]:
        """Return leaf index, bytes and nodes of the entries from a leaf on."""
        return self.connection.execute(ENTRIES, (start, limit)).fetchall()

    def releasing(self, start: int, limit: int) -> list[tuple[int, str]]:
        """Return the rows of `releasing` from a leaf on, by leaf index and subject."""
        return self.connection.execute(RELEASING, (start, limit)).fetchall()

    def put_entries(self, entries: Sequence[Entry]) -> None:
        """Write entries that follow on those written before, in one transaction."""
        own = self._own
        subjects = [subject_of(one.recorded) or SYSTEM for one in entries]
        with known_faults(), own.raw.transaction():
            asked = "SELECT id, pos FROM subject WHERE id = ANY(?)"
            ends = dict(own.execute(asked, (sorted(set(subjects)),)).fetchall())
            facts, leaves = [], []
            for subject, one in zip(subjects, entries, strict=True):
                ends[subject] = ends.get(subject, 0) + 1
                said = one.recorded
                facts.append(
                    (one.index + 1, subject, ends[subject], said.stream, said.seq, micros(said.at), one.data)
                )
                leaves.append((one.index, one.index + 1, one.nodes))
            self._copy("fact (id, subject, pos, stream, seq, at, bytes)", facts)
            self._copy("leaf (idx, fact, nodes)", leaves)
            own.execute(PUT_SUBJECTS, (list(ends), list(ends.values())))

    def put(self, table: str, rows: Sequence[Stored]) -> None:
        """Write rows as they lie, in one transaction."""
        with known_faults():
            self._copy(table, rows)

    def _copy(self, table: str, rows: Sequence[Stored]) -> None:
        with self._own.raw.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as taken:
            for row in rows:
                taken.write_row(row)

    def finish(self) -> None:
        """Write the size of the tree, the head of the feed, and where ids go on."""
        with known_faults(), self._own.raw.transaction():
            for statement in FINISH:
                self._own.execute(statement)

    def tables(self) -> Tables:
        """Return the rows, for a rebuilding."""
        return PgTables(self._dsn)

    @property
    def _own(self) -> PgConnection:
        assert self._open is not None, "a copy is under way"
        return self._open

    def close_for_good(self) -> None:
        """Let no fact be written any more, not even by a process that has the record open."""
        with known_faults():
            self._own.raw.execute(MOVED)

    def close(self) -> None:
        """Close the connection; what was not committed is undone."""
        if self._open is not None:
            self._open.close()
            self._open = None


def _refuse_others(held: PgConnection) -> None:
    (others,) = held.execute(OTHERS, (APPLICATION,)).fetchone()
    if others:
        hint = "end every process of the record first"
        raise Conflict(f"{others} connections of others have the record open", hint=hint)
