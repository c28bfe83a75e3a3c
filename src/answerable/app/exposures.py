"""Exposures: exchange rows come in from the gates, and are sealed into blocks that one fact each proves (R9)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from answerable.app.acts import Acts
from answerable.core import exposure
from answerable.core.facts import AUTOMATIC, ExposureSealed, SubjectId
from answerable.edge import rfc3339
from answerable.errors import Conflict
from answerable.ledger.verify import CompactRange, canonical, leaf_hash
from answerable.store.protocol import Exchange

BLOCK_MAX = 256


def row_bytes(exchange: Exchange) -> bytes:
    """Return an exchange's canonical bytes: the leaf of its block."""
    return canonical(
        {
            "id": exchange.id,
            "subject": exchange.subject,
            "at": rfc3339(exchange.at),
            "gate": exchange.gate,
            "conversation": exchange.conversation,
            "model": exchange.model,
            "answer": exchange.answer,
            "level": exchange.level,
            "standing": exchange.standing,
            "tokens": exchange.tokens,
            "digest": exchange.digest,
            "complete": exchange.complete,
        }
    )


def block_root(exchanges: Sequence[Exchange]) -> str:
    """Return the Merkle root over exchanges in their order, as hex."""
    edge = CompactRange()
    for one in exchanges:
        edge.append(leaf_hash(row_bytes(one)))
    return edge.root().hex()


def is_served(exchange: Exchange) -> bool:
    """Tell whether anything was served."""
    return exchange.answer != "refuse"


def is_looser(exchange: Exchange) -> bool:
    """Tell whether more was served than the standing of that moment allowed (L18)."""
    refused_then = exchange.standing >= REFUSING
    return is_served(exchange) and (refused_then or exchange.level < exchange.standing)


REFUSING = 3
"""`paused`: from this level on every exchange is refused."""


def seal_blocks(acts: Acts, *, limit: int = 10_000) -> int:
    """Seal what the gates recorded and nobody sealed yet; return how many blocks were sealed.

    The record and the bulk are two files: rows are first assigned to their block, then the block's fact is written
    under its root as idempotency key, then the block is marked. A crash between any two is taken up where it was.
    """
    for subject, rows in acts.store.unsealed(limit).items():
        for block in _cut(acts, subject, rows):
            with suppress(Conflict):  # another process is at these; the next round finds what it left
                acts.store.assign_block(subject, [one.id for one in block], block_root(block))
    pending = acts.store.pending_blocks()
    for root, block in pending.items():
        _write(acts, root, block)
        acts.store.block_sealed(root)
    return len(pending)


def _write(acts: Acts, root: str, block: Sequence[Exchange]) -> None:
    subject = block[0].subject
    with acts.open(AUTOMATIC, (subject,)) as act:
        if act.tx.remembered("block", root) is None:
            exposure.seal(act.journal, _fact(subject, block))
            act.tx.remember("block", root, b"sealed")


def _cut(acts: Acts, subject: SubjectId, rows: Sequence[Exchange]) -> list[list[Exchange]]:
    with acts.store.act() as tx:
        cases = list(tx.files((subject,)).holder_cases(subject))
    notices = [notice.at for case in cases for notice in case.notices.values()]
    orders = [at for case in cases for at in case.verified.values()]
    cuts = sorted([*notices, *orders])
    blocks: list[list[Exchange]] = []
    place = -1
    for row in rows:
        here = sum(1 for cut in cuts if cut <= row.at)
        if not blocks or here != place or len(blocks[-1]) >= BLOCK_MAX:
            blocks.append([])
        place = here
        blocks[-1].append(row)
    return blocks


def _fact(subject: SubjectId, block: Sequence[Exchange]) -> ExposureSealed:
    served = [one for one in block if is_served(one)]
    return ExposureSealed(
        subject=subject,
        root=block_root(block),
        exchanges=len(block),
        served=len(served),
        looser=sum(1 for one in served if is_looser(one)),
        tokens=sum(one.tokens for one in served),
        since=block[0].at,
        until=block[-1].at,
    )
