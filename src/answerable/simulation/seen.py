"""What was seen of a house so far, by whom it is watched, and what time it is.

Law: nothing here is the house's own; it is made again from what the house's programs write and its gates answer.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import UTC, datetime

from answerable.app import Exchange
from answerable.core import facts as f
from answerable.core import policy as policies
from answerable.simulation.announcing import Announcing
from answerable.simulation.keeping import Keeping, Stores
from answerable.simulation.laws import Checks
from answerable.simulation.ordering import Ordering
from answerable.simulation.parts import TrueTime
from answerable.simulation.reviewing import Reviewing
from answerable.simulation.sourcing import Sourcing
from answerable.simulation.watching import Watch
from answerable.simulation.widening import Widening
from answerable.simulation.witness import Witness
from answerable_gate import Entry

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
REMEMBERED = 12


class Seen:
    """Everything that was seen of one house."""

    def __init__(self, *, is_crossed: bool) -> None:
        """Begin with nothing seen; with `is_crossed` acts happen at once."""
        self.true = TrueTime(START)
        self.checks = Checks()
        self.witness = Witness(self.checks, is_crossed=is_crossed)
        self.stores = Stores()
        self.acts_done: deque[str] = deque(maxlen=REMEMBERED)
        self.steps = 0
        self.policies: dict[str, policies.Policy] = {}
        self.entries: dict[str, Entry] = {}
        self.log: list[Exchange] = []
        self.sealed_roots: dict[int, bytes] = {}
        self.facts: list[f.Recorded] = []
        self._views: Counter[tuple[str, str]] = Counter()
        self._bearers: dict[str, str] = {}
        self._head = 0
        self.sourcing = Sourcing(self.checks, self.witness, self.policies)
        self.ordering = Ordering(self.checks, self.witness)
        self.widening = Widening(self.checks, self.witness)
        self.announcing = Announcing(self.checks, self.witness, self.policies)
        self._watches: tuple[Watch, ...] = (
            Keeping(self.checks, self.stores),
            self.sourcing,
            self.ordering,
            self.widening,
            self.announcing,
            Reviewing(self.checks, self.witness, self.policies),
        )
