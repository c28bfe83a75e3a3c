"""What comes to one server at one moment, and is taken in one transaction, as its writer does it.

Law: each of a group is taken or comes again by itself, whatever becomes of the group (L17).
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING

from answerable.app import Answerable, SignalIn, Taken
from answerable.simulation.chance import Chance
from answerable.work.writer import Failed, attempt

if TYPE_CHECKING:
    from answerable.simulation.world import World

EVERY = timedelta(days=5)


class Groups:
    """Several flags at once."""

    def __init__(self, world: World, chance: Chance) -> None:
        """Take the world that they come to."""
        self._world = world
        self._chance = chance

    def begin(self) -> None:
        """Set the first."""
        self._world.recur(self.come, EVERY, self._chance)

    def come(self) -> None:
        """Let some flags come at once; what was not taken comes again alone."""
        world, house = self._world, self._world.house
        flags = [world.flag() for _ in range(2 + self._chance.below(4))]
        server = self._chance.pick(house.free())

        def together() -> list[Taken | Failed]:
            with server.store.batch():
                return [attempt(server.app, partial(_raise, came)) for came, _ in flags]

        results = house.act(f"{len(flags)} flags at once", together) or []
        for (came, about), taken in zip_longest(flags, results):
            if isinstance(taken, Taken):
                world.took(came.id, taken, about)
            else:
                world.give_flag(came, about)


def _raise(came: SignalIn, answerable: Answerable) -> Taken:
    return answerable.raise_signal(came)
