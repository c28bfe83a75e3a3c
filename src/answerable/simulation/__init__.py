"""The simulator: a seeded world of people, gates and faults around the real application.

Law: the same seed gives the same bytes (L16), and every law of the house is checked at every step.
"""

from answerable.simulation.laws import Law, LawBroken
from answerable.simulation.run import Outcome, simulate

__all__ = ["Law", "LawBroken", "Outcome", "simulate"]
