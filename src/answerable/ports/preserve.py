"""The port that orders the operator's own stores to keep an account's data.

Law: a hold counts as placed only when the store confirmed it (L9, L14).
"""

from dataclasses import dataclass
from typing import Protocol

from answerable.ports.unknown import NotKnown


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The operator's stores say that they keep the account's data, or no longer do so for this hold.

    `reference` is their own word for the hold.
    """

    account: str
    hold: str
    reference: str


class Preserve(Protocol):
    """The operator's stores, as far as they can be told to keep."""

    def hold(self, account: str, hold: str) -> Confirmation | NotKnown:
        """Order the account's data to be kept; `hold` names the order, and the same one again changes nothing."""

    def release(self, account: str, hold: str) -> Confirmation | NotKnown:
        """Say that this hold has lapsed; whatever other holds stand on the account keep its data as before."""
