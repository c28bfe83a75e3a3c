"""The operator's own systems beside the house: they switch accounts off, and somebody there switches them on again.

Law: what was switched off here stays so whatever they do; only the interlock lets go of it (L4).
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from answerable.app import AccountState, StateIn, Taken
from answerable.core.facts import Hazard
from answerable.simulation.chance import Chance
from answerable.simulation.laws import Law
from answerable.simulation.people import User
from answerable_gate import Level

if TYPE_CHECKING:
    from answerable.simulation.world import World

EVERY, AGAIN = timedelta(days=9), timedelta(minutes=10)
SOON, LATE = timedelta(hours=2), timedelta(days=20)
OFF = (AccountState.DISABLED, AccountState.DISABLED, AccountState.DELETED)


class Switches:
    """Their switches, and who is at them."""

    def __init__(self, world: World, chance: Chance) -> None:
        """Take the world that they stand beside."""
        self._world = world
        self._chance = chance
        self._count = 0

    def begin(self) -> None:
        """Set the first."""
        self._world.after(self._chance.wait(EVERY), self._again)

    def _again(self) -> None:
        self.turn()
        self.begin()

    def turn(self) -> None:
        """Switch an account off; two in three times somebody switches it on again."""
        user = self._chance.pick(self._world.people.users)
        self._report(user, self._chance.pick(OFF))
        if self._chance.happens(0.67):
            later = partial(self._report, user, AccountState.ENABLED)
            self._world.after(self._chance.span(SOON, LATE), later)

    def _report(self, user: User, state: AccountState) -> None:
        self._count += 1
        hazard = self._chance.pick(tuple(Hazard))
        came = StateIn(
            id=f"state-{self._count}", source="trust-1", account=user.account, state=state, hazard=hazard, label="off-1"
        )
        self._give(user, came)

    def _give(self, user: User, came: StateIn) -> None:
        """Report until it is taken, and now and then once more."""
        house = self._world.house
        taken = house.act(f"{came.state} {user.account}", lambda: house.app.report_state(came))
        if taken is None:
            self._world.after(AGAIN, lambda: self._give(user, came))
            return
        self._check(user, came, taken)
        if self._chance.happens(0.1):
            self._world.after(self._chance.span(AGAIN, SOON), lambda: self._give(user, came))

    def _check(self, user: User, came: StateIn, taken: Taken) -> None:
        """Check that what was reported is kept, and that an account switched off is refused (L4, L17)."""
        house = self._world.house
        if came.state is AccountState.ENABLED or taken.again:
            return
        case = house.witness.cases.get(taken.case or "")
        item = case.items.get(taken.id) if case else None
        house.checks.that(Law.L17, item is not None, f"{came.id} was taken and nothing holds {user.account}")
        if case is not None and item is not None:
            user.subject = case.subject
            least = Level.TERMINATED if came.state is AccountState.DELETED else Level.SUSPENDED
            kept = item.standing.level >= least and item.is_live
            house.checks.that(Law.L4, kept, f"{came.id} switched {user.account} off and is held as less")
