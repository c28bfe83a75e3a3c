"""Exposures: exchange rows come in from the gates, and are sealed into blocks that one fact each proves (R9)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from answerable.app.acts import Act, Acts
from answerable.core import attempts, exposure
from answerable.core.facts import AUTOMATIC, ExposureSealed, GateFound, GateLost, SubjectId
from answerable.edge import rfc3339, zone_of
from answerable.errors import Conflict
from answerable.ledger.verify import CompactRange, canonical, leaf_hash
from answerable.store.protocol import Exchange

BLOCK_MAX = 256
UNDELIVERED = timedelta(seconds=30)
"""How long a row may wait in a gate that has contact: it is offered every ten seconds, each time for as long."""


def row_bytes(exchange: Exchange) -> bytes:
    """Return an exchange's canonical bytes: the leaf of its block."""
    counted = {"documents": exchange.documents, "mentions": exchange.mentions}
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
        # A block that was begun before gates counted these keeps its root.
        | {name: number for name, number in counted.items() if number is not None}
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


def is_shut_out(exchange: Exchange) -> bool:
    """Tell whether it was refused because the account gets nothing at all, and not for what it asked for."""
    return exchange.answer == "refuse" and exchange.standing >= REFUSING


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
            sealed = _fact(subject, block)
            exposure.seal(act.journal, sealed)
            shut_out = sum(1 for one in block if is_shut_out(one))
            attempts.attempted(act.journal, sealed, shut_out=shut_out, zone_of=zone_of)
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
        documents=sum(one.documents or 0 for one in served),
        documents_not_known=sum(one.documents is None for one in served),
        mentions=sum(one.mentions or 0 for one in served),
        mentions_not_known=sum(one.mentions is None for one in served),
        since=block[0].at,
        until=block[-1].at,
    )


def lose_gate(acts: Acts, gate: str, *, since: datetime, until: datetime | None) -> None:
    """Record that a gate fell silent; nothing where it is lost already."""
    with acts.open(AUTOMATIC) as act:
        if not _is_lost(act, gate):
            # What it saw before its last sign may have waited in it still.
            act.journal.write(GateLost(gate=gate, since=since - UNDELIVERED))
            if until is not None:
                act.journal.write(GateFound(gate=gate, until=until))


def find_gate(acts: Acts, gate: str, *, until: datetime) -> None:
    """Record that a gate is heard of again; nothing where it was not lost."""
    with acts.open(AUTOMATIC) as act:
        if _is_lost(act, gate):
            act.journal.write(GateFound(gate=gate, until=until))


def lost_gates(acts: Acts) -> set[str]:
    """Return the gates that are lost now."""
    with acts.store.act() as tx:
        return {one.gate for one in tx.roster().lost if one.until is None}


def _is_lost(act: Act, gate: str) -> bool:
    return any(one.gate == gate and one.until is None for one in act.journal.roster.lost)
