"""Lapses: what time alone brings, written down.

Law: the record of a lapse may come late and changes nothing; no silence is without its page, its answer, its fact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from answerable.core import holds, lapses
from answerable.core.cases import Case
from answerable.core.facts import (
    UNKNOWN,
    AnswerLapsed,
    CaseAssigned,
    DeadlineKind,
    DeadlineMissed,
    DefaultStepped,
    DefaultTookEffect,
    Escalated,
    Hazard,
    LookBackEnded,
    LoweringKind,
    PolicyApplied,
    SignalKind,
    Tier,
)
from answerable_gate import Level, Standing
from tests.core.builders import (
    EVA,
    HER,
    LEON,
    PEOPLE,
    RENE,
    RITA,
    ROSA,
    SECOND,
    STAFFED,
    TEXT,
    World,
    a_world,
    hours,
    of_tier,
    refusal,
)


def wake(world: World, case: Case) -> timedelta | None:
    """Return how far off the next wake is."""
    at = lapses.next_wake(case, look_back_limit=STAFFED.look_back_limit)
    return at - world.now if at else None


def test_a_default_that_fell_due_is_recorded_once_with_its_own_time() -> None:
    """However late the sweep comes, what the gates did is dated when they did it (L1)."""
    world = a_world().with_flag().fast_forward(days=30).fast_forward(days=1)
    facts = world.said(DefaultTookEffect)
    assert len(facts) == 1
    assert facts[0].effective == world.case().opened_at + timedelta(days=7)
    assert next(world.case().live_defaults()).fell


def test_a_default_is_reviewed_within_72_hours_or_that_is_missed_too() -> None:
    """A person looks at what happened by itself, by the date that the gate tells; deciding is looking."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).fast_forward(hours=5)
    case = world.case()
    assert world.due(case, DeadlineKind.DEFAULT_REVIEW) == hours(72 - 5), "counted from the effect, not from its record"
    (told,) = {held.item.review_by for held in case.live_defaults() if held.fell}
    assert told == case.opened_at + hours(72)
    world.decide(case, Level.GUARDED)
    assert world.due(case, DeadlineKind.DEFAULT_REVIEW) is None
    silent = a_world().with_flag(kind=SignalKind.TRAJECTORY).fast_forward(minutes=1).fast_forward(days=4)
    missed = {silent.case().deadlines[fact.deadline].kind for fact in silent.said(DeadlineMissed)}
    assert DeadlineKind.DEFAULT_REVIEW in missed


def unreviewed(**signal: Any) -> World:
    """Make a world in which a default suspends an account of a grave flag, and nobody decides."""
    flag: dict[str, Any] = {"hazard": Hazard.MASS_CASUALTY} | signal
    world = a_world().with_flag(**flag)
    case = world.case()
    world.view(case)
    world.record_act(case, next(iter(case.signals)))
    return world.fast_forward(hours=1)


def test_a_default_that_nobody_reviewed_falls_one_level_after_14_days() -> None:
    """One level, once, under the names of the policy's two signers; until it is sealed nothing is lower (L4)."""
    world = unreviewed()
    (fallen,) = [one.item.id for one in world.case().live_defaults() if one.item.standing.level is Level.SUSPENDED]
    assert wake(world, world.case()) is not None
    assert world.fast_forward(days=13, hours=23).said(DefaultStepped) == []
    world.is_sealing = False
    (step,) = world.fast_forward(hours=1).said(DefaultStepped)
    assert (step.lifts, step.standing.level, step.signed_by) == ((fallen,), Level.PAUSED, (LEON, EVA))
    assert world.level() is Level.SUSPENDED
    assert world.seal().level() is Level.PAUSED
    assert len(world.fast_forward(days=60).said(DefaultStepped)) == 1
    assert world.level() is Level.PAUSED


def test_a_step_never_goes_below_guarded_and_a_guarded_default_never_steps() -> None:
    """Paused becomes guarded, with its limits; what only guards is not even given the time."""
    world = unreviewed(hazard=Hazard.THREAT, kind=SignalKind.TRAJECTORY)
    assert world.fast_forward(days=1).level() is Level.PAUSED
    assert world.fast_forward(days=60).level() is Level.GUARDED
    mild = a_world().with_flag(kind=SignalKind.TRAJECTORY).fast_forward(days=60)
    assert (mild.level(), mild.said(DefaultStepped)) == (Level.GUARDED, [])
    assert DeadlineKind.DEFAULT_STEP not in {one.kind for one in mild.case().deadlines.values()}


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.with_notice(person=UNKNOWN),
        lambda world: world.with_flag(person=HER),
        lambda world: world.with_flag(identified=True),
        lambda world: world.see(SECOND).with_notice(SECOND, person=UNKNOWN).link("phone", "card"),
        lambda world: world.answer_all().decide(world.case(), Level.SUSPENDED),
    ],
)
def test_nothing_steps_down_where_somebody_could_be_hurt_or_has_decided(change: Callable[[World], object]) -> None:
    """A notice, a named or an identified person anywhere in the holder, or a decision: only people lower (L4)."""
    world = unreviewed()
    change(world)
    world.fast_forward(days=1).fast_forward(days=30)
    assert (world.level(), world.said(DefaultStepped)) == (Level.SUSPENDED, [])


def test_a_stepped_default_is_decided_lifted_and_armed_anew_like_any_other() -> None:
    """A decision settles it; new evidence arms what it allows; below guarded it goes only after the 7 days (L4)."""
    world = unreviewed().fast_forward(days=14)
    world.with_notice(person=UNKNOWN)
    assert world.fast_forward(hours=1).level() is Level.SUSPENDED
    other = unreviewed(hazard=Hazard.THREAT, kind=SignalKind.TRAJECTORY).fast_forward(days=1).fast_forward(days=14)
    case = other.case()
    other.answer_all().all_view()
    refused = other.propose(case, LoweringKind.LIFT, to=Standing(Level.WATCH))
    assert refusal(refused) == "guarded_too_short"
    other.fast_forward(days=7)
    other.lower(case, LoweringKind.LIFT, to=Standing(Level.WATCH))
    assert other.level() is Level.WATCH


def test_a_newer_policy_neither_hastens_nor_delays_a_step() -> None:
    """The time is set with the default, and only a decision takes it away."""
    world = unreviewed().fast_forward(days=1)
    world.adopt(replace(STAFFED, default_step=timedelta(days=20)))
    assert len(world.fast_forward(days=13).said(DefaultStepped)) == 1


def test_each_deadline_is_missed_once() -> None:
    """Look, decision and referral each leave their fact, and no second one."""
    world = a_world().with_flag(hazard=Hazard.MASS_CASUALTY).fast_forward(hours=2).fast_forward(hours=2)
    kinds = Counter(world.case().deadlines[fact.deadline].kind for fact in world.said(DeadlineMissed))
    assert kinds == {DeadlineKind.LOOK: 1, DeadlineKind.DECIDE: 1, DeadlineKind.REFER: 1}


def test_a_missed_look_pages_up_the_ladder_and_at_its_top_for_ever() -> None:
    """Owner, deputy, lead, executive, one limit apart; then daily until somebody looks."""
    world = a_world().with_flag(hazard=Hazard.MASS_CASUALTY)
    for _ in range(5):
        world.fast_forward(minutes=15)
    assert [(fact.to, fact.rung) for fact in world.said(Escalated)] == [(RITA, 1), (LEON, 2), (EVA, 3), (EVA, 4)]
    for _ in range(30):
        world.fast_forward(days=1)
    assert [fact.rung for fact in world.said(Escalated)] == list(range(1, 35))
    assert {fact.to for fact in world.said(Escalated)[3:]} == {EVA}
    world.view(world.case())
    assert len(world.fast_forward(days=9).said(Escalated)) == 34


def test_ninety_silent_days_leave_a_hundred_facts_and_not_a_thousand() -> None:
    """For ever is daily; the record of one silent case stays readable."""
    world = a_world().with_notice(danger_now=True)
    case = world.case()
    for _ in range(3_000):
        at = lapses.next_wake(case, look_back_limit=STAFFED.look_back_limit)
        assert at is not None
        if at > case.opened_at + timedelta(days=90):
            break
        assert at > world.now or world.now == case.opened_at
        world.now = at
        world.act(lambda journal: None)
    assert 90 < len(world.said(Escalated)) < 100
    assert case.seq < 140


def test_a_late_sweep_pages_where_the_page_would_stand_by_now() -> None:
    """Rungs that nobody recorded are not made up for; who should know by now is paged now."""
    world = a_world().with_flag(hazard=Hazard.MASS_CASUALTY).fast_forward(days=10)
    assert [(fact.to, fact.rung) for fact in world.said(Escalated)] == [(EVA, 13)]


def test_new_evidence_starts_the_ladder_again_and_silences_no_page() -> None:
    """A fresh danger on a case that nobody ever opened pages within its own limit, not in a week."""
    world = a_world().with_notice().fast_forward(days=20)
    before = len(world.said(Escalated))
    world.with_notice(danger_now=True)
    pages = []
    for _ in range(4):
        world.fast_forward(minutes=15)
        pages.append(world.said(Escalated)[-1].to)
    assert pages == [RITA, LEON, EVA, EVA]
    assert len(world.said(Escalated)) == before + 4


def test_an_older_look_goes_on_paging_while_a_newer_one_runs() -> None:
    """The newer look's limit is no pause."""
    world = a_world().with_notice()
    for _ in range(3):
        world.fast_forward(days=1)
    before = len(world.said(Escalated))
    world.with_notice()
    assert world.due(world.case(), DeadlineKind.LOOK) == hours(4)
    world.fast_forward(hours=3, minutes=59)
    assert len(world.said(Escalated)) >= before


def test_a_notice_that_names_everybody_stops_no_clock() -> None:
    """Where nobody is left to page, what is due is written down all the same, and nobody named is told (L3, L6)."""
    everybody = tuple(staff for staff, _, _ in PEOPLE)
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).with_notice(barred=everybody).fast_forward(days=9)
    assert not world.said(Escalated)
    assert len(world.said(AnswerLapsed)) == 1
    assert (wake(world, world.case()) or timedelta(days=1)) > timedelta(0)


def test_nobody_barred_is_paged() -> None:
    """The lead whom the reporter named is passed over (L6)."""
    world = a_world().with_notice(barred=(LEON, RITA), danger_now=True)
    for _ in range(4):
        world.fast_forward(minutes=15)
    assert {fact.to for fact in world.said(Escalated)}.isdisjoint({LEON, RITA})


def test_a_case_whose_owner_left_is_somebodys_at_the_next_act() -> None:
    """One named person is answerable at any time there is one (R10)."""
    world = a_world().with_flag()
    assert (world.case().owner, world.case().deputy) == (RITA, LEON)
    world.leave(RITA).fast_forward(minutes=1)
    assert (world.case().owner, world.case().deputy) == (LEON, EVA)
    world.leave(EVA).fast_forward(minutes=1)
    assert (world.case().owner, world.case().deputy) == (LEON, RENE)
    assert len(world.said(CaseAssigned)) == 3


def test_with_nobody_left_nobody_is_paged_and_everything_else_goes_on() -> None:
    """Silence still protects when there is no one to break it."""
    world = a_world(people=PEOPLE[:1]).leave(RITA).with_notice().with_flag(person=HER, kind=SignalKind.TRAJECTORY)
    case = world.case()
    assert case.owner is None
    world.fast_forward(days=5)
    assert (world.said(Escalated), len(world.said(AnswerLapsed))) == ([], 1)
    assert world.level() is Level.GUARDED
    assert wake(world.fast_forward(days=4), case) is None


def test_an_unfinished_look_back_ends_as_not_known_after_ten_minutes() -> None:
    """By the next act, if no worker said so (L10)."""
    world = a_world().with_notice().fast_forward(minutes=9)
    assert world.said(LookBackEnded) == []
    assert wake(world, world.case()) == timedelta(minutes=1)
    assert world.fast_forward(minutes=1).said(LookBackEnded)[0].result == "not_known"


def test_a_policy_reaches_a_running_case_once_and_a_closed_one_never() -> None:
    """`PolicyApplied` is one fact for each version and open case."""
    world = a_world().with_flag().answer_all()
    world.close(world.case())
    world.with_flag(person=HER).adopt(of_tier(Tier.CONCERN, look=hours(1)))
    world.fast_forward(minutes=1)
    assert [fact.case for fact in world.said(PolicyApplied)] == [world.case(1).id]
    assert world.due(world.case(1), DeadlineKind.LOOK) == timedelta(minutes=59)


def test_a_measures_review_is_not_the_policys_to_move() -> None:
    """It was set with the measure; adopting a policy sets no second one."""
    world = a_world().with_flag()
    world.decide(world.case(), Level.GUARDED)
    world.adopt(of_tier(Tier.CONCERN, look=hours(1)))
    reviews = [d for d in world.case().deadlines.values() if d.kind is DeadlineKind.MEASURE_REVIEW]
    assert len(reviews) == 1


def test_the_next_wake_is_the_next_thing_that_time_brings() -> None:
    """Look, then decision and default, then the ladder; a decided and reviewed case sleeps until its review."""
    world = a_world().with_flag()
    case = world.case()
    (hold,) = case.holds
    world.act(lambda journal: holds.confirm(journal, case.id, hold, TEXT))
    assert wake(world, case) == hours(48)
    assert wake(world.fast_forward(days=2), case) == hours(48)
    world.view(case, ROSA)
    assert wake(world, case) == hours(24 * 5)
    world.decide(case, Level.GUARDED)
    assert wake(world, case) == hours(24 * 90)


def test_settling_twice_writes_nothing_new() -> None:
    """The same moment settled again is the same record (L16)."""
    world = a_world().with_notice(danger_now=True).with_flag(person=HER).fast_forward(days=3)
    before = len(world.facts)
    world.act(lambda journal: None)
    world.act(lambda journal: None)
    assert len(world.facts) == before
    assert RENE in world.roster.staff
