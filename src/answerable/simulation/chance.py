"""Chance of the simulated world: draws that the seed alone decides.

Law: the world and the record draw from different mints, so that neither shifts the other's numbers (L16).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import log
from typing import TypeVar

from answerable.edge import SeededMint

T = TypeVar("T")
_APART = 1_000_003


class Chance:
    """Draws for one part of the world."""

    def __init__(self, seed: int, part: int) -> None:
        """Take the world's seed and the part's own number."""
        self._mint = SeededMint(seed * _APART + part)

    def happens(self, chance: float) -> bool:
        """Tell whether something of this chance happens now."""
        return self._mint.fraction() < chance

    def between(self, low: float, high: float) -> float:
        """Return a number between two."""
        return low + (high - low) * self._mint.fraction()

    def below(self, count: int) -> int:
        """Return one of 0 … count - 1."""
        return int(self._mint.fraction() * count)

    def pick(self, among: Sequence[T]) -> T:
        """Return one of several."""
        return among[self.below(len(among))]

    def wait(self, mean: timedelta) -> timedelta:
        """Return the time until something next happens that has no memory and comes every `mean`."""
        return mean * -log(1.0 - self._mint.fraction())

    def span(self, low: timedelta, high: timedelta) -> timedelta:
        """Return a time between two."""
        return low + (high - low) * self._mint.fraction()
