"""Signals: what machines say.

Law: a machine's word opens a case, never more than its grade, and a person's reading goes further than any machine.
"""

from __future__ import annotations

from dataclasses import replace

from answerable.core.evidence import grade
from answerable.core.facts import DeadlineKind, Grade, Hazard, Outcome, SignalId, SignalKind, Tier
from answerable_gate import Level
from tests.core.builders import ALMA, CARL, HER, RENE, ROSA, SECOND, STAFFED, a_world, hours, refusal


def test_the_gravest_class_is_known_by_hazard_or_by_the_vendors_own_label() -> None:
    """Either opens tier 1."""
    policy = replace(STAFFED, gravest_labels=frozenset({"violence/graphic"}))
    world = a_world(policy).with_flag(label="violence/graphic").with_flag(SECOND, label="violence")
    assert [case.tier for case in world.files.cases()] == [Tier.CRITICAL, Tier.CONCERN]


def test_any_act_after_notice_is_serious_wherever_in_the_holder() -> None:
    """An act in another account, after somebody warned about this one, is no mild matter."""
    world = a_world().with_notice(person=HER)
    world.link("phone", "card")
    world.with_flag(SECOND, ALMA, act=True)
    assert next(case for case in world.files.cases() if case.subject == SECOND).tier is Tier.CRITICAL
    world = a_world().with_flag(SECOND, ALMA, act=True)
    assert world.case().tier is Tier.CONCERN


def test_a_flag_that_names_nobody_opens_a_case_about_nobody() -> None:
    """Whatever its hazard; a further hazard joins the same case, and a closed one opens again."""
    world = a_world().with_flag().answer_all()
    case = world.case()
    assert case.names_nobody
    world.close(case)
    world.with_flag(hazard=Hazard.THREAT)
    assert (case.is_open, case.hazards) == (True, {Hazard.STALKING, Hazard.THREAT})
    assert world.due(case, DeadlineKind.DECIDE) == hours(168)


def test_a_flag_is_answered_by_who_may_and_has_read_it() -> None:
    """Not by sales, not by the barred, not unread."""
    world = a_world().with_flag(person=HER).with_notice(person=HER, barred=(ROSA,))
    case = world.case()
    signal = next(iter(case.signals))
    assert refusal(world.answer_flag(case, signal, CARL)) == "not_authorised"
    assert refusal(world.answer_flag(case, signal, ROSA)) == "not_found"
    assert refusal(world.answer_flag(case, signal)) == "not_opened"
    world.view(case)
    assert world.answer_flag(case, signal, outcome=Outcome.UPHELD) is None
    assert case.signals[signal].answered
    assert case.signals[signal].discounted_at is None


def test_a_recorded_act_is_E3_and_arms_what_that_allows() -> None:  # noqa: N802
    """A person who read it goes further than any machine; paused at most in tier 2."""
    world = a_world().with_flag(person=HER, kind=SignalKind.TRAJECTORY)
    case = world.case()
    signal = next(iter(case.signals))
    assert refusal(world.record_act(case, signal)) == "not_opened"
    assert refusal(world.record_act(case, signal, CARL)) == "not_authorised"
    world.view(case)
    assert refusal(world.record_act(case, SignalId("sg_none"))) == "not_found"
    assert world.record_act(case, signal) is None
    assert grade(case) is Grade.E3
    assert world.fast_forward(days=1).level() is Level.PAUSED


def test_an_act_recorded_in_a_closed_case_opens_it() -> None:
    """Who reads an act in an old file makes somebody owe a decision."""
    world = a_world().with_flag().answer_all()
    case = world.case()
    world.close(case)
    assert world.record_act(case, next(iter(case.signals))) is None
    assert case.is_open
    assert world.due(case, DeadlineKind.DECIDE) is not None


def test_a_link_lets_flag_and_notice_meet_once() -> None:
    """A flag here and a notice there are about one holder now (F12); a household is not one."""
    world = a_world().with_flag(SECOND).with_notice(person=HER)
    flagged = next(case for case in world.files.cases() if case.subject == SECOND)
    noticed = next(case for case in world.files.cases() if case.subject != SECOND)
    world.link("address")
    assert (flagged.tier, noticed.tier) == (Tier.CONCERN, Tier.SERIOUS)
    link = world.link("phone", "card")
    assert (flagged.tier, noticed.tier) == (Tier.SERIOUS, Tier.CRITICAL)
    assert world.due(flagged, DeadlineKind.DECIDE) == hours(24)
    world.view(flagged, RENE)
    world.confirm_link(link)
    assert (flagged.tier, noticed.tier) == (Tier.SERIOUS, Tier.CRITICAL)
