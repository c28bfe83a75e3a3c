"""Armed defaults: tiers, grades, ceilings, clocks.

Law: what happens by itself is fixed at arming by the evidence, never later than what was promised, and only tightens.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from answerable.core import defaults
from answerable.core.facts import (
    UNKNOWN,
    DeadlineKind,
    DefaultArmed,
    EffectsBounded,
    Grade,
    Hazard,
    LookBackResult,
    SignalKind,
    Tier,
)
from answerable_gate import Level, Limit
from tests.core.builders import ALMA, BELA, HER, SECOND, START, SUBJECT, a_world, hours, of_tier


def test_tier_3_arms_watch_at_its_limit_and_nothing_at_once() -> None:
    """A mild flag does nothing now and brings watch after seven days of silence."""
    world = a_world().with_flag()
    case = world.case()
    assert (case.tier, world.level(), world.armed(case)) == (Tier.CONCERN, Level.NONE, [(Level.WATCH, hours(168))])
    assert world.due(case, DeadlineKind.LOOK) == hours(48)
    assert world.fast_forward(days=7).level() is Level.WATCH


def test_tier_2_of_one_machine_is_guarded_at_once_and_goes_no_further() -> None:
    """E1 stops at guarded, however long nobody decides."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    assert world.level() is Level.GUARDED
    assert world.fast_forward(days=90).level() is Level.GUARDED


def test_a_notice_alone_brings_watch_and_no_more() -> None:
    """E0, in any number, stays unnoticeable (L11, L13)."""
    world = a_world()
    for _ in range(6):
        world.notice()
    assert world.fast_forward(days=30).level() is Level.WATCH


def test_a_danger_now_notice_opens_tier_1_within_its_ceiling() -> None:
    """The most urgent clocks run; an unverified claim still only watches while history gave nothing."""
    world = a_world()
    notice = world.notice(danger_now=True)
    case = world.case()
    assert case.tier is Tier.CRITICAL
    assert world.due(case, DeadlineKind.LOOK) == timedelta(minutes=15)
    assert world.due(case, DeadlineKind.DECIDE) == hours(1)
    assert world.due(case, DeadlineKind.REFER) == hours(1)
    assert world.due(case, DeadlineKind.ANSWER) == hours(24)
    world.look_back(case, notice, LookBackResult.NOTHING)
    assert world.fast_forward(hours=2).level() is Level.WATCH


def test_the_gravest_flag_is_guarded_at_once() -> None:
    """A flag of the gravest class opens tier 1; one machine's word still ends at guarded."""
    world = a_world().with_flag(hazard=Hazard.MASS_CASUALTY)
    assert (world.case().tier, world.level()) == (Tier.CRITICAL, Level.GUARDED)
    assert world.fast_forward(days=2).level() is Level.GUARDED


def test_a_corroborated_act_is_paused_when_the_clock_runs_out() -> None:
    """E2: an act beside an identified person whom a notice names goes to paused at expiry, guarded until then."""
    world = a_world().with_notice().with_flag(person=HER, act=True, identified=True)
    assert world.level() is Level.GUARDED
    assert world.fast_forward(hours=1).level() is Level.PAUSED


def test_an_act_that_a_reviewer_recorded_is_suspended_at_expiry() -> None:
    """E3 in tier 1 reaches suspended; terminated never comes by itself."""
    world = a_world().with_notice().with_flag(person=HER, act=True, identified=True)
    case = world.case()
    world.view(case)
    assert world.record_act(case, next(iter(case.signals))) is None
    assert world.fast_forward(days=200).level() is Level.SUSPENDED


def test_more_evidence_never_moves_a_default_later() -> None:
    """A further default is due at the earlier of the running due and now plus the limit (L3)."""
    world = a_world().with_flag()
    case = world.case()
    world.fast_forward(days=6).with_flag(kind=SignalKind.RULE)
    assert world.armed(case) == [(Level.WATCH, hours(24))]
    world.with_flag(kind=SignalKind.TRAJECTORY)
    assert world.armed(case)[0] == (Level.GUARDED, hours(0))


def test_a_higher_tier_shortens_and_keeps_the_sooner_due() -> None:
    """With half an hour left to decide, a danger-now notice does not start a fresh hour."""
    world = a_world().with_notice()
    case = world.case()
    world.fast_forward(hours=23, minutes=30).with_notice(danger_now=True)
    assert world.due(case, DeadlineKind.DECIDE) == timedelta(minutes=30)
    assert world.due(case, DeadlineKind.REFER) == timedelta(minutes=30)


def test_evidence_after_a_missed_clock_gets_a_fresh_one() -> None:
    """Where the running due has passed, the further default is due at now plus the limit."""
    world = a_world().with_flag(person=HER).fast_forward(days=8)
    case = world.case()
    assert world.due(case, DeadlineKind.DECIDE) is None
    world.with_flag(person=HER, act=True, kind=SignalKind.TRAJECTORY)
    assert world.due(case, DeadlineKind.DECIDE) == hours(24)
    assert world.level() is Level.GUARDED


def test_evidence_after_a_decision_owes_a_new_decision_and_arms_what_the_measure_lacks() -> None:
    """A decision ends the clocks of its moment; later evidence starts its own."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY, person=HER)
    case = world.case()
    assert world.decide(case, Level.GUARDED) is None
    assert world.armed(case) == []
    assert world.due(case, DeadlineKind.DECIDE) is None
    world.fast_forward(days=1).with_notice().with_flag(person=HER, act=True, identified=True)
    assert world.due(case, DeadlineKind.DECIDE) == hours(1)
    assert [level for level, _ in world.armed(case)] == [Level.PAUSED]


def test_evidence_that_a_measure_covers_arms_nothing_and_is_owed_all_the_same() -> None:
    """Beneath a stronger measure a default would add nothing; a person still owes look and decision."""
    world = a_world().with_flag(person=HER)
    case = world.case()
    world.decide(case, Level.SUSPENDED)
    world.fast_forward(hours=1).with_flag(person=HER, kind=SignalKind.TRAJECTORY)
    assert world.armed(case) == []
    assert world.due(case, DeadlineKind.LOOK) == hours(4)
    assert world.due(case, DeadlineKind.DECIDE) == hours(24)


def test_new_evidence_owes_a_look_though_the_default_already_reaches_as_far() -> None:
    """Who has looked has not seen what came after."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    case = world.case()
    world.view(case)
    assert world.due(case, DeadlineKind.LOOK) is None
    world.with_flag()
    assert world.due(case, DeadlineKind.LOOK) == hours(4)


def test_a_live_flag_is_not_kept_waiting_by_a_look_back() -> None:
    """What a look-back brought takes effect at a minted moment, what a flag brings does so at once."""
    world = a_world()
    notice = world.notice(person=UNKNOWN)
    case = world.case()
    world.look_back(case, notice, LookBackResult.FOUND, world.hit(kind=SignalKind.LOOK_BACK))
    assert (case.tier, world.level()) == (Tier.SERIOUS, Level.NONE)
    assert world.with_flag().level() is Level.GUARDED


@pytest.mark.parametrize("seed", range(8))
def test_a_look_back_takes_effect_at_a_minted_moment_within_its_limit(seed: int) -> None:
    """No oracle of timing (L11): later than the answer, never later than the clock."""
    world = a_world(seed=seed)
    notice = world.notice(person=UNKNOWN)
    case = world.case()
    world.look_back(case, notice, LookBackResult.FOUND, world.hit())
    left = [left for level, left in world.armed(case) if level is Level.GUARDED]
    assert hours(0) < left[0] < hours(24)
    assert world.level() is Level.NONE
    assert world.fast_forward(hours=24).level() is Level.GUARDED


@pytest.mark.parametrize("mark", ["danger_now", "minor_at_risk"])
def test_danger_now_and_tier_1_are_not_delayed(mark: str) -> None:
    """What cannot wait does not wait for the mint."""
    world = a_world()
    notice = world.notice(SUBJECT, HER, **{mark: True})
    case = world.case()
    world.look_back(case, notice, LookBackResult.FOUND, world.hit(person=HER))
    assert (case.tier, world.level()) == (Tier.CRITICAL, Level.GUARDED)


def test_nothing_found_stays_unnoticeable() -> None:
    """A look-back that found nothing arms nothing further."""
    world = a_world()
    notice = world.notice()
    before = len(world.said(DefaultArmed))
    world.look_back(world.case(), notice, LookBackResult.NOTHING)
    assert len(world.said(DefaultArmed)) == before


def test_not_known_beside_danger_now_reaches_guarded() -> None:
    """Where history cannot be read, danger now counts as E1 (DESIGN section 5)."""
    world = a_world().with_notice(danger_now=True)
    assert world.level() is Level.WATCH
    assert world.fast_forward(minutes=10).level() is Level.GUARDED


def test_not_known_without_danger_stays_at_watch() -> None:
    """Where history cannot be read, a claim is still only a claim."""
    assert a_world().with_notice().fast_forward(minutes=10).level() is Level.WATCH


def test_past_the_hourly_bound_a_claim_keeps_its_clocks_and_arms_nothing() -> None:
    """Code, clock and answer stand; the bound is one fact for each notice (L13)."""
    world = a_world()
    world.effects_left = 1
    world.with_notice().with_notice(person=ALMA)
    case = next(case for case in world.files.cases() if case.person == ALMA)
    assert (world.effects_left, world.armed(case)) == (0, [])
    assert world.due(case, DeadlineKind.DECIDE) == hours(24)
    assert world.due(case, DeadlineKind.ANSWER) is not None
    world.fast_forward(minutes=10)
    assert len(world.said(EffectsBounded)) == 1


def test_the_hourly_bound_holds_for_not_known_and_danger_now_too() -> None:
    """Guarded on a claim alone is an automatic effect like any other."""
    world = a_world()
    world.effects_left = 0
    world.with_notice(danger_now=True).fast_forward(minutes=10)
    assert world.level() is Level.NONE


def test_flags_and_confirmed_notices_are_not_bounded() -> None:
    """The bound is for claims; a machine's word and a partner's have bounds of their own."""
    world = a_world()
    world.effects_left = 0
    world.with_flag(kind=SignalKind.TRAJECTORY).with_notice(person=HER)
    assert world.level() is Level.GUARDED
    assert world.effects_left == 0


def test_only_effects_of_bare_claims_are_marked_as_such() -> None:
    """`by_notice` is what the bound counts."""
    world = a_world().with_notice().with_flag(SECOND, kind=SignalKind.TRAJECTORY)
    assert {(fact.subject, fact.by_notice) for fact in world.said(DefaultArmed)} == {(SUBJECT, True), (SECOND, False)}


def test_self_harm_brings_care_and_never_a_level() -> None:
    """Worry about somebody limits nobody (DESIGN section 5, hazards)."""
    world = a_world().with_flag(hazard=Hazard.SELF_HARM, kind=SignalKind.TRAJECTORY).fast_forward(days=90)
    assert (world.level(), world.standing().limits) == (Level.NONE, frozenset({Limit.CARE}))


def test_a_claim_of_another_hazard_does_not_turn_worry_into_a_level() -> None:
    """The exemption ends with an act against somebody, and a claim is none: it brings what a claim brings."""
    worry = {"hazard": Hazard.SELF_HARM, "kind": SignalKind.TRAJECTORY, "act": True, "identified": True}
    world = a_world().with_flag(SUBJECT, HER, **worry).with_notice(hazard=Hazard.THREAT)
    world.fast_forward(days=30)
    assert (world.level(), world.standing().limits) == (Level.WATCH, frozenset({Limit.CARE}))


def test_an_act_against_somebody_ends_the_exemption_and_keeps_the_care() -> None:
    """A threat beside self-harm is guarded, with care."""
    world = a_world().with_flag(hazard=Hazard.SELF_HARM).with_flag(hazard=Hazard.THREAT, kind=SignalKind.TRAJECTORY)
    assert (world.level(), world.standing().limits) == (Level.GUARDED, frozenset({Limit.CARE}))


def test_a_novelist_and_a_journalist_stop_at_guarded() -> None:
    """Acts without a real person, and a real person without an act, are one machine's word each (E1)."""
    world = a_world()
    for day in range(5):
        world.with_flag(act=True, kind=SignalKind.TRAJECTORY)
        world.with_flag(SECOND, person=BELA, identified=True, kind=(SignalKind.RULE, SignalKind.TRAJECTORY)[day % 2])
        world.fast_forward(days=1)
    world.fast_forward(days=60)
    assert (world.level(), world.level(SECOND)) == (Level.GUARDED, Level.GUARDED)


def test_a_stricter_policy_shortens_running_clocks() -> None:
    """A law that shortens limits applies at once to what runs (L3)."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY, person=HER, act=True, identified=True)
    case = world.case()
    world.with_notice()
    case_due = world.due(case, DeadlineKind.ANSWER)
    world.adopt(of_tier(Tier.CRITICAL, look=timedelta(minutes=5), decide=timedelta(minutes=20), answer=hours(2)))
    assert case_due == hours(24)
    assert world.due(case, DeadlineKind.ANSWER) == hours(2)
    assert world.due(case, DeadlineKind.LOOK) == timedelta(minutes=5)
    assert world.due(case, DeadlineKind.DECIDE) == timedelta(minutes=20)
    assert (Level.PAUSED, timedelta(minutes=20)) in world.armed(case)
    assert world.fast_forward(minutes=20).level() is Level.PAUSED


def test_a_looser_policy_lengthens_nothing() -> None:
    """A running case keeps the strictest of all rules that ever applied to it (L3, L4)."""
    world = a_world(of_tier(Tier.SERIOUS, look=hours(1), decide=hours(2))).with_notice()
    case = world.case()
    world.adopt(of_tier(Tier.SERIOUS, look=hours(12), decide=hours(48)))
    assert (world.due(case, DeadlineKind.LOOK), world.due(case, DeadlineKind.DECIDE)) == (hours(1), hours(2))
    world.fast_forward(hours=3).with_notice(person=HER)
    assert world.due(case, DeadlineKind.DECIDE) == hours(2)


def test_nothing_is_armed_in_a_closed_case() -> None:
    """A default that nobody owes a decision on would be a punishment: the case reopens first."""
    world = a_world().with_flag()
    case = world.case()
    case.is_open = False
    with pytest.raises(AssertionError, match="reopens first"):
        world.act(lambda journal: defaults.arm(journal, case, notice=None))


def test_tiers_only_become_more_urgent_here() -> None:
    """Raising to a milder tier is nothing."""
    world = a_world().with_flag(hazard=Hazard.MASS_CASUALTY)
    case = world.case()
    world.act(lambda journal: defaults.raise_tier(journal, case, Tier.CONCERN, "test"))
    assert case.tier is Tier.CRITICAL


def test_a_tier_without_a_referral_limit_owes_none() -> None:
    """Tier 3 asks for no referral."""
    world = a_world().with_flag()
    assert world.due(world.case(), DeadlineKind.REFER) is None


def test_each_default_carries_grade_tier_and_policy_of_its_arming() -> None:
    """An armed default is data that any later program reads; nothing edits it."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    fact = world.said(DefaultArmed)[0]
    assert (fact.tier, fact.grade, fact.policy, fact.due) == (Tier.SERIOUS, Grade.E1, "staffed-1", START)
