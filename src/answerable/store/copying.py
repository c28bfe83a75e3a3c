"""A record copied from one place to another, of the same kind or of the other; the keys stay where they are.

Law: of a record and its copies one can be opened at any time; a copy that is not proved equal never can.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field
from typing import Any

from answerable.core.facts import Recorded
from answerable.errors import Conflict, Corrupt, StoreUnavailable
from answerable.ledger.codec import read_entry
from answerable.ledger.tree import CompactRange
from answerable.ledger.verify import Malformed, leaf_hash, parse_checkpoint, parse_note
from answerable.store.opening import NEWEST, STATE, Identity, refuse_closed, refuse_other
from answerable.store.rebuilding import Tables, rebuild
from answerable.store.sql_tx import Connection

PAGE = 2_000
Stored = tuple[Any, ...]

COPIED = {
    "checkpoint": ("size",),
    "text": ("token",),
    "author_key": ("case_id", "author"),
    "blob": ("address",),
    "alias": ("space", "blind", "token"),
    "answer": ("source", "key"),
    "outgoing": ("idem",),
    "feed": ("subject",),
    "gate_alias": ("subject", "alias"),
    "exchange": ("id",),
    "handed": ("id",),
    "span": ("id",),
}
"""What is copied as it lies, with its keys: the order of the columns is the same everywhere."""
MADE = {"case_row": ("case_id",), "look_back": ("case_id", "notice"), "effect": ("act", "case_id")}
"""What is made from the facts again."""
ROWS_AT_ONCE = {"blob": 8, "text": 200, "span": 200}


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact with its place in the tree: its bytes, the nodes it completes, and what it says."""

    index: int
    data: bytes
    nodes: bytes
    recorded: Recorded


class Side(ABC):
    """One end of a copy. As a source it is held, as a target begun; either gives it its connection."""

    where: str
    connection: Connection

    @abstractmethod
    def read(self) -> tuple[dict[str, str], str] | None:
        """Return what a record says of itself and its last migration, None where none stands."""

    @abstractmethod
    def hold(self) -> AbstractContextManager[None]:
        """Hold the record still in one transaction; raise `Conflict` where anybody else has it open."""

    @abstractmethod
    def begin(self, identity: Identity) -> None:
        """Begin a record that cannot be opened, in place of what an earlier copy may have left."""

    @abstractmethod
    def size(self) -> int:
        """Return how many entries are in the tree; raise `Conflict` where some wait for their place."""

    @abstractmethod
    def entries(self, start: int, limit: int) -> list[tuple[int, bytes, bytes]]:
        """Return leaf index, bytes and nodes of the entries from a leaf on."""

    @abstractmethod
    def releasing(self, start: int, limit: int) -> list[tuple[int, str]]:
        """Return the rows of `releasing` from a leaf on, by leaf index and subject."""

    @abstractmethod
    def put_entries(self, entries: Sequence[Entry]) -> None:
        """Write entries that follow on those written before, in one transaction."""

    @abstractmethod
    def put(self, table: str, rows: Sequence[Stored]) -> None:
        """Write rows as they lie, in one transaction."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is counted beside the rows."""

    @abstractmethod
    def tables(self) -> Tables:
        """Return the rows, for a rebuilding."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection, if there is one."""

    @abstractmethod
    def close_for_good(self) -> None:
        """Let no fact be written any more, not even by a process that has the record open."""

    def mark(self, state: str | None) -> None:
        """Note that the record is closed, and why; with None it is open."""
        if state is None:
            self.connection.execute("DELETE FROM meta WHERE key = ?", (STATE,))
        else:
            # One statement: there is no moment in which it is open.
            put = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            self.connection.execute(put, (STATE, state))

    def rows(self, table: str, keys: Sequence[str]) -> Iterator[list[Stored]]:
        """Yield a table's rows in the order of their keys, some at a time."""
        limit, names, last = ROWS_AT_ONCE.get(table, PAGE), ", ".join(keys), None
        while True:
            beyond = "" if last is None else f"WHERE ({names}) > ({', '.join('?' * len(keys))})"
            asked = f"SELECT * FROM {table} {beyond} ORDER BY {names} LIMIT ?"  # noqa: S608 - the names stand above
            cursor = self.connection.execute(asked, (*(last or ()), limit))
            found = [tuple(row) for row in cursor.fetchall()]
            if not found:
                return
            yield found
            last = self._key(table, keys, found[-1])

    def _key(self, table: str, keys: Sequence[str], row: Stored) -> Stored:
        # The keys come first in every table but one.
        assert table in COPIED or table in MADE, table
        return row[: len(keys)]


@dataclass(slots=True)
class Digest:
    """How many rows were seen, and the hash of all of them in their order."""

    count: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, rows: Sequence[Stored]) -> None:
        """Take the next rows."""
        self.count += len(rows)
        for row in rows:
            self._hash.update(repr(tuple(bytes(one) if isinstance(one, memoryview) else one for one in row)).encode())

    @property
    def value(self) -> tuple[int, str]:
        """Return count and hash."""
        return self.count, self._hash.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a copy came to: how many entries and other rows, the root over the entries, whether the copy is the record.
    """

    entries: int
    rows: int
    root: str
    is_open: bool


def copy(
    source: Side, target: Side, identity: Identity, *, move: bool, said: Callable[[str], None] = lambda _: None
) -> Copied:
    """Copy a record; with `move` the copy is the record from then on, without it stays closed.

    Raise `Conflict` where a record stands at the target or anybody has the source open, `Corrupt` where the two differ.
    Whatever ends it before its end leaves a target that cannot be opened; to copy again begins anew.
    """
    try:
        if move and (left := _left_to_open(source, target)) is not None:
            return left
        _refuse(source, target, identity)
        with source.hold():
            target.begin(identity)
            copied = _fill(source, target, identity, said)
            target.mark(f"copied {copied.root}")
            if move:
                source.mark(f"moved {copied.root}")
                source.close_for_good()
        # Only now: killed before this line neither opens, and the next try opens the target.
        if move:
            target.mark(None)
        return Copied(entries=copied.entries, rows=copied.rows, root=copied.root, is_open=move)
    finally:
        source.close()
        target.close()


def _left_to_open(source: Side, target: Side) -> Copied | None:
    """Finish a move that was broken off between its last two steps."""
    old, new = source.read(), target.read()
    if old is None or new is None:
        return None
    kind, _, root = old[0].get(STATE, "").partition(" ")
    if kind != "moved" or new[0].get(STATE) != f"copied {root}":
        return None
    with closing(target.tables()) as tables:
        tables.connection.execute("DELETE FROM meta WHERE key = ?", (STATE,))
    return Copied(entries=0, rows=0, root=root, is_open=True)


def _refuse(source: Side, target: Side, identity: Identity) -> None:
    found = source.read()
    if found is None:
        raise StoreUnavailable(f"there is no record in {source.where}")
    refuse_other(source.where, identity, *found)
    if found[1] != NEWEST:
        raise Conflict(f"{source.where} is between two versions", hint="answerable migrate --post")
    there = target.read()
    if there is not None:
        meta = there[0]
        is_left = meta.get(STATE, "").startswith(("copying", "copied"))
        if not is_left or (meta.get("origin"), meta.get("mark")) != (identity.origin, identity.mark):
            with suppress(StoreUnavailable):
                refuse_closed(target.where, meta)
            raise Conflict(f"a record stands in {target.where} already", hint="copy to a place that holds none")


def _fill(source: Side, target: Side, identity: Identity, said: Callable[[str], None]) -> Copied:
    size, entries = source.size(), Digest()
    edge = _entries(source, target, identity, size, entries, said)
    found = {"fact": entries}
    for table, keys in COPIED.items():
        digest = found[table] = Digest()
        for rows in source.rows(table, keys):
            target.put(table, rows)
            digest.add(rows)
        said(f"{table}: {digest.count} rows")
    target.finish()
    with closing(target.tables()) as tables:
        unread = rebuild(tables, lambda count: said(f"lists of {count} accounts made")).unread
    if unread:
        raise Corrupt(f"the lists cannot be made: {unread[0]}", hint="answerable check")
    found |= {table: _digest(source, table, keys) for table, keys in MADE.items()}
    found["releasing"] = _releasing(source)
    _verify(target, found, edge)
    others = sum(one.count for name, one in found.items() if name != "fact")
    return Copied(entries=size, rows=others, root=edge.root().hex(), is_open=False)


def _entries(
    source: Side, target: Side, identity: Identity, size: int, digest: Digest, said: Callable[[str], None]
) -> CompactRange:
    """Copy the entries, grow the tree over them anew, and hold every checkpoint against it."""
    edge = CompactRange()
    while edge.size < size:
        start, page = edge.size, source.entries(edge.size, PAGE)
        notes = _notes(source, start, start + len(page))
        made = [_grown(edge, identity, row, notes) for row in page]
        if not made:
            raise Corrupt(f"fact {start}: is missing", hint="answerable check")
        target.put_entries(made)
        digest.add(page)
        said(f"{edge.size} of {size} facts")
    if _notes(source, size, 2**62):
        raise Corrupt("a checkpoint covers more entries than there are", hint="answerable check")
    return edge


def _notes(source: Side, after: int, upto: int) -> dict[int, str]:
    asked = "SELECT size, note FROM checkpoint WHERE size > ? AND size <= ?"
    return dict(source.connection.execute(asked, (after, upto)).fetchall())


def _grown(edge: CompactRange, identity: Identity, row: tuple[int, bytes, bytes], notes: dict[int, str]) -> Entry:
    index, data, stored = row
    if index != edge.size:
        raise Corrupt(f"fact {edge.size}: is missing", hint="answerable check")
    _, *inner = edge.append(leaf_hash(data))
    nodes = b"".join(node for _, _, node in inner)
    if nodes != stored:
        raise Corrupt(f"fact {index}: the stored tree does not follow from the entries", hint="answerable check")
    if edge.size in notes:
        try:
            signed = parse_checkpoint(parse_note(notes[edge.size].encode("utf-8", "surrogatepass")).text)
        except Malformed as fault:
            raise Corrupt(f"checkpoint {edge.size}: {fault}", hint="answerable check") from fault
        if (signed.origin, signed.size, signed.root) != (identity.origin, edge.size, edge.root()):
            raise Corrupt(f"checkpoint {edge.size}: signs other entries than these", hint="answerable check")
    return Entry(index, data, nodes, read_entry(data, index))


# --- the copy, read again ---


def _verify(target: Side, found: dict[str, Digest], edge: CompactRange) -> None:
    """Raise `Corrupt` unless every table of the target reads as the source's did, and so does its tree."""
    again, entries = CompactRange(), Digest()
    while page := target.entries(again.size, PAGE):
        entries.add(page)
        for _, data, _ in page:
            again.append(leaf_hash(data))
    made = {"fact": entries, "releasing": _releasing(target)}
    made |= {table: _digest(target, table, keys) for table, keys in (COPIED | MADE).items()}
    for table, digest in found.items():
        if made[table].value != digest.value:
            hint = "answerable rebuild, where the record is" if table in MADE or table == "releasing" else None
            counts = f"{made[table].count} of {digest.count} rows"
            raise Corrupt(f"{table} is not the same in the copy ({counts})", hint=hint)
    if again.root() != edge.root():
        raise Corrupt("the copy has another root")


def _digest(side: Side, table: str, keys: Sequence[str]) -> Digest:
    digest = Digest()
    for rows in side.rows(table, keys):
        digest.add(rows)
    return digest


def _releasing(side: Side) -> Digest:
    digest, start = Digest(), 0
    while rows := side.releasing(start, PAGE):
        digest.add(rows)
        start = rows[-1][0] + 1
    return digest
