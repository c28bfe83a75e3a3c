"""The bulk: exchanges, which come in masses, apart from the record so that neither waits for the other.

Law: a second delivery changes nothing, and a block once noted stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Any, Protocol

from answerable.core.facts import SubjectId
from answerable.errors import Conflict
from answerable.store.opening import connect, known_faults
from answerable.store.protocol import Beat, Exchange, Span
from answerable.store.rows import micros, moment
from answerable.store.spans import Link as Lending
from answerable.store.spans import Spans
from answerable.store.sql_tx import Connection

CHUNK = 500
_PUT = "INSERT INTO exchange VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0) ON CONFLICT DO NOTHING"
# Of a row that is there already nothing changes, not even what could not be counted when it came.
_HANDED = """
INSERT INTO handed SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM exchange WHERE id = ?) ON CONFLICT DO NOTHING
"""
_BEAT = """
INSERT INTO beat VALUES (?, ?, ?, ?)
ON CONFLICT (kind, name) DO UPDATE SET at = excluded.at, note = excluded.note WHERE beat.at <= excluded.at
"""
BEATS = "SELECT name, at, note FROM beat WHERE kind = ? ORDER BY name"
PAGE = "SELECT * FROM exchange WHERE subject = ? AND (at, id) > (?, ?) ORDER BY at, id LIMIT ?"
UNSEALED = "SELECT * FROM exchange WHERE block IS NULL ORDER BY subject, at, id LIMIT ?"
PENDING = "SELECT * FROM exchange WHERE pending = 1 ORDER BY block, at, id"


class Link(Lending, Protocol):
    """A connection to where the bulk lies, of its own."""

    def close(self) -> None:
        """Close the connection."""
        ...


class SqliteLink:
    """A connection to a file of SQLite."""

    def __init__(self, path: Path) -> None:
        """Take a file that was checked."""
        self._connection = connect(path)
        self._lock = RLock()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open one transaction."""
        with self._lock, known_faults():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend the connection to read with."""
        with self._lock, known_faults():
            yield self._connection

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


class Bulk:
    """The rows of exchanges, and the signs of life."""

    def __init__(self, link: Link) -> None:
        """Take a connection of its own."""
        self._link = link
        self.spans = Spans(link)

    def put(self, exchanges: Sequence[Exchange]) -> int:
        """Keep exchange rows; return how many were new."""
        with self._link.transaction() as connection:
            counted = [(one.id, one.documents, one.mentions, one.id) for one in exchanges if _is_counted(one)]
            if counted:
                connection.executemany(_HANDED, counted)
            return connection.executemany(_PUT, [_row(one) for one in exchanges]).rowcount if exchanges else 0

    def of(self, subject: SubjectId, since: datetime | None) -> Iterator[Exchange]:
        """Yield a subject's exchanges in order of time."""
        # A page at a time: a long reading must not hold the file, nor all of a year's rows in memory.
        at, last = (micros(since) if since else 0) - 1, "\U0010ffff"
        while True:
            with self._link.reading() as connection:
                rows = connection.execute(PAGE, (subject, at, last, CHUNK)).fetchall()
                found = _exchanges(connection, rows)
            yield from found
            if len(rows) < CHUNK:
                return
            last, _, at = rows[-1][:3]

    def unsealed(self, limit: int) -> dict[SubjectId, list[Exchange]]:
        """Return exchanges not yet in a sealed block, by subject, in order of time."""
        with self._link.reading() as connection:
            rows = _exchanges(connection, connection.execute(UNSEALED, (limit,)).fetchall())
        found: dict[SubjectId, list[Exchange]] = {}
        for one in rows:
            found.setdefault(one.subject, []).append(one)
        return found

    def assign_block(self, subject: SubjectId, ids: Sequence[str], root: str) -> None:
        """Assign exchanges to a block that is about to be sealed, all or none; each belongs to one block for ever."""
        assign = "UPDATE exchange SET block = ?, pending = 1 WHERE id = ? AND subject = ? AND block IS NULL"
        with self._link.transaction() as connection:
            # In one order, so that two who do it at once wait for each other at the first.
            rows = [(root, one, subject) for one in sorted(set(ids))]
            if rows and connection.executemany(assign, rows).rowcount != len(rows):
                raise Conflict("of these exchanges some are in another block already")

    def pending_blocks(self) -> dict[str, list[Exchange]]:
        """Return blocks assigned and not yet marked as sealed, by root, their exchanges in order of time."""
        with self._link.reading() as connection:
            rows = connection.execute(PENDING).fetchall()
            exchanges = _exchanges(connection, rows)
        found: dict[str, list[Exchange]] = {}
        for row, one in zip(rows, exchanges, strict=True):
            found.setdefault(row[12], []).append(one)
        return found

    def block_sealed(self, root: str) -> None:
        """Mark a block whose fact stands in the record."""
        with self._link.transaction() as connection:
            connection.execute("UPDATE exchange SET pending = 0 WHERE block = ? AND pending = 1", (root,))

    def beat(self, beats: Sequence[Beat]) -> None:
        """Keep signs of life, the later of two under one name."""
        with self._link.transaction() as connection:
            if beats:
                connection.executemany(_BEAT, [(one.kind, one.name, micros(one.at), one.note) for one in beats])

    def beats(self, kind: str) -> list[Beat]:
        """Return the signs of life of a kind, by name."""
        with self._link.reading() as connection:
            rows = connection.execute(BEATS, (kind,)).fetchall()
        return [Beat(kind=kind, name=name, at=moment(at), note=note) for name, at, note in rows]

    def close(self) -> None:
        """Close the connection."""
        self._link.close()


class WithBulk:
    """The part of a store in a database that hands on to its bulk."""

    _bulk: Bulk

    def put_exchanges(self, exchanges: Sequence[Exchange]) -> int:
        """Keep exchange rows in the bulk; return how many were new."""
        return self._bulk.put(exchanges)

    def exchanges(self, subject: SubjectId, *, since: datetime | None = None) -> Iterator[Exchange]:
        """Yield a subject's exchanges in order of time."""
        return self._bulk.of(subject, since)

    def unsealed(self, limit: int) -> dict[SubjectId, list[Exchange]]:
        """Return exchanges not yet in a sealed block, by subject, in order of time."""
        return self._bulk.unsealed(limit)

    def assign_block(self, subject: SubjectId, ids: Sequence[str], root: str) -> None:
        """Assign exchanges to a block that is about to be sealed; an exchange belongs to one block for ever."""
        self._bulk.assign_block(subject, ids, root)

    def pending_blocks(self) -> dict[str, list[Exchange]]:
        """Return blocks assigned and not yet marked as sealed, by root, their exchanges in order of time."""
        return self._bulk.pending_blocks()

    def block_sealed(self, root: str) -> None:
        """Mark a block whose fact stands in the record."""
        self._bulk.block_sealed(root)

    def put_spans(self, spans: Sequence[Span]) -> int:
        """Keep sealed spans in the bulk; return how many were new."""
        return self._bulk.spans.put(spans)

    def spans(self, subject: SubjectId, limit: int) -> list[Span]:
        """Return a subject's sealed spans, the latest last."""
        return self._bulk.spans.of(subject, limit)

    def spans_over(self, now: datetime, limit: int) -> list[SubjectId]:
        """Return subjects with spans whose time is over, each once."""
        return self._bulk.spans.over(now, limit)

    def keep_spans(self, subject: SubjectId, until: datetime) -> None:
        """Keep all of a subject's spans at least until then."""
        self._bulk.spans.keep(subject, until)

    def drop_spans(self, subject: SubjectId, now: datetime) -> int:
        """Erase a subject's spans whose time is over; return how many those were."""
        return self._bulk.spans.drop(subject, now)

    def beat(self, beats: Sequence[Beat]) -> None:
        """Keep signs of life, the later of two under one name."""
        self._bulk.beat(beats)

    def beats(self, kind: str) -> list[Beat]:
        """Return the signs of life of a kind, by name."""
        return self._bulk.beats(kind)


def _row(one: Exchange) -> tuple[object, ...]:
    return (
        one.id,
        one.subject,
        micros(one.at),
        one.gate,
        one.conversation,
        one.model,
        one.answer,
        one.level,
        one.standing,
        one.tokens,
        one.digest,
        int(one.complete),
    )


def _is_counted(one: Exchange) -> bool:
    return one.documents is not None or one.mentions is not None


def _exchanges(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Exchange]:
    """Return rows as exchanges, with what more the gates could count of them."""
    counted: dict[str, tuple[int | None, int | None]] = {}
    for begins in range(0, len(rows), CHUNK):
        ids = [row[0] for row in rows[begins : begins + CHUNK]]
        asked = f"SELECT id, documents, mentions FROM handed WHERE id IN ({', '.join('?' * len(ids))})"  # noqa: S608
        counted |= {one: (given, named) for one, given, named in connection.execute(asked, ids).fetchall()}
    return [_exchange(row, *counted.get(row[0], (None, None))) for row in rows]


def _exchange(row: tuple[Any, ...], documents: int | None, mentions: int | None) -> Exchange:
    one, subject, at, gate, conversation, model, answer, level, standing, tokens, digest, complete, _, _ = row
    return Exchange(
        id=one,
        subject=subject,
        at=moment(at),
        gate=gate,
        conversation=conversation,
        model=model,
        answer=answer,
        level=level,
        standing=standing,
        tokens=tokens,
        digest=digest,
        complete=bool(complete),
        documents=documents,
        mentions=mentions,
    )
