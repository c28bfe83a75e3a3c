"""The operator's own systems beside the house: they switch accounts off, and on again; support asks what it may do.

Law: what was switched off here stays so whatever they do, and support hears of no notice (L4, L13).
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from answerable.app import AccountState, DeskIn, StateIn, Taken
from answerable.core.facts import DeskAction, Hazard
from answerable.simulation.chance import Chance
from answerable.simulation.house import House
from answerable.simulation.laws import Law
from answerable.simulation.people import User
from answerable_gate import NOTHING, Level

if TYPE_CHECKING:
    from answerable.simulation.world import World

EVERY, AGAIN = timedelta(days=9), timedelta(minutes=10)
SOON, LATE = timedelta(hours=2), timedelta(days=20)
ACTIONS = tuple(DeskAction)
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
        self._world.recur(self.turn, EVERY, self._chance)

    def turn(self) -> None:
        """Switch an account off; two in three times somebody switches it on again. Support asks about somebody."""
        ask_for_support(self._world.house, self._chance.pick(self._world.people.users), self._chance.pick(ACTIONS))
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


def ask_for_support(house: House, user: User, action: DeskAction) -> None:
    """Let support ask whether it may do something, and check the answer against the witness's notes (L4, L13)."""
    came = DeskIn(source="desk-1", action=action, account=user.account)
    cases = list(house.witness.cases_of(house.witness.holder(user.subject))) if user.subject else []
    whose = house.app.find_for_desk(came)
    checked = house.act(f"{action} {user.account}", lambda: house.app.check_for_desk(came, whose))
    if checked is None:
        return
    said = [one for one in cases if one.signals or one.adopted or one.acts or one.verified]
    covered = user.subject is not None and _is_covered(house, user.subject)
    held = covered or any(one.is_open for one in said)
    house.checks.that(Law.L4, not (held and checked.allowed), f"support may {action} for {user.account}, who is held")
    confirmed = any(notice.confirmed_at for one in cases for notice in one.notices.values())
    decided = any(not item.is_default for one in cases for item in one.items.values())
    claims = bool(cases) and not (said or confirmed or decided or covered)
    house.checks.that(Law.L13, checked.allowed or not claims, f"a notice alone is told of by {action} {user.account}")


def _is_covered(house: House, subject: str) -> bool:
    """Tell whether people have set something for the tenant that an account is below."""
    above = house.witness.cases_of({house.witness.above.get(subject, "")})
    items = (item for case in above for item in case.items.values() if item.is_live and not item.is_default)
    return any(item.standing != NOTHING for item in items)
