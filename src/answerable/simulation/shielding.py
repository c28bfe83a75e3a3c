"""Checks that a shield holds names of nobody but whom the account itself named, wherever it comes to be (L11).

Law: what an account wrote is noted as it is written, and is the only source of what its shields may hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from answerable.simulation.laws import Checks, Law
from answerable.simulation.witness import Witness
from answerable_gate import Entry, Shield, alias, seal_name


class Shielding:
    """Whom each account has named so far."""

    def __init__(self, checks: Checks, witness: Witness, gate_key: bytes) -> None:
        """Begin with nobody named."""
        self._checks = checks
        self._witness = witness
        self._gate_key = gate_key
        self._used: dict[str, set[str]] = {}

    def wrote(self, account: str, *names: str) -> None:
        """Note that an account's own words hold these names."""
        terms = {term for name in names for term in seal_name(self._gate_key, name)}
        self._used.setdefault(alias(self._gate_key, account).hex(), set()).update(terms)

    def check(
        self, subject: str | None, shields: Iterable[Shield], entries: Mapping[str, Entry], sealed: int, *, where: str
    ) -> None:
        """Check the shields that an account has somewhere: all their names stand in words of its own or its holder's.

        Of an account that nobody has spoken of yet, None, there are no words.

        A link counts until its withdrawal is in a checkpoint of `sealed` leaves; with 0, for ever.
        """
        held = {term for shield in shields for term in shield.terms}
        if not held:
            return
        sharing = self._witness.sharing(subject, sealed, full=False) if subject is not None else set()
        names = [name for one in sharing & set(entries) for name in entries[one].aliases]
        strange = held.difference(*(self._used.get(name, ()) for name in names))
        seen = f"{subject} is shielded in {where} from {len(strange)} names that it never wrote"
        self._checks.that(Law.L11, not strange, seen)
