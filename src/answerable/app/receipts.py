"""Receipts: the proof that a notice is in the record, for whoever gave it; it needs nothing of ours to be checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from answerable.core.facts import NoticeId, NoticeReceived, Recorded, Refused, StreamId, SubjectId
from answerable.ledger.proofs import Receipt, write_receipt
from answerable.ledger.tree import inclusion
from answerable.store.protocol import Store, Tx

_PLACES = "notice_entry"


def note_places(tx: Tx, placed: Iterable[Recorded]) -> None:
    """Note which fact of whose is the entry of each notice."""
    for recorded in placed:
        if isinstance(recorded.fact, NoticeReceived):
            tx.remember(_PLACES, recorded.fact.notice, place(recorded, recorded.fact.subject))


def place(recorded: Recorded, subject: SubjectId) -> bytes:
    """Return what is noted of a fact in order to find it in the tree.

    Its leaf index where that is known, as version 1 notes and reads it; else whose it is, its stream and place there.
    """
    if recorded.index is not None:
        return str(recorded.index).encode()
    return f"{subject} {recorded.stream} {recorded.seq}".encode()


def is_place(noted: bytes | None, recorded: Recorded, subject: SubjectId) -> bool:
    """Tell whether what was noted leads to this fact, in either form: a record may have been copied since."""
    return noted in (place(recorded, subject), place(replace(recorded, index=None), subject))


def receipt(store: Store, notice: NoticeId, *, shows_entry: bool = False) -> bytes | Refused:
    """Return the receipt of a notice as a `.tlog-proof` file, once its entry is inside a signed checkpoint.

    With its entry it tells how many entries its case has before it, who is kept away from it, and whether the same was
    said before: whoever warns of himself would learn that somebody else did (L11).
    """
    noted = store.remembered(_PLACES, notice)
    if noted is None:
        return Refused("not_found", "There is no such notice.")
    index, newest = _index(store, noted.decode()), store.newest_checkpoint()
    if index is None or newest is None or newest.size <= index:
        return Refused("not_sealed", "The entry is durable and not yet inside a signed checkpoint; ask again shortly.")
    path = tuple(inclusion(index, newest.size, store.node))
    (entry,) = store.entries(index, index + 1)
    return write_receipt(Receipt(index=index, path=path, note=newest.note, entry=entry if shows_entry else None))


def _index(store: Store, noted: str) -> int | None:
    if noted.isdecimal():
        return int(noted)
    subject, stream, seq = noted.split(" ")
    return store.place_of(SubjectId(subject), StreamId(stream), int(seq))
