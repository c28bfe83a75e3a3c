"""Evidence: grades, the digest, and what is unanswered.

Law: evidence bounds what happens by itself, and an approval rests on exactly what was known (L4, L13).
"""

from __future__ import annotations

import pytest

from answerable.core import decisions, evidence
from answerable.core.facts import UNKNOWN, Grade, Hazard, LookBackResult, LoweringKind, Outcome, SignalKind
from tests.core.builders import ALMA, HER, RENE, SUBJECT, TEXT, World, a_world

ACT = {"act": True, "identified": True}


def graded(world: World) -> Grade:
    """Grade the first case."""
    return evidence.grade(world.case())


def test_claims_are_E0_in_any_number() -> None:  # noqa: N802
    """Ten people are still ten claims."""
    world = a_world()
    for _ in range(10):
        world.notice()
    assert graded(world) is Grade.E0


def test_one_machine_is_E1_however_often() -> None:  # noqa: N802
    """The same kind again bears nothing out."""
    world = a_world()
    for _ in range(3):
        world.with_flag(person=HER, act=True, identified=True).fast_forward(days=1)
    assert graded(world) is Grade.E1


def test_an_act_about_an_identified_person_and_a_notice_about_her_are_E2() -> None:  # noqa: N802
    """In either order."""
    assert graded(a_world().with_notice().with_flag(SUBJECT, HER, **ACT)) is Grade.E2
    assert graded(a_world().with_flag(SUBJECT, HER, **ACT).with_notice()) is Grade.E2


@pytest.mark.parametrize("missing", ["act", "identified"])
def test_a_novel_and_an_interview_are_not_E2(missing: str) -> None:  # noqa: N802
    """An act about nobody real, or a real person and no act, is borne out by no notice."""
    assert graded(a_world().with_notice().with_flag(SUBJECT, HER, **(ACT | {missing: False}))) is Grade.E1


def test_another_kind_on_another_day_is_E2() -> None:  # noqa: N802
    """Not the same kind, and not the same day."""
    world = a_world().with_flag(SUBJECT, HER, **ACT).with_flag(person=HER, kind=SignalKind.RULE)
    assert graded(world) is Grade.E1
    world.fast_forward(days=1).with_flag(person=HER, kind=SignalKind.RULE)
    assert graded(world) is Grade.E2


def test_what_was_flagged_about_nobody_is_not_about_her_because_she_is_named_later() -> None:
    """Only a look-back that knows the name, or a person who reads it, can say so."""
    world = a_world().with_flag(SUBJECT, UNKNOWN, **ACT)
    notice = world.notice(person=HER)
    assert (world.case().person, graded(world)) == (HER, Grade.E1)
    world.look_back(world.case(), notice, LookBackResult.FOUND, world.hit(SUBJECT, HER, **ACT))
    assert graded(world) is Grade.E2


def test_a_notice_that_names_nobody_bears_nothing_out() -> None:
    """It does not concern the one who was identified."""
    world = a_world().with_notice(person=UNKNOWN).with_flag(SUBJECT, UNKNOWN, **ACT)
    assert graded(world) is Grade.E1


def test_what_speaks_of_another_hazard_is_left_out() -> None:
    """Worry, recorded, confirmed or scored, weighs nothing where an act is asked for."""
    but = frozenset({Hazard.SELF_HARM})
    world = a_world().with_flag(person=HER, hazard=Hazard.SELF_HARM, kind=SignalKind.TRAJECTORY)
    notice = world.notice(hazard=Hazard.SELF_HARM)
    case = world.case()
    world.confirm_notice(case, notice)
    assert (evidence.grade(case), evidence.grade(case, but=but)) == (Grade.E2, Grade.E0)
    world.view(case)
    world.record_act(case, notice)
    assert (evidence.grade(case), evidence.grade(case, but=but)) == (Grade.E3, Grade.E0)
    assert evidence.is_flagged(case, but=frozenset()) and not evidence.is_flagged(case, but=but)


def test_an_act_recorded_in_a_dissent_counts() -> None:
    """A colleague's written reading speaks of no hazard in particular, and counts for every one."""
    world = a_world().with_flag()
    case = world.case()
    found = world.act(lambda journal: decisions.dissent(journal, case.id, staff=RENE, text=TEXT))
    world.view(case)
    assert world.record_act(case, str(found)) is None
    assert evidence.grade(case, but=frozenset({Hazard.SELF_HARM})) is Grade.E3


def test_answered_evidence_counts_again_with_a_new_notice_and_refuted_never() -> None:
    """Judged harmless then is not judged harmless now; void stays void."""
    world = a_world().with_flag(person=HER).answer_all()
    assert graded(world) is Grade.E0
    first = world.fast_forward(hours=1).notice()
    assert graded(world) is Grade.E1
    world.answer_flag(world.case(), next(iter(world.case().signals)), outcome=Outcome.HARMLESS)
    world.fast_forward(hours=1).notice(repeats=first)
    assert graded(world) is Grade.E0
    world.lower(world.case(), LoweringKind.REFUTE, evidence=next(iter(world.case().signals)))
    world.fast_forward(hours=1).notice()
    assert graded(world) is Grade.E0


def test_the_digest_depends_on_what_is_known_and_not_on_its_order() -> None:
    """Sorted ids of notices, signals, links and dissents; a repeat leaves it as it is."""
    world = a_world().with_flag(person=HER).with_flag(person=ALMA)
    first = world.notice()
    cases = list(world.files.cases())
    digest = evidence.digest(cases, ())
    assert digest == evidence.digest(reversed(cases), ())
    world.notice(repeats=first)
    assert evidence.digest(cases, ()) == digest
    link = world.link("phone", "card")
    links = world.files.subject(SUBJECT).links.values()
    linked = evidence.digest(cases, links)
    world.confirm_link(link)
    assert len({digest, linked, evidence.digest(cases, links)}) == 3


def test_a_lapse_is_no_answer() -> None:
    """What the system sent by itself leaves the duty where it is (L4, L5)."""
    world = a_world()
    notice = world.notice()
    world.fast_forward(days=5)
    assert list(evidence.unanswered(world.files.cases())) == [notice]
    world.answer_all()
    assert list(evidence.unanswered(world.files.cases())) == []


def test_unverified_notices_are_not_grave() -> None:
    """The newest evidence above E0 is what a cooling-off counts from."""
    world = a_world().with_notice()
    assert evidence.last_grave(world.files.cases(), ()) is None
    world.fast_forward(hours=1).with_flag()
    flagged = world.now
    world.fast_forward(hours=1).with_notice()
    assert evidence.last_grave(world.files.cases(), ()) == flagged


@pytest.mark.parametrize(
    ("hits", "total", "lower"), [(0, 0, 0.0), (0, 10, 0.0), (10, 10, 0.7225), (50, 100, 0.4038), (900, 1000, 0.8799)]
)
def test_the_wilson_bound_is_wilsons(hits: int, total: int, lower: float) -> None:
    """Against the published values of the score interval at 95 %."""
    assert evidence.wilson_lower(hits, total) == pytest.approx(lower, abs=1e-4)
