"""What is kept in the bulk, and the part of every store that keeps it: exchanges, sealed spans, signs of life.

A second delivery changes nothing; nothing here is part of the record, which holds the roots of sealed blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from answerable.core.facts import SubjectId
from answerable.vault.texts import SealedText


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange as the gateway saw it; `id` is deterministic, so that a second delivery changes nothing.

    `answer` is allow, limit or refuse; `level` the standing by which it was judged; `digest` the SHA-256 of what was
    served; `complete` is false where the client left or the stream was cut. `documents` are files and images that went
    in or out, `mentions` how often a shielded name stood in what was served; None where the gate could not know (L10).
    """

    id: str
    subject: SubjectId
    at: datetime
    gate: str
    conversation: str | None
    model: str | None
    answer: str
    level: int
    standing: int
    tokens: int
    digest: str
    complete: bool
    documents: int | None = None
    mentions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A few words around an act in what an account wrote, sealed; kept until `until`, or for as long as a case asks.

    `id` is deterministic, so that a second reading changes nothing; `kind` is the act's.
    """

    id: str
    subject: SubjectId
    at: datetime
    until: datetime
    kind: str
    text: SealedText


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A sign of life, the last of its name: a gate's contact, a process, a sweep or a check that came to its end."""

    kind: str
    name: str
    at: datetime
    note: str = ""


class Bulk(Protocol):
    """The bulk of a store."""

    def beat(self, beats: Sequence[Beat]) -> None:
        """Keep signs of life, the later of two under one name."""
        ...

    def beats(self, kind: str) -> list[Beat]:
        """Return the signs of life of a kind, by name."""
        ...

    def put_exchanges(self, exchanges: Sequence[Exchange]) -> int:
        """Keep exchange rows in the bulk; return how many were new."""
        ...

    def exchanges(self, subject: SubjectId, *, since: datetime | None = None) -> Iterator[Exchange]:
        """Yield a subject's exchanges in order of time."""
        ...

    def unsealed(self, limit: int) -> dict[SubjectId, list[Exchange]]:
        """Return exchanges not yet in a sealed block, by subject, in order of time."""
        ...

    def assign_block(self, subject: SubjectId, ids: Sequence[str], root: str) -> None:
        """Assign exchanges to a block that is about to be sealed; an exchange belongs to one block for ever.

        All or none: raise `Conflict` unless each is there, the subject's, and free. The root is over all of them.
        """
        ...

    def pending_blocks(self) -> dict[str, list[Exchange]]:
        """Return blocks assigned and not yet marked as sealed, by root, their exchanges in order of time."""
        ...

    def block_sealed(self, root: str) -> None:
        """Mark a block whose fact stands in the record."""
        ...

    def put_spans(self, spans: Sequence[Span]) -> int:
        """Keep sealed spans in the bulk; return how many were new."""
        ...

    def spans(self, subject: SubjectId, limit: int) -> list[Span]:
        """Return a subject's sealed spans, the latest last."""
        ...

    def spans_over(self, now: datetime, limit: int) -> list[SubjectId]:
        """Return subjects with spans whose time is over, each once."""
        ...

    def keep_spans(self, subject: SubjectId, until: datetime) -> None:
        """Keep all of a subject's spans at least until then."""
        ...

    def drop_spans(self, subject: SubjectId, now: datetime) -> int:
        """Erase a subject's spans whose time is over; return how many those were."""
        ...
