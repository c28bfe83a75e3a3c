"""Receipts: the proof that a notice is in the record, for whoever gave it; it needs nothing of ours to be checked."""

from __future__ import annotations

from collections.abc import Iterable

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
    """Return what is noted of a fact in order to find it in the tree: whose it is, its stream and place there."""
    return f"{subject} {recorded.stream} {recorded.seq}".encode()


def receipt(store: Store, notice: NoticeId) -> bytes | Refused:
    """Return the receipt of a notice as a `.tlog-proof` file, once its entry is inside a signed checkpoint."""
    with store.act() as tx:
        noted = tx.remembered(_PLACES, notice)
    if noted is None:
        return Refused("not_found", "There is no such notice.")
    subject, stream, seq = noted.decode().split(" ")
    index, newest = store.place_of(SubjectId(subject), StreamId(stream), int(seq)), store.newest_checkpoint()
    if index is None or newest is None or newest.size <= index:
        return Refused("not_sealed", "The entry is durable and not yet inside a signed checkpoint; ask again shortly.")
    path = tuple(inclusion(index, newest.size, store.node))
    (entry,) = store.entries(index, index + 1)
    return write_receipt(Receipt(index=index, path=path, note=newest.note, entry=entry))
