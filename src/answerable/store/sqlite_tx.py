"""One act over SQLite's rows, and the reading of them that folds are loaded from.

Law: a statement stores what `Delta` says and decides nothing.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from answerable.core.facts import CaseId, SubjectId
from answerable.errors import Conflict, TooLarge
from answerable.ledger.tree import CompactRange
from answerable.store.act import Act
from answerable.store.folds import Folds
from answerable.store.protocol import Alias, CaseRow, Outgoing
from answerable.store.rows import LATEST, Delta, micros, moment
from answerable.vault.texts import AuthorKey, SealedText
from answerable_gate.entry import ALIASES_MAX

BUMP = """
INSERT INTO feed VALUES (?, (SELECT ifnull(max(seq), 0) + 1 FROM feed), 1)
ON CONFLICT (subject) DO UPDATE SET seq = excluded.seq, version = version + 1
"""
_PUT_CASE = """
INSERT INTO case_row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (case_id) DO UPDATE SET person = excluded.person, tier = excluded.tier, closed = excluded.closed,
  owner = excluded.owner, deputy = excluded.deputy, decide_due = excluded.decide_due, wake_at = excluded.wake_at,
  yardstick = excluded.yardstick, barred = excluded.barred, policy = excluded.policy
"""
_CASE = (
    "case_id", "subject", "person", "tier", "closed", "owner", "deputy", "opened_at", "decide_due", "wake_at",
    "yardstick", "barred", "policy",
)  # fmt: skip
_PUT_LOOK_BACK = """
INSERT INTO look_back VALUES (?, ?, ?, ?)
ON CONFLICT (case_id, notice) DO UPDATE SET started_at = excluded.started_at
"""
_PUT_ALIAS = """
INSERT INTO alias VALUES (?, ?, ?, ?, ?) ON CONFLICT (space, blind, token) DO UPDATE SET kind = excluded.kind,
  verified_at = max(coalesce(verified_at, excluded.verified_at), coalesce(excluded.verified_at, verified_at))
"""
_PUT_FACT = """
INSERT INTO fact SELECT ?1, ?2, max(?3, ifnull((SELECT high_water FROM fact WHERE idx = ?1 - 1), ?3)), ?4, ?5
"""
HIGH_WATER = "SELECT high_water FROM fact ORDER BY idx DESC LIMIT 1"


class SqliteReading:
    """The rows that folds are loaded from."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take a connection, inside a transaction where one consistent reading is wanted."""
        self._run = connection.execute

    def end(self, subject: SubjectId | None) -> int:
        """Return the leaf index + 1 of a subject's last fact, 0 where it has none; None is the system."""
        last = self._run("SELECT max(idx) FROM fact WHERE subject IS ?", (subject,)).fetchone()[0]
        return 0 if last is None else last + 1

    def facts(self, subject: SubjectId | None, since: int) -> Iterator[tuple[int, bytes]]:
        """Return leaf index and bytes of a subject's facts from an index on, in the order of the tree."""
        return self._run("SELECT idx, bytes FROM fact WHERE subject IS ? AND idx >= ? ORDER BY idx", (subject, since))


class SqliteTx(SqliteReading, Act):
    """One act."""

    def __init__(self, connection: sqlite3.Connection, origin: str, folds: Folds, edge: CompactRange) -> None:
        """Take the connection that holds the write lock, and what every act takes."""
        SqliteReading.__init__(self, connection)
        Act.__init__(self, origin, folds, edge)
        self._run_many = connection.executemany

    # --- facts ---

    def lock(self, subjects: Sequence[SubjectId]) -> None:
        """Do nothing: BEGIN IMMEDIATE holds the whole file."""

    def write(self, delta: Delta) -> None:
        """Write a delta down."""
        at = micros(delta.high_water)
        self._put(_PUT_FACT, [(one.index, one.subject, at, one.nodes, one.data) for one in delta.leaves])
        for row, known in delta.cases:
            self._put_case(columns(row), None if known is None else columns(known))
        self._write_look_backs(delta)
        effects = [(act, case, micros(at)) for (act, case), at in delta.effects.items()]
        self._put("INSERT OR IGNORE INTO effect VALUES (?, ?, ?)", effects)
        self._put("INSERT INTO releasing VALUES (?, ?)", delta.releasing)
        self._put(BUMP, [(subject,) for subject in delta.bumped])

    def _put(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:  # even for no row at all SQLite would prepare and reset the statement
            self._run_many(statement, rows)

    def _put_case(self, row: tuple[object, ...], known: tuple[object, ...] | None) -> None:
        """Write a case's row, and where it is known what is stored, only what has changed: each index costs a page."""
        if known is None:
            self._run(_PUT_CASE, row)
            return
        changed = [(name, new) for name, new, old in zip(_CASE, row, known, strict=True) if new != old]
        names = ", ".join(f"{name} = ?" for name, _ in changed)
        update = f"UPDATE case_row SET {names} WHERE case_id = ?"  # noqa: S608 - the names stand above
        self._run(update, (*(new for _, new in changed), row[0]))

    def _write_look_backs(self, delta: Delta) -> None:
        for (case, notice), look_back in delta.look_backs.items():
            if look_back is None:
                self._run("DELETE FROM look_back WHERE case_id = ? AND notice = ?", (case, notice))
            else:
                subject, started_at = look_back
                self._run(_PUT_LOOK_BACK, (case, notice, subject, micros(started_at)))

    def high_water(self) -> datetime | None:
        """Return the latest time this record has seen."""
        row = self._run(HIGH_WATER).fetchone()
        return moment(row[0]) if row else None

    def subject_of(self, case: CaseId) -> SubjectId | None:
        """Return whose case it is."""
        row = self._run("SELECT subject FROM case_row WHERE case_id = ?", (case,)).fetchone()
        return row[0] if row else None

    def sealed_size(self) -> int:
        """Return the size of the newest signed checkpoint, 0 where there is none."""
        return int(self._run("SELECT ifnull(max(size), 0) FROM checkpoint").fetchone()[0])

    def effects_since(self, since: datetime) -> list[datetime]:
        """Return the times of automatic effects from `since` on, oldest first."""
        rows = self._run("SELECT at FROM effect WHERE at >= ? ORDER BY at", (micros(since),))
        return [moment(at) for (at,) in rows]

    # --- texts, keys, files ---

    def put_text(self, sealed: SealedText) -> None:
        """Keep a sealed text."""
        known = self.text(sealed.token)
        if known is None:
            row = (
                sealed.token, sealed.case, sealed.author, sealed.slot,
                sealed.wrapped_key, sealed.nonce, sealed.ciphertext, sealed.commit,
            )  # fmt: skip
            self._run("INSERT INTO text VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        elif known != sealed:
            raise Conflict(f"another text stands under {sealed.token}")

    def text(self, token: str) -> SealedText | None:
        """Return a sealed text."""
        row = self._run("SELECT * FROM text WHERE token = ?", (token,)).fetchone()
        if row is None:
            return None
        token, case, author, slot, wrapped_key, nonce, ciphertext, commit = row
        return SealedText(
            token=token,
            case=case,
            author=author,
            slot=slot,
            wrapped_key=wrapped_key,
            nonce=nonce,
            ciphertext=ciphertext,
            commit=commit,
        )

    def put_author_key(self, key: AuthorKey) -> None:
        """Keep the wrapped key of one author in one case."""
        known = self.author_key(key.case, key.author)
        if known is None:
            self._run("INSERT INTO author_key VALUES (?, ?, ?)", (key.case, key.author, key.wrapped))
        elif known != key:
            raise Conflict(f"{key.author} has a key in {key.case} already")

    def author_key(self, case: str, author: str) -> AuthorKey | None:
        """Return the wrapped key, None where it was destroyed or never made."""
        row = self._run("SELECT wrapped FROM author_key WHERE case_id = ? AND author = ?", (case, author)).fetchone()
        return AuthorKey(case=case, author=author, wrapped=row[0]) if row else None

    def put_blob(self, content: bytes) -> str:
        """Keep bytes under their SHA-256 and return that address."""
        address = hashlib.sha256(content).hexdigest()
        self._run("INSERT OR IGNORE INTO blob VALUES (?, ?)", (address, content))
        return address

    def blob(self, address: str) -> bytes | None:
        """Return the bytes of an address."""
        row = self._run("SELECT content FROM blob WHERE address = ?", (address,)).fetchone()
        return row[0] if row else None

    # --- aliases, messages, answers ---

    def put_alias(self, space: str, alias: Alias) -> None:
        """Keep an alias in a space; the same alias for the same token only renews its date."""
        verified_at = None if alias.verified_at is None else micros(alias.verified_at)
        self._run(_PUT_ALIAS, (space, alias.blind, alias.token, alias.kind, verified_at))

    def find_alias(self, space: str, blind: str) -> tuple[Alias, ...]:
        """Return every token of a space that carries this identifier."""
        asked = "SELECT blind, kind, token, verified_at FROM alias WHERE space = ? AND blind = ? ORDER BY token"
        return _aliases(self._run(asked, (space, blind)))

    def aliases_of(self, space: str, token: str) -> tuple[Alias, ...]:
        """Return every identifier that a token carries."""
        asked = "SELECT blind, kind, token, verified_at FROM alias WHERE space = ? AND token = ? ORDER BY kind, blind"
        return _aliases(self._run(asked, (space, token)))

    def gate_aliases(self, subject: SubjectId, aliases: Sequence[str]) -> None:
        """Add to the hashes under which gates know a subject; the feed carries them once it carries the subject."""
        known = {alias for (alias,) in self._run("SELECT alias FROM gate_alias WHERE subject = ?", (subject,))}
        new = sorted(set(aliases) - known)
        if len(known) + len(new) > ALIASES_MAX:
            raise TooLarge(f"a gate knows an account under at most {ALIASES_MAX} aliases")
        self._run_many("INSERT INTO gate_alias VALUES (?, ?)", [(subject, alias) for alias in new])
        if new and self._run("SELECT 1 FROM feed WHERE subject = ?", (subject,)).fetchone():
            self._run(BUMP, (subject,))

    def post(self, outgoing: Outgoing) -> None:
        """Put a message into the outbox; a known `idem` changes nothing."""
        body, at = json.dumps(outgoing.body, sort_keys=True), micros(outgoing.not_before)
        put = "INSERT OR IGNORE INTO outgoing (idem, topic, body, not_before, next_at) VALUES (?, ?, ?, ?, ?)"
        self._run(put, (outgoing.idem, outgoing.topic, body, at, at))

    def remember(self, source: str, key: str, answer: bytes) -> None:
        """Keep the answer given to an idempotency key."""
        kept = self._run("INSERT OR IGNORE INTO answer VALUES (?, ?, ?)", (source, key, answer)).rowcount
        if not kept and self.remembered(source, key) != answer:
            raise Conflict(f"{source} was given another answer under this key")

    def remembered(self, source: str, key: str) -> bytes | None:
        """Return the answer given to an idempotency key before."""
        row = self._run("SELECT answer FROM answer WHERE source = ? AND key = ?", (source, key)).fetchone()
        return row[0] if row else None


def columns(row: CaseRow) -> tuple[object, ...]:
    """Return a case's row in the order of the table's columns."""
    return (
        row.case,
        row.subject,
        row.person,
        row.tier,
        int(not row.is_open),
        row.owner,
        row.deputy,
        micros(row.opened_at),
        LATEST if row.decide_due is None else micros(row.decide_due),
        None if row.wake_at is None else micros(row.wake_at),
        row.yardstick,
        " ".join(row.barred),
        row.policy,
    )


def _aliases(rows: Iterable[tuple[str, str, str, int | None]]) -> tuple[Alias, ...]:
    return tuple(
        Alias(blind=blind, kind=kind, token=token, verified_at=None if at is None else moment(at))
        for blind, kind, token, at in rows
    )
