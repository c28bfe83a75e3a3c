"""The one protocol of every store: memory (the executable specification), SQLite, PostgreSQL.

An act is one transaction over locked subjects; what it returns is durable, what it raises left no trace (L7, L17).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from answerable.core.cases import Files
from answerable.core.facts import ActorId, CaseId, PersonId, Recorded, StreamId, SubjectId
from answerable.core.roster import Roster
from answerable.errors import Busy, NewerVersion
from answerable.store.protocol_bulk import Beat, Bulk, Exchange, Span
from answerable.vault.texts import AuthorKey, SealedText
from answerable_gate import Entry, Release, Withheld

__all__ = [
    "Alias", "Beat", "CaseRow", "Checkpointed", "Claimed", "Exchange", "FeedLine", "Outgoing", "Span", "Store", "Tx",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """An identifier of an account or a person, as a keyed hash: how a notice, a flag and a request find their token."""

    blind: str
    kind: str
    token: str
    verified_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An effect outside, written in the same transaction as its fact; `idem` makes a second delivery harmless.

    The body holds tokens and enums only; whoever sends it looks up what may be said (L12).
    """

    idem: str
    topic: str
    body: dict[str, str]
    not_before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An outgoing message under lease; `attempts` counts this one."""

    outgoing: Outgoing
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """A case as lists show it: no content (L6). `wake_at` is when time alone will next change it.

    `yardstick` is the highest level that the case holds, due or not; what is in force now, `core.standing` says.
    `policy` is the newest version that has reached the case.
    """

    case: CaseId
    subject: SubjectId
    person: PersonId
    tier: int
    is_open: bool
    owner: str | None
    deputy: str | None
    opened_at: datetime
    decide_due: datetime | None
    wake_at: datetime | None
    yardstick: int
    barred: tuple[str, ...]
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpointed:
    """A signed checkpoint and the size it covers."""

    size: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLine:
    """One subject's entry as it stands, at a place in the feed; `releases` prove whatever it no longer holds.

    It is withheld where only a newer program can read the subject's facts.
    """

    seq: int
    entry: Entry | Withheld
    releases: tuple[Release, ...]


class Tx(Protocol):
    """One act under way. Reads see what it has written; everything is undone together."""

    def high_water(self) -> datetime | None:
        """Return the latest time this record has seen, so that no reader goes back behind it."""
        ...

    def roster(self) -> Roster:
        """Return the fold of the system stream; others have it too, so nobody changes it."""
        ...

    def files(self, subjects: Sequence[SubjectId]) -> Files:
        """Lock these subjects and everybody linked to them, in sorted order, and return the fold of all their streams.

        One act has one `Files`: a second call adds to it. Write to no subject that was not asked for here.
        """
        ...

    def apart(self, subjects: Sequence[SubjectId]) -> dict[SubjectId, Files | Busy | NewerVersion]:
        """Lock those of these subjects whom nobody else holds, and return for each what an act about it alone has.

        Waits for nobody. Who cannot be had comes with the reason; the facts of several go into one `append`.
        """
        ...

    def subject_of(self, case: CaseId) -> SubjectId | None:
        """Return whose case it is."""
        ...

    def sealed_size(self) -> int:
        """Return the size of the newest signed checkpoint, 0 where there is none."""
        ...

    def append(self, written: Sequence[Recorded]) -> list[Recorded]:
        """Add facts to their streams and the tree, and bring the read tables, the feed and the high water along.

        Return them with their leaf indexes, or None where the tree is grown later. Facts that the act's `Files` already
        hold are not folded again.
        Raise `Conflict` where a stream has moved on since it was read.
        """
        ...

    def post(self, *outgoing: Outgoing) -> None:
        """Put messages into the outbox; a known `idem` changes nothing."""
        ...

    def effects_since(self, since: datetime) -> list[datetime]:
        """Return the times, from `since` on, of automatic effects that rested on notices without E2, oldest first.

        One for each act and case: what the hourly bound counts (L13).
        """
        ...

    def put_text(self, sealed: SealedText) -> None:
        """Keep a sealed text."""
        ...

    def text(self, token: str) -> SealedText | None:
        """Return a sealed text."""
        ...

    def put_author_key(self, key: AuthorKey) -> None:
        """Keep the wrapped key of one author in one case. Raise `Conflict` where another stands: it opens texts."""
        ...

    def author_key(self, case: str, author: str) -> AuthorKey | None:
        """Return the wrapped key, None where it was destroyed or never made."""
        ...

    def put_blob(self, content: bytes) -> str:
        """Keep bytes under their SHA-256 and return that address."""
        ...

    def blob(self, address: str) -> bytes | None:
        """Return the bytes of an address."""
        ...

    def put_alias(self, space: str, alias: Alias) -> None:
        """Keep an alias in a space (`subject` or `person`); the same alias for the same token only renews its date.

        A date never goes back: the later of the two stays.
        """
        ...

    def find_alias(self, space: str, blind: str) -> tuple[Alias, ...]:
        """Return every token of a space that carries this identifier."""
        ...

    def aliases_of(self, space: str, token: str) -> tuple[Alias, ...]:
        """Return every identifier that a token carries."""
        ...

    def gate_aliases(self, subject: SubjectId, aliases: Sequence[str]) -> None:
        """Add to the hashes under which gates know a subject; the feed carries them once it carries the subject."""
        ...

    def remember(self, source: str, key: str, answer: bytes) -> None:
        """Keep the answer given to an idempotency key, in the same transaction as what it answered.

        Raise `Conflict` where the key has another answer.
        """
        ...

    def remembered(self, source: str, key: str) -> bytes | None:
        """Return the answer given to an idempotency key before."""
        ...


class Store(Bulk, Protocol):
    """A record with its bulk rows."""

    @property
    def origin(self) -> str:
        """Return the log's origin line."""
        ...

    def act(self) -> AbstractContextManager[Tx]:
        """Open one act: a transaction, or inside `batch` a savepoint. Leaving it by an exception undoes it."""
        ...

    def batch(self) -> AbstractContextManager[None]:
        """Open one transaction for many acts (group commit); only after it has closed are they durable."""
        ...

    def roster(self) -> Roster:
        """Return the fold of the system stream, of what is committed; nobody changes it."""
        ...

    def blob(self, address: str) -> bytes | None:
        """Return the bytes of an address."""
        ...

    def remembered(self, source: str, key: str) -> bytes | None:
        """Return the answer given to an idempotency key before."""
        ...

    def due(self, now: datetime, limit: int) -> list[SubjectId]:
        """Return subjects with a case whose `wake_at` has come, the longest overdue first, each once."""
        ...

    def behind(self, policy: str, limit: int) -> list[SubjectId]:
        """Return subjects with an open case that this policy version, the one in force, has not reached, each once."""
        ...

    def cases(
        self, *, after: CaseId | None, limit: int, only_open: bool = True, hidden_from: ActorId | None = None
    ) -> list[CaseRow]:
        """Return a page of cases, open ones first, by tier and decide_due; never one that a person is barred from.

        `after` is the last case of the page before; raise `NotFound` where there is none such.
        """
        ...

    def case_row(self, case: CaseId) -> CaseRow | None:
        """Return one case's row."""
        ...

    def look_backs(self, limit: int) -> list[tuple[SubjectId, CaseId, str]]:
        """Return look-backs that have started and not ended, the oldest first: subject, case, notice."""
        ...

    def claim(self, now: datetime, lease_until: datetime, limit: int) -> list[Claimed]:
        """Take outgoing messages under lease; a lease that ran out is taken again (at least once)."""
        ...

    def settle_outgoing(self, idem: str, *, done: bool, retry_at: datetime | None) -> None:
        """Record a delivery or plan the next attempt; with neither, the message comes again when its lease runs out."""
        ...

    def integrate(self) -> int:
        """Grow the tree by what was committed and is not in it yet; return how many entries that were.

        Where every act grows the tree itself there is nothing to do.
        """
        ...

    def pending(self) -> tuple[int, datetime | None]:
        """Return how many committed entries are not in the tree yet, and the time of the first of them."""
        ...

    def place_of(self, subject: SubjectId | None, stream: StreamId, seq: int) -> int | None:
        """Return the leaf index of a subject's fact, None where it is not in the tree (yet)."""
        ...

    def leads(self, role: str) -> bool:
        """Tell whether this store leads in a role; of all the processes of a record at most one does at a time.

        Where the leader ended, another soon leads. No protection depends on it (L1): it spares double work.
        """
        ...

    def size(self) -> int:
        """Return how many entries are in the tree."""
        ...

    def root(self) -> bytes:
        """Return the root over all entries."""
        ...

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the entries' bytes, `start` included, `stop` not."""
        ...

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree: 2**level leaves from index * 2**level on."""
        ...

    def checkpoints(self) -> Iterator[Checkpointed]:
        """Yield the signed checkpoints, smallest first."""
        ...

    def newest_checkpoint(self) -> Checkpointed | None:
        """Return the newest signed checkpoint."""
        ...

    def put_checkpoint(self, checkpoint: Checkpointed) -> None:
        """Keep a signed checkpoint and bring every subject whose release it seals to the head of the feed.

        Raise `BadInput` where it is not of this log, this size and this root: nothing unproved ever seals a lift (L4).
        """
        ...

    def feed(self, after: int, limit: int) -> list[FeedLine]:
        """Return subjects' entries whose place in the feed is beyond `after`, in order, each subject once.

        A subject whose facts only a newer program can read comes withheld: its gates keep what they hold and take care.
        """
        ...

    def feed_head(self) -> int:
        """Return the last place in the feed."""
        ...

    def high_water(self) -> datetime | None:
        """Return the latest time this record has seen."""
        ...

    def wait_for_change(self, since: int, timeout_s: float) -> bool:
        """Wait until the feed's head has passed `since`, in this process or another; False on time-out."""
        ...

    def tables(self) -> dict[str, list[tuple[object, ...]]]:
        """Return the read tables, sorted, for comparison with the fold of all facts (L7)."""
        ...

    def all_recorded(self) -> Iterator[Recorded]:
        """Yield every fact in the order of the tree."""
        ...

    def close(self) -> None:
        """Close the files; the store cannot be used afterwards."""
        ...
