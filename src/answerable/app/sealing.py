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


def contradiction(store: Store, signer: Signer) -> str | None:
    """Return how the record contradicts what its signer signed last; None where it holds that as its beginning."""
    last = signer.signed_last()
    # Read after: an entry is in the tree before it is signed.
    size = store.size()
    if last.size > size:
        return f"{last.size} entries were signed, and this record holds {size} of them"
    if root_at(last.size, store.node) != last.root:
        return f"the signer signed other entries than the first {last.size} of this record"
    return None
