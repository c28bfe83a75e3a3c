"""Adopted measures: what the operator's own systems switched off.

Law: it is held like ours and leaves only through the interlock; switching the account on elsewhere lowers nothing.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from answerable.core import adopted, evidence
from answerable.core.cases import Case
from answerable.core.facts import (
    AdoptionUndone,
    CaseOpened,
    CaseReopened,
    DeadlineKind,
    DefaultArmed,
    EndState,
    Hazard,
    ItemId,
    LoweringKind,
    MeasureAdopted,
    Tier,
)
from answerable_gate import Level, Limit
from tests.core.builders import HER, RENE, STAFFED, SUBJECT, World, a_world, at, hours, refusal


def switched_off(
    world: World, level: Level = Level.SUSPENDED, source: str = "trust", hazard: Hazard = Hazard.STALKING
) -> tuple[Case, ItemId]:
    """Report a switch-off."""
    came = adopted.Incoming(
        subject=SUBJECT, level=level, source=source, hazard=hazard, label="policy-4", seen=world.now
    )
    return world.act(lambda journal: adopted.adopt(journal, came), source)


def switched_on(world: World, source: str = "trust") -> Case | None:
    """Report that the account was switched on again."""
    return world.act(lambda journal: adopted.undo(journal, SUBJECT, source=source, seen=world.now), source)


@pytest.mark.parametrize("level", [Level.SUSPENDED, Level.TERMINATED])
def test_a_switch_off_opens_a_case_and_stands_at_its_own_level(level: Level) -> None:
    """Outside the ceilings, at once, with an owner, somebody who must look and decide, and a review."""
    world = a_world()
    case, item = switched_off(world, level)
    assert world.level() is level
    assert case.names_nobody and case.owner is not None and case.tier is Tier.CONCERN
    assert case.held[item].item.review_by == world.now + STAFFED.measure_review_first
    assert not case.held[item].is_default
    assert {DeadlineKind.LOOK, DeadlineKind.DECIDE, DeadlineKind.MEASURE_REVIEW} <= {
        one.kind for one in case.deadlines.values() if one.is_running
    }
    assert not world.said(DefaultArmed), "an unverified switch-off arms nothing above itself"


def test_the_gravest_reason_is_tier_1() -> None:
    """By its hazard or by the source's own word."""
    world = a_world()
    assert switched_off(world, hazard=Hazard.MASS_CASUALTY)[0].tier is Tier.CRITICAL
    world = a_world(replace(STAFFED, gravest_labels=frozenset({"policy-4"})))
    assert switched_off(world)[0].tier is Tier.CRITICAL


def test_it_joins_the_open_case_of_the_account() -> None:
    """Whomever that case protects; where none is open the one about nobody in particular."""
    world = a_world().with_flag(person=HER)
    assert switched_off(world)[0] is world.case()
    assert len(world.said(CaseOpened)) == 1
    world = a_world().with_flag().answer_all()
    world.close(world.case())
    assert switched_off(world)[0] is world.case()
    assert len(world.said(CaseReopened)) == 1


def test_what_was_said_before_is_not_said_again() -> None:
    """A repeat is the same item; a graver state, or another source, is one of its own."""
    world = a_world()
    first = switched_off(world)[1]
    assert switched_off(world)[1] == first
    deleted = switched_off(world, Level.TERMINATED)[1]
    assert switched_off(world)[1] in (first, deleted)
    switched_off(world, source="vendor")
    assert len(world.said(MeasureAdopted)) == 3
    assert world.level() is Level.TERMINATED


def test_care_that_is_armed_stands_beside_it() -> None:
    """A switch-off covers no limit: who is in crisis is armed for care all the same."""
    world = a_world()
    switched_off(world, hazard=Hazard.SELF_HARM)
    assert world.standing().limits == {Limit.CARE}
    assert world.level() is Level.SUSPENDED


def test_switching_on_elsewhere_lowers_nothing_and_is_tier_1() -> None:
    """The standing is the same, somebody looks in a quarter of an hour, and it is said once."""
    world = a_world()
    case, item = switched_off(world)
    assert world.decide(case, Level.SUSPENDED) is None
    before = world.standing()
    assert switched_on(world) is case
    assert world.standing() == before
    assert case.tier is Tier.CRITICAL
    assert world.due(case, DeadlineKind.LOOK) == hours(0.25)
    assert world.due(case, DeadlineKind.DECIDE) == hours(1)
    assert world.said(AdoptionUndone)[0].items == (item,)
    assert switched_on(world) is None
    assert len(world.said(AdoptionUndone)) == 1


def test_what_a_source_never_switched_off_it_does_not_undo() -> None:
    """Nor another source's, nor what nobody adopted."""
    world = a_world()
    assert switched_on(world) is None
    switched_off(world)
    assert switched_on(world, "vendor") is None
    assert not world.said(AdoptionUndone)


def test_off_on_off_on_is_told_each_time() -> None:
    """After it was undone a new switch-off is a new item, and undoing that one is told as well."""
    world = a_world()
    first = switched_off(world)[1]
    switched_on(world)
    second = switched_off(world)[1]
    assert first != second
    switched_on(world)
    assert [one.items for one in world.said(AdoptionUndone)] == [(first,), (second,)]


def test_it_leaves_only_through_the_interlock_and_step_by_step() -> None:
    """No waiver, no closing by one; on the way down switching on elsewhere still goes round it (L4)."""
    world = a_world()
    case, _ = switched_off(world)
    assert refusal(world.close(case)) == "second_person_needed"
    assert refusal(world.decide(case, Level.PAUSED)) == "below_the_armed_default"
    world.all_view()
    proposal = world.propose(case, LoweringKind.LIFT, to=at(Level.PAUSED), waives=True)
    assert isinstance(proposal, str)
    assert world.sign(case, proposal, waives=True) is None
    assert refusal(world.lift(case, proposal)) == "cooling_off"
    world.fast_forward(hours=72)
    assert world.lift(case, proposal) is None
    assert world.level() is Level.PAUSED
    assert switched_on(world) is case, "the case refuses still"
    assert world.level() is Level.PAUSED
    world.lower(case, LoweringKind.LIFT, RENE, to=at(Level.GUARDED))
    assert world.level() is Level.GUARDED
    assert switched_off(world)[1] != case.held[ItemId(next(iter(case.adopted)))].item.id
    assert world.level() is Level.SUSPENDED


def test_once_the_interlock_has_let_go_switching_on_is_nobodys_business() -> None:
    """What no longer refuses can be switched on; and a closed case opens where it does not."""
    world = a_world()
    case, _ = switched_off(world)
    world.lower(case, LoweringKind.LIFT, to=at(Level.PAUSED))
    world.lower(case, LoweringKind.LIFT, to=at(Level.GUARDED))
    assert switched_on(world) is None
    world = a_world()
    case, _ = switched_off(world)
    world.lower(case, LoweringKind.CLOSE, to=at(Level.SUSPENDED), end=EndState.RESOLVED)
    assert not case.is_open and world.level() is Level.SUSPENDED
    assert switched_on(world) is case
    assert case.is_open and case.tier is Tier.CRITICAL


def test_a_change_elsewhere_is_new_evidence() -> None:
    """Both sign again, and the time to think begins again (L4)."""
    world = a_world()
    case, _ = switched_off(world)
    world.all_view()
    proposal = world.propose(case, LoweringKind.LIFT, to=at(Level.PAUSED))
    assert isinstance(proposal, str)
    assert world.sign(case, proposal) is None
    world.fast_forward(hours=71)
    switched_on(world)
    world.fast_forward(hours=2)
    assert refusal(world.lift(case, proposal)) == "stale"
    assert evidence.last_grave([case], []) == max(case.undone.values())
    assert refusal(world.sign(case, proposal)) is None
    assert refusal(world.sign(case, proposal, world.said(type(case.proposals[proposal].fact))[0].staff)) is None
    assert refusal(world.lift(case, proposal)) == "cooling_off"


def test_what_rests_on_an_adopted_measure_rests_on_no_claim() -> None:
    """He was told of it by those who switched him off; so his plan may visibly be frozen (L11)."""
    world = a_world().with_notice()
    assert world.case().rests_on_claims
    switched_off(world)
    assert not world.case().rests_on_claims
