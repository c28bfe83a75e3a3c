"""The port that signs checkpoints of the ledger.

Law: a signer never signs a checkpoint that does not grow out of the last one it signed (L8).
"""

from collections.abc import Callable, Sequence
from typing import Protocol

# (old size, new size, old root, new root, proof) -> whether the new tree holds the old one as its beginning
Consistent = Callable[[int, int, bytes, bytes, Sequence[bytes]], bool]


class Signer(Protocol):
    """Whoever holds the key of the log."""

    @property
    def name(self) -> str:
        """Return the key's name, as it stands in the signature line."""

    @property
    def vkey(self) -> str:
        """Return the verifier key to hand out (C2SP signed-note)."""

    def sign(self, text: str, proof: Sequence[bytes] = ()) -> str:
        """Return the signed note of a checkpoint text, given the consistency proof from the last one signed."""
