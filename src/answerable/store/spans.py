"""Sealed spans in the bulk: a few words around an act, kept for a time, or for as long as a case asks for them.

Law: what is erased is erased whole: the words, their key, and that there were any.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from answerable.core.facts import SubjectId
from answerable.store.protocol import Span
from answerable.store.rows import micros, moment
from answerable.store.sql_tx import Connection
from answerable.vault.texts import SealedText

_SPAN = "INSERT INTO span VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
SPANS = "SELECT * FROM span WHERE subject = ? ORDER BY at DESC, id DESC LIMIT ?"
_DROP = "DELETE FROM span WHERE subject = ? AND until <= ?"
SPANS_OVER = "SELECT DISTINCT subject FROM span WHERE until <= ? LIMIT ?"


class Link(Protocol):
    """A connection to where the bulk lies."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """Open one transaction."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """Lend the connection to read with."""
        ...


class Spans:
    """The rows of spans."""

    def __init__(self, link: Link) -> None:
        """Take the connection of the bulk."""
        self._link = link

    def put(self, spans: Sequence[Span]) -> int:
        """Keep spans; return how many were new."""
        with self._link.transaction() as connection:
            return connection.executemany(_SPAN, [_row(one) for one in spans]).rowcount if spans else 0

    def of(self, subject: SubjectId, limit: int) -> list[Span]:
        """Return a subject's spans, the latest last."""
        with self._link.reading() as connection:
            return [_span(row) for row in connection.execute(SPANS, (subject, limit)).fetchall()][::-1]

    def over(self, now: datetime, limit: int) -> list[SubjectId]:
        """Return subjects with spans whose time is over."""
        with self._link.reading() as connection:
            return [row[0] for row in connection.execute(SPANS_OVER, (micros(now), limit)).fetchall()]

    def keep(self, subject: SubjectId, until: datetime) -> None:
        """Keep all spans of a subject at least until then."""
        with self._link.transaction() as connection:
            changed = (micros(until), subject, micros(until))
            connection.execute("UPDATE span SET until = ? WHERE subject = ? AND until < ?", changed)

    def drop(self, subject: SubjectId, now: datetime) -> int:
        """Erase a subject's spans whose time is over."""
        with self._link.transaction() as connection:
            return connection.execute(_DROP, (subject, micros(now))).rowcount


def _row(one: Span) -> tuple[object, ...]:
    text = one.text
    return (
        one.id, one.subject, micros(one.at), micros(one.until), one.kind, text.token, text.author, text.slot,
        text.wrapped_key, text.nonce, text.ciphertext, text.commit,
    )  # fmt: skip


def _span(row: tuple[Any, ...]) -> Span:
    one, subject, at, until, kind, token, author, slot, wrapped_key, nonce, ciphertext, commit = row
    text = SealedText(
        token=token,
        case=subject,
        author=author,
        slot=slot,
        wrapped_key=wrapped_key,
        nonce=nonce,
        ciphertext=ciphertext,
        commit=commit,
    )
    return Span(id=one, subject=subject, at=moment(at), until=moment(until), kind=kind, text=text)
