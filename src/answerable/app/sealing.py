"""Sealing: checkpoints over the tree, signed after the commit; a lowering counts only once inside one (L4, L8)."""

from __future__ import annotations

from answerable.ledger.notes import checkpoint_text
from answerable.ledger.tree import consistency, root_at
from answerable.ledger.verify import Checkpoint
from answerable.ports.signer import Signer
from answerable.store.protocol import Checkpointed, Store


def seal(store: Store, signer: Signer) -> Checkpointed | None:
    """Sign a checkpoint over all entries, if any lie beyond the newest one; anyone may call it at any time."""
    store.integrate()
    size, newest = store.size(), store.newest_checkpoint()
    old = newest.size if newest is not None else 0
    if size <= old:
        return None
    checkpoint = Checkpoint(origin=store.origin, size=size, root=root_at(size, store.node))
    note = signer.sign(checkpoint_text(checkpoint), lambda since, upto: consistency(since, upto, store.node))
    sealed = Checkpointed(size=size, note=note)
    store.put_checkpoint(sealed)
    return sealed
