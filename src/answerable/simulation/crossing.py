"""What may happen in the middle of somebody else's act: another program writes, seals, sweeps, or tells a gate.

Law: it happens between two statements of the act, and the seed alone decides when and what (L16).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from answerable.simulation.chance import Chance

if TYPE_CHECKING:
    from answerable.simulation.world import World

OFTEN = 0.012
MOMENT = timedelta(microseconds=1)


class Crossing:
    """The others, who do not wait until an act is over."""

    def __init__(self, chance: Chance) -> None:
        """Take the chance that decides; nothing happens before `begin`."""
        self._chance = chance
        self._world: World | None = None
        self._is_on = False

    def begin(self, world: World) -> None:
        """Let it happen in this world from now on."""
        self._world = world

    def end(self) -> None:
        """Let each act be alone from now on."""
        self._world = None

    def between(self, _: str) -> None:
        """Perhaps let somebody else do something, before the next statement of an act."""
        world = self._world
        if world is None or self._is_on or not self._chance.happens(OFTEN) or not world.house.free():
            return
        self._is_on = True
        # What was told before a commit and what was told after it happened at two moments.
        world.house.true.elapsed += MOMENT
        try:
            self._chance.pick(world.crossings())()
        finally:
            world.house.true.elapsed += MOMENT
            self._is_on = False
