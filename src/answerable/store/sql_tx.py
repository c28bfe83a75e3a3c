"""One act over the rows of a database, in SQL that SQLite and PostgreSQL both read.

Law: a statement stores what `Delta` says and decides nothing.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar, Protocol

from answerable.core.facts import CaseId, SubjectId
from answerable.errors import Conflict, TooLarge
from answerable.store.protocol import Alias, CaseRow, Outgoing
from answerable.store.rows import LATEST, Delta, micros, moment
from answerable.vault.texts import AuthorKey, SealedText
from answerable_gate.entry import ALIASES_MAX

PUT_CASE = """
INSERT INTO case_row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (case_id) DO UPDATE SET person = excluded.person, tier = excluded.tier, closed = excluded.closed,
  owner = excluded.owner, deputy = excluded.deputy, decide_due = excluded.decide_due, wake_at = excluded.wake_at,
  yardstick = excluded.yardstick, barred = excluded.barred, policy = excluded.policy
"""
CASE_COLUMNS = (
    "case_id", "subject", "person", "tier", "closed", "owner", "deputy", "opened_at", "decide_due", "wake_at",
    "yardstick", "barred", "policy",
)  # fmt: skip
PUT_LOOK_BACK = """
INSERT INTO look_back VALUES (?, ?, ?, ?)
ON CONFLICT (case_id, notice) DO UPDATE SET started_at = excluded.started_at
"""
PUT_ALIAS = """
INSERT INTO alias VALUES (?, ?, ?, ?, ?) ON CONFLICT (space, blind, token) DO UPDATE SET kind = excluded.kind,
  verified_at = CASE WHEN alias.verified_at IS NULL OR alias.verified_at < excluded.verified_at
    THEN excluded.verified_at ELSE alias.verified_at END
"""
PUT_OUTGOING = """
INSERT INTO outgoing (idem, topic, body, not_before, next_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
PUT_EFFECT = "INSERT INTO effect VALUES (?, ?, ?) ON CONFLICT DO NOTHING"


class Cursor(Protocol):
    """The answer to one statement."""

    @property
    def rowcount(self) -> int:
        """Return how many rows were written."""
        ...

    def fetchone(self) -> Any:  # noqa: ANN401 - what a row holds, its statement says
        """Return the next row, None at the end."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows."""
        ...


class Connection(Protocol):
    """A connection to a database; values stand where a statement has question marks."""

    def execute(self, asked: str, values: Any = ..., /) -> Cursor:  # noqa: ANN401 - the database takes what it takes
        """Run one statement."""
        ...

    def executemany(self, asked: str, rows: Iterable[Any], /) -> Cursor:
        """Run one statement for each row."""
        ...


@dataclass(slots=True)
class Seen:
    """What every act asks of the record, as of the first act of its transaction that asked.

    That others have sealed or written more since makes no act wrong, for a lift counts a little later and times are
    only ever raised.
    """

    high_water: int | None = None
    sealed: int | None = None
    effects: tuple[int, list[int]] | None = None

    def forget(self) -> None:
        """Forget what an act that was undone has read and written."""
        self.high_water = self.sealed = self.effects = None


class SqlTx(ABC):
    """The rows of one act that both databases keep alike."""

    HIGH_WATER: ClassVar[str]

    def __init__(self, connection: Connection, seen: Seen) -> None:
        """Take the connection that the act's transaction is open on, and what its acts have seen so far."""
        self._seen = seen
        self._run = connection.execute
        self._run_many = connection.executemany

    @abstractmethod
    def _bump(self, subjects: Sequence[SubjectId]) -> None:
        """Bring subjects to the head of the feed."""

    def _put(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if len(rows) == 1:
            self._run(statement, rows[0])
        elif rows:  # even for no row at all a statement would be prepared and reset
            self._run_many(statement, rows)

    def _write_tables(self, delta: Delta) -> None:
        changes = [_case_change(columns(row), None if known is None else columns(known)) for row, known in delta.cases]
        for statement, alike in groupby(changes, key=itemgetter(0)):
            self._put(statement, [values for _, values in alike])
        self._write_look_backs(delta)
        self._put(PUT_EFFECT, [(act, case, micros(at)) for (act, case), at in delta.effects.items()])

    def _write_look_backs(self, delta: Delta) -> None:
        for (case, notice), look_back in delta.look_backs.items():
            if look_back is None:
                self._run("DELETE FROM look_back WHERE case_id = ? AND notice = ?", (case, notice))
            else:
                subject, started_at = look_back
                self._run(PUT_LOOK_BACK, (case, notice, subject, micros(started_at)))

    def subject_of(self, case: CaseId) -> SubjectId | None:
        """Return whose case it is."""
        row = self._run("SELECT subject FROM case_row WHERE case_id = ?", (case,)).fetchone()
        return row[0] if row else None

    def high_water(self) -> datetime | None:
        """Return the latest time this record has seen."""
        if self._seen.high_water is None:
            row = self._run(self.HIGH_WATER).fetchone()
            self._seen.high_water = row[0] if row else None
        return None if self._seen.high_water is None else moment(self._seen.high_water)

    def sealed_size(self) -> int:
        """Return the size of the newest signed checkpoint, 0 where there is none."""
        if self._seen.sealed is None:
            self._seen.sealed = int(self._run("SELECT coalesce(max(size), 0) FROM checkpoint").fetchone()[0])
        return self._seen.sealed

    def effects_since(self, since: datetime) -> list[datetime]:
        """Return the times of automatic effects from `since` on, oldest first."""
        asked, seen = micros(since), self._seen
        if seen.effects is None or asked < seen.effects[0]:
            seen.effects = (asked, self._effects(asked))
        return [moment(at) for at in seen.effects[1] if at >= asked]

    def _effects(self, since: int) -> list[int]:
        return [at for (at,) in self._run("SELECT at FROM effect WHERE at >= ? ORDER BY at", (since,))]

    def _note_written(self, delta: Delta) -> None:
        self._seen.high_water = max(micros(delta.high_water), self._seen.high_water or 0)
        if delta.effects:
            self._seen.effects = None

    # --- texts, keys, files ---

    def put_text(self, sealed: SealedText) -> None:
        """Keep a sealed text."""
        row = (
            sealed.token, sealed.case, sealed.author, sealed.slot,
            sealed.wrapped_key, sealed.nonce, sealed.ciphertext, sealed.commit,
        )  # fmt: skip
        kept = self._run("INSERT INTO text VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row).rowcount
        if not kept and self.text(sealed.token) != sealed:
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
        put = "INSERT INTO author_key VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        kept = self._run(put, (key.case, key.author, key.wrapped)).rowcount
        if not kept and self.author_key(key.case, key.author) != key:
            raise Conflict(f"{key.author} has a key in {key.case} already")

    def author_key(self, case: str, author: str) -> AuthorKey | None:
        """Return the wrapped key, None where it was destroyed or never made."""
        row = self._run("SELECT wrapped FROM author_key WHERE case_id = ? AND author = ?", (case, author)).fetchone()
        return AuthorKey(case=case, author=author, wrapped=row[0]) if row else None

    def put_blob(self, content: bytes) -> str:
        """Keep bytes under their SHA-256 and return that address."""
        address = hashlib.sha256(content).hexdigest()
        self._run("INSERT INTO blob VALUES (?, ?) ON CONFLICT DO NOTHING", (address, content))
        return address

    def blob(self, address: str) -> bytes | None:
        """Return the bytes of an address."""
        row = self._run("SELECT content FROM blob WHERE address = ?", (address,)).fetchone()
        return row[0] if row else None

    # --- aliases, messages, answers ---

    def put_alias(self, space: str, alias: Alias) -> None:
        """Keep an alias in a space; the same alias for the same token only renews its date."""
        verified_at = None if alias.verified_at is None else micros(alias.verified_at)
        self._run(PUT_ALIAS, (space, alias.blind, alias.token, alias.kind, verified_at))

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
        self._put("INSERT INTO gate_alias VALUES (?, ?)", [(subject, alias) for alias in new])
        if new and self._run("SELECT 1 FROM feed WHERE subject = ?", (subject,)).fetchone():
            self._bump([subject])

    def post(self, *outgoing: Outgoing) -> None:
        """Put messages into the outbox; a known `idem` changes nothing."""
        self._put(PUT_OUTGOING, [message(one) for one in outgoing])

    def remember(self, source: str, key: str, answer: bytes) -> None:
        """Keep the answer given to an idempotency key."""
        put = "INSERT INTO answer VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        kept = self._run(put, (source, key, answer)).rowcount
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


def _case_change(row: tuple[object, ...], known: tuple[object, ...] | None) -> tuple[str, tuple[object, ...]]:
    """Return how a case's row is written: where it is known what is stored, only what has changed.

    Each index costs a page.
    """
    if known is None:
        return PUT_CASE, row
    changed = [(name, new) for name, new, old in zip(CASE_COLUMNS, row, known, strict=True) if new != old]
    names = ", ".join(f"{name} = ?" for name, _ in changed)
    update = f"UPDATE case_row SET {names} WHERE case_id = ?"  # noqa: S608 - the names stand above
    return update, (*(new for _, new in changed), row[0])


def message(outgoing: Outgoing) -> tuple[object, ...]:
    """Return a message as a new row of the outbox."""
    body, at = json.dumps(outgoing.body, sort_keys=True), micros(outgoing.not_before)
    return outgoing.idem, outgoing.topic, body, at, at


def _aliases(rows: Iterable[tuple[str, str, str, int | None]]) -> tuple[Alias, ...]:
    return tuple(
        Alias(blind=blind, kind=kind, token=token, verified_at=None if at is None else moment(at))
        for blind, kind, token, at in rows
    )
