"""Whoever else has a hand in a case: a partner, a lead, a reporter who thinks again, who sells, and who hires.

Law: each goes through the application's own verbs, and what must not follow from it the checks see (L3, L4).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from answerable.core import facts as f
from answerable.core.journal import Plan
from answerable.simulation.chance import Chance

if TYPE_CHECKING:
    from answerable.simulation.world import World

DAY = timedelta(days=1)


class Offices:
    """What they do, each now and then."""

    def __init__(self, world: World, chance: Chance) -> None:
        """Take the world that they belong to."""
        self._world = world
        self._chance = chance

    def begin(self) -> None:
        """Set the first of each."""
        for event, every in (
            (self._raise_plan, 6 * DAY),
            (self.confirm_notice, 12 * DAY),
            (self.confirm_link, 15 * DAY),
            (self.take_back, 25 * DAY),
            (self._staff_changes, 30 * DAY),
        ):
            self._world.recur(event, every, self._chance)

    def confirm_notice(self) -> None:
        """Let the partner confirm what somebody said of a person who in truth endangers her."""
        house = self._world.house
        warned = (case for case in house.witness.cases.values() if case.notices)
        cases = [case for case in warned if self._world.people.is_dangerous(case.subject)]
        if cases:
            case = self._chance.pick(cases)
            notice, name = f.NoticeId(self._chance.pick(list(case.notices))), f.CaseId(case.id)
            partner = f.StaffId("partner-1")
            house.act("confirm notice", lambda: house.app.confirm_notice(name, notice, partner=partner))

    def confirm_link(self) -> None:
        """Let the lead confirm that two accounts are one person's."""
        house = self._world.house
        links = list(house.witness.links.items())
        if links:
            name, link = self._chance.pick(links)
            subject, lead = f.SubjectId(link.ends[0]), f.StaffId("lead-1")
            house.act("confirm link", lambda: house.app.confirm_link(subject, f.LinkId(name), staff=lead))

    def take_back(self) -> None:
        """Let a reporter take a notice back; the clocks go on (L3)."""
        house = self._world.house
        cases = [case for case in house.witness.cases.values() if case.notices]
        if cases:
            case = self._chance.pick(cases)
            name, notice = f.CaseId(case.id), f.NoticeId(self._chance.pick(list(case.notices)))
            house.act("take back", lambda: house.app.withdraw_notice(name, notice, by="portal"))

    def _staff_changes(self) -> None:
        """A duty reviewer leaves, and comes back at the next change."""
        gone = "reviewer-1" not in self._world.house.witness.left
        everybody = (one.person for one in self._world.colleagues)
        self._world.house.enrol(tuple(one for one in everybody if not gone or one.id != "reviewer-1"))

    def _raise_plan(self) -> None:
        """Billing sells more to somebody who has a case (F4)."""
        house, user = self._world.house, self._chance.pick(self._world.people.users)
        plan = Plan(models=("huge", "large"), tools=("code", "search", "write"))
        house.act("billing", lambda: house.app.raise_entitlement(user.account, plan, by="billing-1"))
        user.model = "huge" if self._chance.happens(0.5) else "large"
