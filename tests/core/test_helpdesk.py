"""The helpdesk guard.

Law: what support would do for an account with a case goes by the case, and a notice alone is never given away (L11).
"""

from __future__ import annotations

import pytest

from answerable.core import helpdesk
from answerable.core.facts import DeskAction, EndState, HelpdeskRefused, LoweringKind, SubjectId
from answerable_gate import Level
from tests.core.builders import HER, SECOND, SUBJECT, World, a_world, at


def asked(world: World, *subjects: SubjectId, action: DeskAction = DeskAction.UNBAN) -> SubjectId | None:
    """Ask whether support may do something."""
    return world.act(lambda journal: helpdesk.check(journal, subjects, action), "desk")


@pytest.mark.parametrize("action", DeskAction)
def test_an_account_with_a_case_is_left_to_the_case(action: DeskAction) -> None:
    """Whatever it is, it is refused and kept."""
    world = a_world()
    assert asked(world, SUBJECT, action=action) is None
    world.with_flag()
    assert asked(world, SUBJECT, action=action) == SUBJECT
    assert world.said(HelpdeskRefused) == [HelpdeskRefused(subject=SUBJECT, action=action)]


def test_a_notice_alone_changes_no_answer() -> None:
    """Support talks with him: until more is known it hears what it hears of anybody (L11)."""
    world = a_world().with_notice(person=HER, danger_now=True)
    assert asked(world, SUBJECT) is None
    assert not world.said(HelpdeskRefused)
    world.confirm_notice(world.case(), next(iter(world.case().notices)))
    assert asked(world, SUBJECT) == SUBJECT


def test_who_is_one_holder_is_held_as_one() -> None:
    """The second account is no way round; a weak link is none."""
    world = a_world().with_flag()
    assert asked(world, SECOND) is None
    world.link("phone")
    assert asked(world, SECOND) is None
    world.link("phone", "card")
    assert asked(world, SECOND) == SECOND


def test_of_several_the_first_that_is_held_is_named() -> None:
    """An address that leads to more than one account."""
    world = a_world().with_flag(SECOND)
    assert asked(world, SUBJECT, SECOND) == SECOND


def test_a_closed_case_counts_as_long_as_it_holds_something() -> None:
    """What was decided goes on after the case closed; with nothing left support is free."""
    world = a_world().with_flag()
    case = world.case()
    world.decide(case, Level.SUSPENDED)
    world.lower(case, LoweringKind.CLOSE, to=at(Level.SUSPENDED), end=EndState.RESOLVED)
    assert not case.is_open
    assert asked(world, SUBJECT) == SUBJECT
    world = a_world().with_flag().answer_all()
    world.close(world.case())
    assert asked(world, SUBJECT) is None


TENANT, USER = SubjectId("su_acme"), SubjectId("su_acme_user")


def test_what_people_set_for_a_tenant_covers_everybody_below_it() -> None:
    """As at the gate; and what was lifted covers nobody any more."""
    world = a_world().see(USER).with_flag(TENANT)
    case = world.case()
    world.decide(case, Level.SUSPENDED)
    assert world.act(lambda journal: helpdesk.check(journal, [USER], DeskAction.UNBAN, tenants=[TENANT])) == TENANT
    assert world.said(HelpdeskRefused) == [HelpdeskRefused(subject=TENANT, action=DeskAction.UNBAN)]
    assert asked(world, USER) is None
    for level in (Level.PAUSED, Level.GUARDED, Level.WATCH, Level.NONE):
        world.fast_forward(days=8).lower(case, LoweringKind.LIFT, to=at(level))
        held = world.act(lambda journal: helpdesk.check(journal, [USER], DeskAction.UNBAN, tenants=[TENANT]))
        assert held == (None if level is Level.NONE else TENANT), level


def test_what_came_by_itself_for_a_tenant_covers_nobody_below_it() -> None:
    """A flag about traffic without an end user arms a default for that traffic: its named end users go on (L2)."""
    world = a_world().see(USER).with_flag(TENANT).fast_forward(days=8)
    assert world.level(TENANT) is not Level.NONE
    assert world.act(lambda journal: helpdesk.check(journal, [USER], DeskAction.UNBAN, tenants=[TENANT])) is None
    assert asked(world, TENANT) == TENANT
