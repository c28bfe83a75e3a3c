"""The laws by name, as the simulator checks them, and the one error that says which was broken.

Law: a check counts each time it is made, so that a run that checked nothing shows it.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class Law(StrEnum):
    """A law of the house (docs/concepts.md), by its number."""

    L1 = "L1 silence protects"
    L2 = "L2 a default only tightens"
    L3 = "L3 only a decision stops a clock"
    L4 = "L4 lowering needs two and time"
    L5 = "L5 every asker is answered"
    L6 = "L6 reading is a fact"
    L7 = "L7 no state without a fact"
    L8 = "L8 the ledger only grows"
    L9 = "L9 decided, in force, confirmed"
    L11 = "L11 the reporter is never revealed"
    L12 = "L12 a private person is told nothing written"
    L13 = "L13 evidence bounds automation"
    L14 = "L14 what is held is kept"
    L16 = "L16 same seed, same bytes"
    L17 = "L17 no lost intake"
    L18 = "L18 coverage is provable"


class LawBroken(BaseException):
    """A law was broken: which one, and what was seen. Nothing of the house may catch it and go on."""

    def __init__(self, law: Law, seen: str) -> None:
        """Take the law and what was seen."""
        super().__init__(f"{law.value}: {seen}")
        self.law = law
        self.seen = seen


class Checks:
    """How often each law was checked in a run."""

    def __init__(self) -> None:
        """Begin with none."""
        self.made: Counter[Law] = Counter()

    def that(self, law: Law, holds: bool, seen: str) -> None:
        """Count a check. Raise `LawBroken` where it does not hold."""
        self.made[law] += 1
        if not holds:
            raise LawBroken(law, seen)
