"""Holds are ordered with the case, said when nobody confirmed them, and lapse only where nothing but claims speaks."""

from __future__ import annotations

from datetime import timedelta

from answerable.core import decisions, holds
from answerable.core.cases import Case
from answerable.core.facts import (
    HoldConfirmed,
    HoldId,
    HoldLapsed,
    HoldOrdered,
    HoldUnconfirmed,
    HoldUpheld,
    StaffId,
)
from answerable.core.lapses import next_wake
from answerable_gate import Level
from tests.core.builders import CARL, HER, RITA, SECOND, TEXT, World, a_world, refusal


def the_hold(world: World, number: int = 0) -> HoldId:
    """Return a hold by the order in which they were ordered."""
    return world.said(HoldOrdered)[number].hold


def confirm(world: World, case: Case, number: int = 0) -> None:
    """Let the operator's stores say that they keep it."""
    hold = the_hold(world, number)
    world.act(lambda journal: holds.confirm(journal, case.id, hold, TEXT))


def uphold(world: World, case: Case, staff: StaffId = RITA) -> str | None:
    """Let a reviewer confirm the case's holds."""
    return refusal(world.act(lambda journal: decisions.uphold(journal, case.id, staff=staff), staff))


def test_a_case_that_opens_orders_one_hold_whatever_else_comes() -> None:
    """A flag, a second flag and a notice in one case: one hold."""
    world = a_world().with_flag().with_flag().with_notice()
    assert [fact.about for fact in world.said(HoldOrdered)] == [None]


def test_nothing_is_ordered_for_an_account_that_nobody_has_found_until_somebody_does() -> None:
    """A notice about an unknown account orders nothing; the day the account is seen, its open cases do."""
    world = a_world().see(SECOND, found=False).with_notice(SECOND)
    assert world.said(HoldOrdered) == []
    world.see(SECOND)
    assert [fact.case for fact in world.said(HoldOrdered)] == [world.case(0).id]
    world.see(SECOND)
    assert len(world.said(HoldOrdered)) == 1


def test_a_closed_case_of_an_account_that_is_found_late_orders_nothing() -> None:
    """What two people closed is not taken up again because the directory answered late."""
    world = a_world().see(SECOND, found=False).with_notice(SECOND)
    world.answer_all()
    assert world.close(world.case()) is None
    assert world.see(SECOND).said(HoldOrdered) == []


def test_an_order_has_a_hold_of_its_own_beside_the_cases() -> None:
    """What a court orders is held for that order, once."""
    world = a_world().with_flag()
    case = world.case()
    first = world.act(lambda journal: holds.order(journal, case, about="or_1"))
    again = world.act(lambda journal: holds.order(journal, case, about="or_1"))
    assert first == again is not None
    assert [fact.about for fact in world.said(HoldOrdered)] == [None, "or_1"]


def test_what_nobody_confirms_in_an_hour_is_said_once() -> None:
    """Until the hour is over nothing, then one fact, and a late confirmation is still taken."""
    world = a_world().with_flag()
    case = world.case()
    world.fast_forward(minutes=59)
    assert world.said(HoldUnconfirmed) == []
    world.fast_forward(minutes=1).fast_forward(days=1)
    assert [fact.hold for fact in world.said(HoldUnconfirmed)] == [the_hold(world)]
    confirm(world, case)
    confirm(world, case)
    assert len(world.said(HoldConfirmed)) == 1


def test_what_was_confirmed_in_time_is_never_said_to_be_unconfirmed() -> None:
    """The next thing that time brings is then something else."""
    world = a_world().with_flag()
    case = world.case()
    assert next_wake(case, look_back_limit=timedelta(minutes=10)) == world.now + holds.CONFIRM_WITHIN
    confirm(world, case)
    assert world.fast_forward(hours=2).said(HoldUnconfirmed) == []


def test_a_hold_on_claims_alone_lapses_ninety_days_after_the_newest_of_them() -> None:
    """A second notice, on day 60, moves the lapse to day 150; after it, a third notice orders anew."""
    world = a_world().with_notice()
    case = world.case()
    confirm(world, case)
    world.fast_forward(days=60).with_notice().fast_forward(days=89)
    assert world.said(HoldLapsed) == []
    world.fast_forward(days=1).fast_forward(days=90)
    assert len(world.said(HoldLapsed)) == 1
    world.with_notice()
    assert len(world.said(HoldOrdered)) == 2


def test_no_hold_lapses_where_more_than_claims_speaks() -> None:
    """A flag, a confirmed notice, a decision: each keeps what is held."""
    flagged = a_world().with_notice().with_flag(person=HER)
    assert flagged.fast_forward(days=400).said(HoldLapsed) == []
    confirmed = a_world()
    notice = confirmed.notice()
    assert confirmed.confirm_notice(confirmed.case(), notice) is None
    assert confirmed.fast_forward(days=400).said(HoldLapsed) == []
    decided = a_world().with_notice()
    assert decided.decide(decided.case(), Level.GUARDED) is None
    assert decided.fast_forward(days=400).said(HoldLapsed) == []


def test_what_a_court_ordered_does_not_lapse_with_the_claim() -> None:
    """Of the two holds of a case that rests on a notice, only the case's own lapses."""
    world = a_world().with_notice()
    world.act(lambda journal: holds.order(journal, world.case(), about="or_1"))
    world.fast_forward(days=91)
    assert [fact.hold for fact in world.said(HoldLapsed)] == [the_hold(world)]


def test_a_person_who_opened_the_case_keeps_its_hold() -> None:
    """Refused to who may not decide and to who has not read it; once read it stands for good."""
    world = a_world().with_notice()
    case = world.case()
    assert uphold(world, case, CARL) == "not_authorised"
    assert uphold(world, case) == "not_opened"
    world.view(case)
    assert uphold(world, case) is None
    assert [fact.staff for fact in world.said(HoldUpheld)] == [RITA]
    assert world.fast_forward(days=400).said(HoldLapsed) == []
    world.view(case)
    assert uphold(world, case) == "not_found"


def test_what_has_lapsed_can_no_longer_be_kept_by_a_word() -> None:
    """The operator may have erased it by then."""
    world = a_world().with_notice()
    world.fast_forward(days=90)
    world.view(world.case())
    assert uphold(world, world.case()) == "not_found"
