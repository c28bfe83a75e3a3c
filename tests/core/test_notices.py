"""Notices: what people warn of.

Law: every notice is bound, answered or lapsed, and looked back for; it changes nobody's rank by being first.
"""

from __future__ import annotations

import pytest

from answerable.core import notices
from answerable.core.facts import (
    UNKNOWN,
    AnswerLapsed,
    CaseReopened,
    DeadlineKind,
    EndState,
    Hazard,
    LiftVoided,
    LookBackResult,
    LoweringKind,
    NoticeId,
    NoticesCrossed,
    PersonId,
    ReplySent,
    SignalKind,
    StaffId,
    Tier,
)
from answerable_gate import Level
from tests.core.builders import (
    ALMA,
    BELA,
    CARL,
    EVA,
    HER,
    LEON,
    PIA,
    RENE,
    RITA,
    ROSA,
    SECOND,
    SUBJECT,
    TEXT,
    World,
    a_world,
    at,
    hours,
    refusal,
)


def reply(world: World, notice: NoticeId, staff: StaffId = RITA) -> object:
    """Write to the reporter without deciding."""
    case = world.case()
    return world.act(lambda journal: notices.reply(journal, case.id, notice, staff=staff, text=TEXT), staff)


@pytest.mark.parametrize(
    ("person", "danger_now", "minor_at_risk", "tier"),
    [
        (UNKNOWN, False, False, Tier.CONCERN),
        (UNKNOWN, False, True, Tier.SERIOUS),
        (HER, False, False, Tier.SERIOUS),
        (HER, False, True, Tier.CRITICAL),
        (UNKNOWN, True, True, Tier.CRITICAL),
    ],
)
def test_what_a_notice_says_sets_its_tier(person: PersonId, danger_now: bool, minor_at_risk: bool, tier: Tier) -> None:
    """A named person is serious, danger now is critical, a minor at risk one tier up."""
    world = a_world().with_notice(person=person, danger_now=danger_now, minor_at_risk=minor_at_risk)
    assert world.case().tier is tier


def test_a_second_notice_within_30_days_is_serious_and_a_repeat_is_none() -> None:
    """Two people warn, or one twice; the same text again is still the first."""
    world = a_world()
    first = world.notice(person=UNKNOWN)
    world.notice(person=UNKNOWN, repeats=first)
    assert world.case().tier is Tier.CONCERN
    world.notice(person=UNKNOWN)
    assert world.case().tier is Tier.SERIOUS
    late = a_world().with_notice(person=UNKNOWN).fast_forward(days=31).with_notice(person=UNKNOWN)
    assert late.case().tier is Tier.CONCERN


def test_a_refuted_notice_makes_no_second_one() -> None:
    """What two people found void counts for nothing."""
    world = a_world()
    first = world.notice(person=UNKNOWN)
    world.lower(world.case(), LoweringKind.REFUTE, evidence=first)
    world.notice(person=UNKNOWN)
    assert world.case().tier is Tier.CONCERN


def test_every_notice_has_its_own_answer_clock_and_lapse() -> None:
    """A lapsed clock is recorded once for each notice, also for a repeat (L5)."""
    world = a_world()
    first = world.notice()
    second = world.notice(repeats=first)
    world.fast_forward(days=4)
    assert [fact.notice for fact in world.said(AnswerLapsed)] == [first, second]
    assert world.fast_forward(days=4).said(AnswerLapsed)[2:] == []


def test_an_answer_stops_its_own_clock_only() -> None:
    """Answering one notice leaves the other's clock running, and every other clock."""
    world = a_world()
    first, second = world.notice(), world.notice()
    case = world.case()
    world.view(case)
    assert world.answer(case, first) is None
    assert world.due(case, DeadlineKind.DECIDE) == hours(24)
    world.fast_forward(days=4)
    assert [fact.notice for fact in world.said(AnswerLapsed)] == [second]


def test_an_answer_needs_somebody_who_may_and_has_read() -> None:
    """Not sales, not the barred, not unread, not about nothing."""
    world = a_world().with_notice(barred=(ROSA,))
    case = world.case()
    notice = next(iter(case.notices))
    assert refusal(world.answer(case, notice)) == "not_opened"
    assert refusal(world.answer(case, notice, CARL)) == "not_authorised"
    assert refusal(world.answer(case, notice, ROSA)) == "not_found"
    assert refusal(world.answer(case, NoticeId("nt_none"))) == "not_found"


def test_a_reply_and_a_withdrawal_stop_no_clock() -> None:
    """A kind word is no decision, and she may have been made to take it back (L3, F11)."""
    world = a_world()
    notice = world.notice()
    case = world.case()
    world.fast_forward(minutes=1)
    before = {one.id: one.is_running for one in case.deadlines.values()}
    assert reply(world, notice) is None
    assert refusal(reply(world, notice, CARL)) == "not_authorised"
    assert world.act(lambda journal: notices.withdraw(journal, case.id, notice)) is None
    none = NoticeId("nt_none")
    assert refusal(world.act(lambda journal: notices.withdraw(journal, case.id, none))) == "not_found"
    assert len(world.said(ReplySent)) == 1
    assert {one.id: one.is_running for one in case.deadlines.values()} == before
    assert case.notices[notice].withdrawn


def test_a_raised_tier_shortens_every_answer_that_is_owed() -> None:
    """Danger now makes the older notice urgent too; what is answered stays answered."""
    world = a_world()
    first, second = world.notice(), world.notice()
    case = world.case()
    world.view(case)
    world.answer(case, first)
    third = world.notice(danger_now=True)
    due = {one.about: one.due - world.now for one in case.deadlines.values() if one.is_running and one.about}
    assert due == {second: hours(24), third: hours(24)} | {k: v for k, v in due.items() if k not in (second, third)}
    assert first not in due


# --- flag and notice


def test_a_flag_and_a_notice_raise_one_tier_once() -> None:
    """Serious becomes critical when both stand; a third piece changes nothing (F12)."""
    world = a_world().with_flag(person=HER)
    assert world.case().tier is Tier.CONCERN
    world.with_notice(person=UNKNOWN)
    world.with_notice(person=HER)
    assert world.case().tier is Tier.CRITICAL
    other = a_world().with_notice(person=UNKNOWN).with_flag().with_flag()
    assert other.case().tier is Tier.SERIOUS


def test_a_refuted_flag_or_notice_meets_nothing() -> None:
    """What is void does not raise the other."""
    world = a_world()
    notice = world.notice(person=UNKNOWN)
    world.lower(world.case(), LoweringKind.REFUTE, evidence=notice)
    assert world.with_flag().case().tier is Tier.CONCERN
    world = a_world().with_flag()
    world.lower(world.case(), LoweringKind.REFUTE, evidence=next(iter(world.case().signals)))
    assert world.with_notice(person=UNKNOWN).case().tier is Tier.CONCERN


def test_a_notice_voids_a_past_lift_and_arms_at_once_what_the_flags_allow() -> None:
    """November joins August: the flag that was judged harmless is open again, and guarded holds now."""
    world = a_world().with_flag(hazard=Hazard.MASS_CASUALTY)
    case = world.case()
    world.lower(case, LoweringKind.LIFT, to=at(Level.WATCH))
    assert next(iter(case.signals.values())).discounted_at is not None
    world.fast_forward(days=60).with_notice()
    assert (world.level(), case.tier, case.person) == (Level.GUARDED, Tier.CRITICAL, HER)
    assert len(world.said(LiftVoided)) == 1
    assert not next(iter(case.signals.values())).answered
    world.with_notice()
    assert len(world.said(LiftVoided)) == 1


def test_a_void_lift_opens_the_flags_it_judged_and_no_later_ones() -> None:
    """What was answered after the lift was answered on its own."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    case = world.case()
    world.lower(case, LoweringKind.LIFT, to=at(Level.WATCH))
    world.fast_forward(days=1).with_flag().answer_all()
    world.fast_forward(days=1).with_notice()
    assert [signal.answered for signal in case.signals.values()] == [False, True]


def test_a_notice_reopens_what_one_person_had_closed_alone() -> None:
    """A close by one is a lift like another: its flags are open again."""
    world = a_world().with_flag().answer_all()
    case = world.case()
    assert world.close(case) is None
    world.fast_forward(days=10).with_notice()
    assert case.is_open
    assert world.said(LiftVoided)[0].proposal is None
    assert not next(iter(case.signals.values())).answered
    assert world.due(case, DeadlineKind.LOOK) is not None


def test_a_notice_voids_lifts_of_the_whole_holder_and_reopens_those_cases() -> None:
    """The second account's closed case owes a look and a decision again."""
    world = a_world().with_flag(SECOND, kind=SignalKind.TRAJECTORY)
    other = world.case()
    world.lower(other, LoweringKind.CLOSE, to=at(Level.WATCH), end=EndState.RESOLVED)
    world.link("phone", "card")
    world.with_notice(SUBJECT)
    assert other.is_open
    assert world.due(other, DeadlineKind.DECIDE) is not None
    assert world.level(SECOND) is Level.GUARDED


def test_a_closed_case_of_claims_alone_stays_closed_when_another_pair_is_warned_about() -> None:
    """Only flags are opened again by a lift that is void."""
    world = a_world().with_notice(person=ALMA).fast_forward(minutes=20).answer_all()
    claims = world.case()
    assert world.close(claims) is None
    world.with_flag(person=BELA).with_notice(person=HER)
    assert not claims.is_open


# --- reopening and naming


def test_a_notice_on_an_unfounded_case_reopens_it_and_owes_everything_again() -> None:
    """Never a second case for the pair; look, decision and answer are due again."""
    world = a_world().with_notice().fast_forward(minutes=20).answer_all()
    case = world.case()
    assert world.close(case) is None
    world.fast_forward(days=40).with_notice(danger_now=True)
    assert (len(list(world.files.cases())), case.is_open, case.tier) == (1, True, Tier.CRITICAL)
    assert len(world.said(CaseReopened)) == 1
    for kind in (DeadlineKind.LOOK, DeadlineKind.DECIDE, DeadlineKind.ANSWER):
        assert case.running(kind) is not None
    assert world.level() is Level.WATCH


def test_the_first_notice_that_names_somebody_names_the_nameless_case() -> None:
    """The flag that knew nobody becomes hers; the next name has a case of its own."""
    world = a_world().with_flag().with_notice(person=HER).with_notice(person=ALMA)
    assert [case.person for case in world.files.cases()] == [HER, ALMA]


def test_a_closed_nameless_case_is_reopened_and_named() -> None:
    """What was closed about nobody is hers now."""
    world = a_world().with_flag().answer_all()
    assert world.close(world.case()) is None
    world.with_notice(person=HER)
    case = world.case()
    assert (len(list(world.files.cases())), case.person, case.is_open) == (1, HER, True)


# --- crossed


def test_crossed_notices_are_marked_and_gain_nothing_by_order() -> None:
    """Each has warned about the other; both cases look alike (L13)."""
    world = a_world().see(SECOND)
    hers, his = PersonId("pe_reporter"), PersonId("pe_subject")
    world.notice(SUBJECT, hers, reporter=hers)
    world.notice(SECOND, his, reporter=his, reporter_subject=SUBJECT, subject_person=hers)
    crossed = world.said(NoticesCrossed)
    assert {(fact.subject, fact.other) for fact in crossed} == {
        (SECOND, world.case(0).id),
        (SUBJECT, world.case(1).id),
    }
    first, second = world.case(0), world.case(1)
    assert (first.tier, world.level(SUBJECT)) == (second.tier, world.level(SECOND))
    world.notice(SECOND, his, reporter=his, reporter_subject=SUBJECT, subject_person=hers)
    world.notice(SECOND, ALMA, reporter=his, reporter_subject=SUBJECT, subject_person=ALMA)
    assert len(world.said(NoticesCrossed)) == 2


# --- looking back


def end(world: World, notice: NoticeId, result: LookBackResult = LookBackResult.FOUND, *hits: bool) -> object:
    """End the first case's look-back with hits that hold an act or not."""
    case = world.case()
    found = [world.hit(case.subject, case.person, act=act, kind=SignalKind.LOOK_BACK) for act in hits]
    return world.look_back(case, notice, result, *found)


def test_a_look_back_brings_signals_and_a_tier() -> None:
    """An act in history after a notice is serious, and joins the notice."""
    world = a_world()
    notice = world.notice(person=UNKNOWN)
    assert end(world, notice, LookBackResult.FOUND, True) is None
    assert (world.case().tier, len(world.case().signals)) == (Tier.CRITICAL, 1)


def test_a_look_back_ends_once_but_for_one_that_could_not_read() -> None:
    """NOT KNOWN can still become known; anything else is said once."""
    world = a_world()
    notice = world.notice()
    assert refusal(end(world, NoticeId("nt_none"))) == "not_found"
    world.fast_forward(minutes=10)
    assert world.case().look_backs[notice].result is LookBackResult.NOT_KNOWN
    assert end(world, notice, LookBackResult.NOTHING) is None
    assert refusal(end(world, notice, LookBackResult.FOUND, True)) == "already_ended"


def test_a_look_back_that_ends_late_reopens_the_case_only_with_a_hit() -> None:
    """Nothing is armed in a closed case; what history shows opens it again."""
    world = a_world()
    notice = world.notice()
    world.fast_forward(minutes=20).answer_all()
    case = world.case()
    assert world.close(case) is None
    assert end(world, notice, LookBackResult.NOT_KNOWN) is None
    assert not case.is_open
    assert end(world, notice, LookBackResult.FOUND, True) is None
    assert case.is_open
    assert world.due(case, DeadlineKind.DECIDE) is not None


def test_a_repeat_is_not_looked_back_for_and_an_account_not_found_waits() -> None:
    """There is nothing to read for an account that is not found, until it is."""
    world = a_world()
    first = world.notice(SECOND)
    case = world.case()
    assert case.look_backs == {}
    world.notice(SECOND, repeats=first)
    world.see(SECOND)
    assert list(case.look_backs) == [first]


# --- confirming


def test_a_partner_confirms_and_the_notice_counts_for_more() -> None:
    """E2: paused when the clock runs out; nobody but a partner may."""
    world = a_world().with_notice(barred=(StaffId("pol"),))
    case = world.case()
    notice = next(iter(case.notices))
    assert refusal(world.confirm_notice(case, NoticeId("nt_none"))) == "not_found"
    assert refusal(world.confirm_notice(case, notice, RITA)) == "not_authorised"
    assert refusal(world.confirm_notice(case, notice, CARL)) == "not_authorised"
    assert refusal(world.confirm_notice(case, notice, StaffId("pol"))) == "not_found"
    assert world.confirm_notice(case, notice, PIA) is None
    assert world.level() is Level.GUARDED
    assert world.fast_forward(days=1).level() is Level.PAUSED


def test_a_confirmation_reopens_a_closed_case() -> None:
    """What a partner verified is a verified event on a closed pair."""
    world = a_world().with_notice().fast_forward(minutes=20).answer_all()
    case = world.case()
    assert world.close(case) is None
    assert world.confirm_notice(case, next(iter(case.notices))) is None
    assert case.is_open
    assert world.level() is Level.GUARDED


def test_who_is_named_loses_the_case_with_the_same_notice() -> None:
    """An owner who is barred by a notice owns it no longer, nor does the deputy (L6)."""
    world = a_world().with_notice()
    case = world.case()
    owner, deputy = case.owner, case.deputy
    assert owner is not None and deputy is not None
    world.with_notice(barred=(owner, deputy))
    assert {case.owner, case.deputy}.isdisjoint({owner, deputy})
    assert case.owner in (RITA, RENE, ROSA, "leon", "eva", "pia")


EVERYBODY = (RITA, RENE, ROSA, LEON, EVA, PIA)


def test_a_notice_that_names_everybody_leaves_the_case_to_the_partner() -> None:
    """One letter with every name silences nobody else's warning: somebody owns the case, sees it and decides (L3)."""
    world = a_world().with_notice().with_notice(named=(*EVERYBODY, CARL, StaffId("nobody")))
    case = world.case()
    assert case.barred == {*EVERYBODY, CARL} - {PIA}
    assert (case.owner, case.deputy) == (PIA, None)
    assert world.decide(case, Level.PAUSED, PIA) is None
    assert refusal(world.view(case, RITA)) == "not_found"


def test_names_in_several_notices_leave_the_last_who_may_decide() -> None:
    """Who is named one after another is kept away, until one is left; that one stays, the partner or not."""
    world = a_world()
    for person in (PIA, *EVERYBODY):
        world.with_notice(named=(person,))
    case = world.case()
    (last,) = set(EVERYBODY) - case.barred
    assert case.owner == last != PIA
    world.with_notice(named=EVERYBODY)
    assert case.owner == last


def test_who_matches_an_identifier_is_kept_away_though_nobody_is_left() -> None:
    """The last one may be whom the notice is about: who stays is somebody who was only named (L6)."""
    case = a_world().with_notice(barred=(PIA, ROSA), named=EVERYBODY).case()
    (last,) = set(EVERYBODY) - case.barred
    assert case.owner == last not in (PIA, ROSA)
    assert a_world().with_notice(barred=EVERYBODY).case().barred == set(EVERYBODY)
