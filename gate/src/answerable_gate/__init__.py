"""The pure gate of Answerable: what is in force for an account, decided without a network."""

from answerable_gate.entry import Entry, Frozen, Item
from answerable_gate.judge import GatePolicy
from answerable_gate.measures import NOTHING, Level, Limit, Shield, Standing, cap, covers, join
from answerable_gate.standing import standing

__all__ = [
    "NOTHING", "Entry", "Frozen", "GatePolicy", "Item", "Level", "Limit", "Shield", "Standing",
    "cap", "covers", "join", "standing",
]
