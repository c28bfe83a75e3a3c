"""The port that orders the operator's own stores to keep an account's data.

Law: a hold counts as placed only when the store confirmed it (L9, L14).
"""

from dataclasses import dataclass
from typing import Protocol

from answerable.ports.unknown import NotKnown


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The operator's store says that it keeps the account's data; `reference` is its own word for the hold."""

    account: str
    case: str
    reference: str


class Preserve(Protocol):
    """The operator's stores, as far as they can be told to keep."""

    def hold(self, account: str, case_ref: str) -> Confirmation | NotKnown:
        """Order the account's data to be kept for a case; ordering the same hold again changes nothing."""
