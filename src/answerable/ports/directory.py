"""The port to the operator's accounts: whom do these identifiers belong to?

Law: one account only where an exact identifier says so; a name alone never picks an account (section 5, L10).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from answerable.ports.unknown import NotKnown
from answerable.vault.identifiers import Identifier


@dataclass(frozen=True, slots=True)
class OneAccount:
    """Exactly one account carries an exact identifier that was given."""

    account: str


@dataclass(frozen=True, slots=True)
class SeveralAccounts:
    """More than one account carries an exact identifier, or only a name matched: a person has to choose."""

    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoAccount:
    """The whole directory was searched and no account carries any of the identifiers."""


Resolution = OneAccount | SeveralAccounts | NoAccount | NotKnown


class Directory(Protocol):
    """The operator's accounts."""

    def resolve(self, identifiers: Sequence[Identifier]) -> Resolution:
        """Return whose account the identifiers belong to."""
