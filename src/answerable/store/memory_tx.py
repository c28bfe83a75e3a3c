"""The tables in memory and one act over them; every change goes through the undo log.

Law: an act that raises leaves each table as it found it (L17).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from answerable.core.facts import CaseId, NoticeId, SubjectId
from answerable.errors import Conflict, TooLarge
from answerable.ledger.tree import CompactRange
from answerable.store.act import Act
from answerable.store.folds import Folds, Row
from answerable.store.protocol import Alias, Beat, CaseRow, Checkpointed, Exchange, Outgoing, Span
from answerable.store.rows import Delta, Leaf
from answerable.vault.texts import AuthorKey, SealedText
from answerable_gate.entry import ALIASES_MAX

_ABSENT = object()


@dataclass(slots=True)
class Message:
    """A message of the outbox; `next_at` is when it may be taken (again)."""

    outgoing: Outgoing
    next_at: datetime
    attempts: int = 0
    done: bool = False


@dataclass(slots=True)
class State:
    """Every table, and the log that undoes what was done to them."""

    leaves: list[Leaf] = field(default_factory=list)
    owned: dict[SubjectId | None, list[int]] = field(default_factory=dict)
    cases: dict[CaseId, CaseRow] = field(default_factory=dict)
    pairs: dict[tuple[str, str], CaseId] = field(default_factory=dict)
    look_backs: dict[tuple[CaseId, NoticeId], tuple[SubjectId, datetime]] = field(default_factory=dict)
    effects: dict[tuple[str, str], datetime] = field(default_factory=dict)
    releasing: list[tuple[int, SubjectId]] = field(default_factory=list)
    feed: dict[SubjectId, tuple[int, int]] = field(default_factory=dict)
    gate_aliases: dict[SubjectId, frozenset[str]] = field(default_factory=dict)
    checkpoints: dict[int, Checkpointed] = field(default_factory=dict)
    texts: dict[str, SealedText] = field(default_factory=dict)
    author_keys: dict[tuple[str, str], AuthorKey] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    aliases: dict[tuple[str, str, str], Alias] = field(default_factory=dict)
    outbox: dict[str, Message] = field(default_factory=dict)
    answers: dict[tuple[str, str], bytes] = field(default_factory=dict)
    marks: dict[str, Any] = field(default_factory=dict)
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    sealed: set[str] = field(default_factory=set)
    spans: dict[str, Span] = field(default_factory=dict)
    beats: dict[tuple[str, str], Beat] = field(default_factory=dict)
    undo: list[tuple[Any, Any, Any]] = field(default_factory=list)

    def put(self, table: dict[Any, Any], key: object, value: object) -> None:
        """Set one row."""
        self.undo.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def drop(self, table: dict[Any, Any], key: object) -> None:
        """Remove one row, if it is there."""
        self.undo.append((table, key, table.pop(key, _ABSENT)))

    def push(self, table: list[Any], value: object) -> None:
        """Add one row to a table that only grows."""
        self.undo.append((table, None, len(table)))
        table.append(value)

    def undo_to(self, mark: int) -> None:
        """Undo everything after a mark, the last first."""
        while len(self.undo) > mark:
            table, key, before = self.undo.pop()
            if isinstance(table, list):
                del table[before:]
            elif before is _ABSENT:
                table.pop(key, None)
            else:
                table[key] = before

    def bump(self, subjects: Iterable[SubjectId]) -> None:
        """Bring subjects to the head of the feed."""
        for subject in subjects:
            head = self.marks.get("feed", 0) + 1
            self.put(self.marks, "feed", head)
            self.put(self.feed, subject, (head, self.feed.get(subject, (0, 0))[1] + 1))


class Reading:
    """The rows that folds are loaded from."""

    def __init__(self, state: State) -> None:
        """Take the tables."""
        self._state = state

    def end(self, subject: SubjectId | None) -> int:
        """Return where a subject's facts end: at its last leaf index + 1, or 0; None is the system."""
        owned = self._state.owned.get(subject)
        return owned[-1] + 1 if owned else 0

    def facts(self, subject: SubjectId | None, since: int) -> Iterator[Row]:
        """Return a subject's facts beyond an end, in the order of the tree."""
        leaves, owned = self._state.leaves, self._state.owned.get(subject, ())
        return ((index + 1, index, leaves[index].data) for index in owned if index >= since)


class _Vault:
    """The rows of one act that are kept as they come: texts, keys, files, aliases, messages, answers."""

    _state: State

    def put_text(self, sealed: SealedText) -> None:
        """Keep a sealed text."""
        if self._state.texts.get(sealed.token, sealed) != sealed:
            raise Conflict(f"another text stands under {sealed.token}")
        self._state.put(self._state.texts, sealed.token, sealed)

    def text(self, token: str) -> SealedText | None:
        """Return a sealed text."""
        return self._state.texts.get(token)

    def put_author_key(self, key: AuthorKey) -> None:
        """Keep the wrapped key of one author in one case."""
        if self._state.author_keys.get((key.case, key.author), key) != key:
            raise Conflict(f"{key.author} has a key in {key.case} already")
        self._state.put(self._state.author_keys, (key.case, key.author), key)

    def author_key(self, case: str, author: str) -> AuthorKey | None:
        """Return the wrapped key, None where it was destroyed or never made."""
        return self._state.author_keys.get((case, author))

    def put_blob(self, content: bytes) -> str:
        """Keep bytes under their SHA-256 and return that address."""
        address = hashlib.sha256(content).hexdigest()
        self._state.put(self._state.blobs, address, content)
        return address

    def blob(self, address: str) -> bytes | None:
        """Return the bytes of an address."""
        return self._state.blobs.get(address)

    def put_alias(self, space: str, alias: Alias) -> None:
        """Keep an alias in a space; the same alias for the same token only renews its date."""
        key = (space, alias.blind, alias.token)
        known = self._state.aliases.get(key)
        dates = [one.verified_at for one in (known, alias) if one is not None and one.verified_at is not None]
        self._state.put(self._state.aliases, key, replace(alias, verified_at=max(dates, default=None)))

    def find_alias(self, space: str, blind: str) -> tuple[Alias, ...]:
        """Return every token of a space that carries this identifier."""
        found = (alias for (where, what, _), alias in self._state.aliases.items() if (where, what) == (space, blind))
        return tuple(sorted(found, key=lambda alias: alias.token))

    def aliases_of(self, space: str, token: str) -> tuple[Alias, ...]:
        """Return every identifier that a token carries."""
        found = (alias for (where, _, whose), alias in self._state.aliases.items() if (where, whose) == (space, token))
        return tuple(sorted(found, key=lambda alias: (alias.kind, alias.blind)))

    def gate_aliases(self, subject: SubjectId, aliases: Sequence[str]) -> None:
        """Add to the hashes under which gates know a subject; the feed carries them once it carries the subject."""
        known = self._state.gate_aliases.get(subject, frozenset())
        grown = known | set(aliases)
        if len(grown) > ALIASES_MAX:
            raise TooLarge(f"a gate knows an account under at most {ALIASES_MAX} aliases")
        if grown != known:
            self._state.put(self._state.gate_aliases, subject, grown)
            if subject in self._state.feed:
                self._state.bump([subject])

    def post(self, *outgoing: Outgoing) -> None:
        """Put messages into the outbox; a known `idem` changes nothing."""
        for one in outgoing:
            if one.idem not in self._state.outbox:
                self._state.put(self._state.outbox, one.idem, Message(one, one.not_before))

    def remember(self, source: str, key: str, answer: bytes) -> None:
        """Keep the answer given to an idempotency key."""
        if self._state.answers.get((source, key), answer) != answer:
            raise Conflict(f"{source} was given another answer under this key")
        self._state.put(self._state.answers, (source, key), answer)

    def remembered(self, source: str, key: str) -> bytes | None:
        """Return the answer given to an idempotency key before."""
        return self._state.answers.get((source, key))


class MemoryTx(_Vault, Reading, Act):
    """One act."""

    def __init__(self, state: State, origin: str, folds: Folds, edge: CompactRange | None) -> None:
        """Take the tables and what every act takes."""
        Reading.__init__(self, state)
        Act.__init__(self, origin, folds, edge)

    def lock(self, subjects: Sequence[SubjectId]) -> None:
        """Do nothing: the one writer at a time holds everything."""

    def high_water(self) -> datetime | None:
        """Return the latest time this record has seen."""
        return self._state.marks.get("high_water")

    def subject_of(self, case: CaseId) -> SubjectId | None:
        """Return whose case it is."""
        row = self._state.cases.get(case)
        return row.subject if row else None

    def sealed_size(self) -> int:
        """Return the size of the newest signed checkpoint, 0 where there is none."""
        return max(self._state.checkpoints, default=0)

    def effects_since(self, since: datetime) -> list[datetime]:
        """Return the times of automatic effects from `since` on, oldest first."""
        return sorted(at for at in self._state.effects.values() if at >= since)

    def write(self, delta: Delta) -> None:
        """Write a delta down."""
        state = self._state
        for leaf in delta.leaves:
            state.push(state.leaves, leaf)
            state.push(state.owned.setdefault(leaf.subject, []), leaf.index)
        for row, _ in delta.cases:
            self._write_case(row)
        for key, look_back in delta.look_backs.items():
            if look_back is None:
                state.drop(state.look_backs, key)
            else:
                state.put(state.look_backs, key, look_back)
        for effect, at in delta.effects.items():
            if effect not in state.effects:
                state.put(state.effects, effect, at)
        for leaf in delta.releasing:
            state.push(state.releasing, (leaf.index, leaf.subject))
        state.bump(delta.bumped)
        state.put(state.marks, "high_water", max(delta.high_water, self.high_water() or delta.high_water))

    def _write_case(self, row: CaseRow) -> None:
        known = self._state.cases.get(row.case)
        if known is not None and known.person != row.person:
            self._state.drop(self._state.pairs, (known.subject, known.person))
        if self._state.pairs.get((row.subject, row.person), row.case) != row.case:
            raise Conflict(f"{row.subject} and {row.person} have a case already")
        self._state.put(self._state.pairs, (row.subject, row.person), row.case)
        self._state.put(self._state.cases, row.case, row)
