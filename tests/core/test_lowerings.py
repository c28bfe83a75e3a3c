"""The interlock (L4), clause by clause.

Law: lowering needs two people who have seen and answered everything, on one digest, and time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from answerable.core import decisions, lowerings
from answerable.core.facts import (
    UNKNOWN,
    ActRefused,
    CaseClosed,
    DeadlineKind,
    EndState,
    Hazard,
    LookBackResult,
    LoweringKind,
    MeasureLifted,
    MeasureSet,
    Outcome,
    PersonId,
    ProposalId,
    Refused,
    Role,
    SignalId,
    SignalKind,
    StaffId,
    Tier,
)
from answerable_gate import NOTHING, Level
from tests.core.builders import (
    CARL,
    EVA,
    HER,
    LEON,
    PEOPLE,
    PIA,
    RENE,
    RITA,
    ROSA,
    SECOND,
    STAFFED,
    SUBJECT,
    TEXT,
    World,
    a_world,
    at,
    hours,
    refusal,
)

LIFT, CLOSE, RETIER = LoweringKind.LIFT, LoweringKind.CLOSE, LoweringKind.RETIER
WITHDRAW, REFUTE = LoweringKind.WITHDRAW_LINK, LoweringKind.REFUTE


def guarded() -> World:
    """Make a world with one tier 2 case of one machine, guarded at once, seen and answered by everybody."""
    return a_world().with_flag(kind=SignalKind.TRAJECTORY).answer_all().all_view()


def proposed(world: World, kind: LoweringKind = LIFT, staff: StaffId = RITA, **fields: Any) -> ProposalId:
    """Propose to lower the first case, and expect it to be taken."""
    if kind is LIFT:
        fields.setdefault("to", at(Level.WATCH))
    proposal = world.propose(world.case(), kind, staff, **fields)
    assert not isinstance(proposal, Refused), proposal
    return proposal


def signed(world: World, **fields: Any) -> ProposalId:
    """Propose a lift to watch and have it countersigned."""
    proposal = proposed(world, **fields)
    assert world.sign(world.case(), proposal) is None
    return proposal


def test_one_person_is_not_enough() -> None:
    """A proposal lowers nothing, however long it lies."""
    world = guarded()
    proposal = proposed(world)
    world.fast_forward(days=30)
    assert refusal(world.lift(world.case(), proposal)) == "second_person_needed"
    assert world.level() is Level.GUARDED


def test_the_same_person_twice_is_not_two() -> None:
    """The proposer's second signature is refused."""
    world = guarded()
    proposal = proposed(world)
    assert refusal(world.sign(world.case(), proposal, RITA)) == "second_person_needed"


def test_only_the_drawn_person_countersigns() -> None:
    """The system draws the second person; nobody else will do."""
    world = guarded()
    proposal = proposed(world)
    drawn = world.drawn(world.case(), proposal)
    for other in {RENE, ROSA, LEON, EVA, PIA} - {drawn}:
        assert refusal(world.sign(world.case(), proposal, other)) == "not_drawn"


def test_who_has_not_opened_everything_does_not_propose_or_sign() -> None:
    """Each signer has opened every item of the whole holder."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).answer_all()
    case = world.case()
    assert refusal(world.propose(case, LIFT, RENE, to=at(Level.WATCH))) == "not_opened"
    proposal = proposed(world)
    assert refusal(world.sign(case, proposal)) == "not_opened"
    world.all_view()
    assert world.sign(case, proposal) is None


def test_a_flag_of_another_account_of_the_holder_must_be_opened_too() -> None:
    """The interlock is over the holder."""
    world = guarded()
    world.with_flag(SECOND).link("phone", "card")
    assert refusal(world.propose(world.case(), LIFT, RITA, to=at(Level.WATCH))) == "not_opened"


def test_nobody_signs_before_everything_is_answered() -> None:
    """Every open flag and notice of the holder is answered in writing; a lapse is no answer."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).all_view()
    proposal = proposed(world)
    assert refusal(world.sign(world.case(), proposal)) == "unanswered"
    world.answer_all()
    assert world.sign(world.case(), proposal) is None


def test_tier_2_cools_off_for_24_hours_from_the_countersignature() -> None:
    """Before that the lift is refused and recorded, then it is carried out."""
    world = guarded()
    proposal = proposed(world)
    world.fast_forward(hours=50)
    world.sign(world.case(), proposal)
    world.fast_forward(hours=23, minutes=59)
    assert refusal(world.lift(world.case(), proposal)) == "cooling_off"
    assert world.said(ActRefused)[-1].code == "cooling_off"
    world.fast_forward(minutes=1)
    assert world.lift(world.case(), proposal) is None
    assert world.level() is Level.WATCH


def test_tier_1_cools_off_for_72_hours() -> None:
    """The gravest cases wait longest."""
    world = a_world().with_flag(hazard=Hazard.MASS_CASUALTY).answer_all().all_view()
    proposal = signed(world)
    world.fast_forward(hours=71)
    assert refusal(world.lift(world.case(), proposal)) == "cooling_off"
    world.fast_forward(hours=1)
    assert world.lift(world.case(), proposal) is None


def test_a_milder_case_of_the_holder_is_no_way_round_the_longer_cooling_off() -> None:
    """A link withdrawn from the second account's mild case frees it of the first one's grave case, so 72 h hold."""
    world = a_world().with_flag(hazard=Hazard.MASS_CASUALTY).with_flag(SECOND)
    link = world.link("phone", "card")
    world.answer_all().all_view()
    mild = world.case(1)
    assert mild.tier is Tier.CONCERN
    proposal = world.propose(mild, LoweringKind.WITHDRAW_LINK, link=link, waives=True)
    assert not isinstance(proposal, Refused), proposal
    assert world.sign(mild, proposal, waives=True) is None
    assert refusal(world.fast_forward(hours=71).lift(mild, proposal)) == "cooling_off"
    assert world.fast_forward(hours=1).lift(mild, proposal) is None


def test_either_signer_may_carry_it_out_and_nobody_else() -> None:
    """After the cooling-off one signer is enough."""
    world = guarded()
    proposal = signed(world)
    world.fast_forward(hours=24)
    drawn = world.drawn(world.case(), proposal)
    other = next(person for person in (RENE, ROSA) if person != drawn)
    assert refusal(world.lift(world.case(), proposal, other)) == "not_a_signer"
    assert world.lift(world.case(), proposal, drawn) is None
    assert refusal(world.lift(world.case(), proposal, drawn)) == "not_found"
    assert refusal(world.sign(world.case(), proposal, drawn)) == "not_found"


def fresh_signal(world: World) -> None:
    """A machine flags again."""
    world.with_flag()


def fresh_dissent(world: World) -> None:
    """A colleague disagrees."""
    world.act(lambda journal: decisions.dissent(journal, world.case().id, staff=LEON, text=TEXT), LEON)


def fresh_link(world: World) -> None:
    """A second account is found."""
    world.link("phone", "card")


@pytest.mark.parametrize("fresh", [fresh_signal, fresh_dissent, fresh_link])
def test_new_evidence_stales_both_signatures_and_restarts_the_cooling_off(fresh: Callable[[World], None]) -> None:
    """An approval never survives evidence above E0: both sign again, and wait again."""
    world = guarded()
    proposal = signed(world)
    case = world.case()
    world.fast_forward(hours=24)
    fresh(world)
    world.answer_all().all_view()
    assert refusal(world.lift(case, proposal)) == "stale"
    assert world.sign(case, proposal) is None
    assert world.sign(case, proposal, RITA) is None
    assert refusal(world.lift(case, proposal)) == "cooling_off"
    world.fast_forward(hours=72)
    assert world.lift(case, proposal) is None


def test_what_is_confirmed_or_recorded_stales_too() -> None:
    """A link or notice that somebody confirmed, an act that somebody recorded, weighs more than what was signed."""
    world = a_world().with_notice(person=UNKNOWN).with_flag()
    case = world.case()
    link = world.link("phone", "card")
    world.answer_all().all_view()
    proposal = proposed(world)
    for confirm in (
        lambda: world.confirm_link(link),
        lambda: world.confirm_notice(case, next(iter(case.notices))),
        lambda: world.record_act(case, next(iter(case.signals))),
    ):
        world.sign(case, proposal)
        world.sign(case, proposal, RITA)
        assert confirm() is None
        assert refusal(world.lift(case, proposal)) == "stale"


def test_an_unverified_notice_stales_and_does_not_restart_the_cooling_off() -> None:
    """E0 makes both sign again, so that nobody can block a lift by writing every day."""
    world = a_world().with_notice().fast_forward(minutes=20)
    case = world.case()
    world.decide(case, Level.GUARDED)
    world.answer_all().all_view()
    proposal = signed(world)
    world.fast_forward(hours=23).with_notice()
    world.answer_all().all_view()
    world.fast_forward(hours=1)
    assert refusal(world.lift(case, proposal)) == "stale"
    assert world.sign(case, proposal) is None
    assert world.sign(case, proposal, RITA) is None
    assert world.lift(case, proposal) is None


def test_a_repeat_is_shown_and_answered_and_stales_nothing() -> None:
    """The same text again is no new evidence; it has its answer all the same."""
    world = a_world()
    first = world.notice()
    case = world.case()
    world.decide(case, Level.GUARDED)
    world.answer_all().all_view()
    proposal = signed(world)
    world.fast_forward(hours=24)
    world.notice(repeats=first)
    assert refusal(world.lift(case, proposal)) == "unanswered"
    world.answer_all()
    assert world.lift(case, proposal) is None


def test_one_level_at_a_time() -> None:
    """From suspended nothing but paused can be proposed, and nothing upward."""
    world = guarded()
    case = world.case()
    world.decide(case, Level.SUSPENDED)
    for level in (Level.NONE, Level.WATCH, Level.GUARDED, Level.TERMINATED):
        assert refusal(world.propose(case, LIFT, RITA, to=at(level))) == "one_level"
    assert refusal(world.propose(case, LIFT, RITA, to=at(Level.PAUSED))) is None


def test_seven_days_at_guarded_before_anything_below() -> None:
    """An account that was above guarded stays guarded for a week (L4)."""
    world = guarded()
    case = world.case()
    world.decide(case, Level.PAUSED)
    world.lower(case, LIFT, RENE, to=at(Level.GUARDED))
    assert world.level() is Level.GUARDED
    world.fast_forward(days=6, hours=23)
    assert refusal(world.propose(case, LIFT, RITA, to=at(Level.WATCH))) == "guarded_too_short"
    world.fast_forward(hours=1)
    assert refusal(world.propose(case, LIFT, RITA, to=at(Level.WATCH))) is None


def test_a_default_that_never_counted_needs_no_week() -> None:
    """What was settled before its time was never in force."""
    world = a_world().with_notice().with_flag(person=HER, act=True, identified=True)
    case = world.case()
    assert any(level is Level.PAUSED for level, _ in world.armed(case))
    world.decide(case, Level.PAUSED)
    world.lower(case, LIFT, RENE, to=at(Level.GUARDED))
    world.fast_forward(days=7)
    assert refusal(world.propose(case, LIFT, RENE, to=at(Level.WATCH))) is None


def test_a_lift_counts_only_when_its_entry_is_sealed() -> None:
    """Until a signed checkpoint holds the release, the measure stands."""
    world = guarded()
    proposal = signed(world)
    world.fast_forward(hours=24)
    world.is_sealing = False
    assert world.lift(world.case(), proposal) is None
    assert world.level() is Level.GUARDED
    assert world.seal().level() is Level.WATCH


def test_what_a_lift_leaves_over_is_reviewed_and_makes_nobody_its_decider() -> None:
    """The lower measure has its review date, and its carrier may be drawn for the next step."""
    world = guarded()
    case = world.case()
    world.decide(case, Level.PAUSED, EVA)
    world.lower(case, LIFT, RITA, to=at(Level.GUARDED))
    measure = world.said(MeasureSet)[-1]
    assert measure.proposal is not None
    assert world.due(case, DeadlineKind.MEASURE_REVIEW) == measure.review - world.now == timedelta(days=180)
    assert decisions.original_deciders(case) == {EVA}


def test_a_lift_names_every_item_settled_ones_too() -> None:
    """A gate that missed the line of a decision lets go of the default all the same."""
    world = guarded()
    case = world.case()
    world.decide(case, Level.GUARDED)
    before = set(case.held)
    world.lower(case, LIFT, RENE, to=at(Level.WATCH))
    assert set(world.said(MeasureLifted)[-1].lifts) == before


def test_a_lift_leaves_another_case_of_the_holder_alone() -> None:
    """What another case holds goes on counting."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).with_flag(person=HER, kind=SignalKind.TRAJECTORY)
    world.lower(world.case(0), LIFT, to=at(Level.WATCH))
    assert world.level() is Level.GUARDED


def test_retier_goes_one_step_and_leaves_the_clocks_running() -> None:
    """A tier goes down one step through the interlock; that decides nothing about the measure."""
    world = a_world().with_flag(hazard=Hazard.MASS_CASUALTY)
    case = world.case()
    assert refusal(world.propose(case, RETIER, tier=Tier.CONCERN)) == "one_step"
    assert refusal(world.propose(case, RETIER)) == "one_step"
    world.decide(case, Level.GUARDED)
    world.lower(case, RETIER, tier=Tier.SERIOUS)
    assert case.tier is Tier.SERIOUS
    assert world.level() is Level.GUARDED
    assert world.due(case, DeadlineKind.MEASURE_REVIEW) is not None


def test_a_withdrawn_link_shares_until_it_is_sealed() -> None:
    """Taking a link apart is a lowering like any other, for both accounts."""
    world = guarded().see(SECOND)
    link = world.link("phone", "card")
    assert world.level(SECOND) is Level.GUARDED
    assert refusal(world.propose(world.case(), WITHDRAW)) == "not_found"
    assert refusal(world.propose(world.case(), WITHDRAW, link="ln_other")) == "not_found"
    world.is_sealing = False
    world.lower(world.case(), WITHDRAW, link=link)
    assert world.level(SECOND) is Level.GUARDED
    assert world.seal().level(SECOND) is Level.NONE
    assert refusal(world.propose(world.case(), WITHDRAW, link=link)) == "not_found"


def test_refuted_evidence_never_counts_again() -> None:
    """Two people find it void; not even a new notice brings it back."""
    world = guarded()
    case = world.case()
    signal = next(iter(case.signals))
    assert refusal(world.propose(case, REFUTE, evidence="sg_none")) == "not_found"
    world.lower(case, REFUTE, evidence=signal)
    assert case.signals[signal].refuted
    assert refusal(world.propose(case, REFUTE, evidence=signal)) == "not_found"
    assert case.running(DeadlineKind.DECIDE) is None


def test_refuting_takes_the_recorded_act_with_it() -> None:
    """E3 that rested on a wrong text is gone; a refuted notice is answered all the same."""
    world = a_world().with_flag(person=HER)
    notice = world.notice()
    case = world.case()
    world.view(case)
    assert world.record_act(case, notice) is None
    world.lower(case, REFUTE, evidence=notice)
    assert case.acts_recorded == {}
    assert case.notices[notice].refuted
    assert refusal(world.record_act(case, notice)) == "not_found"


# --- waiving


def test_two_may_waive_the_cooling_off_for_a_wrong_automatic_measure() -> None:
    """A measure that no human had set, on nobody's notice and about nobody named, may go at once."""
    world = guarded()
    proposal = proposed(world, waives=True)
    assert world.sign(world.case(), proposal, waives=True) is None
    assert world.lift(world.case(), proposal) is None


def test_one_waiver_is_none() -> None:
    """Both record that the measure was wrong."""
    world = guarded()
    proposal = proposed(world, waives=True)
    world.sign(world.case(), proposal)
    assert refusal(world.lift(world.case(), proposal)) == "cooling_off"


def in_tier_1() -> World:
    """A gravest flag."""
    return a_world().with_flag(hazard=Hazard.MASS_CASUALTY)


def with_named_person() -> World:
    """A flag about somebody."""
    return a_world().with_flag(person=HER, kind=SignalKind.TRAJECTORY)


def with_notice() -> World:
    """A notice stands in another case of the account."""
    return a_world().with_flag(kind=SignalKind.TRAJECTORY).with_notice(person=UNKNOWN)


def with_human_measure() -> World:
    """A person decided."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    world.decide(world.case(), Level.GUARDED, EVA)
    return world


@pytest.mark.parametrize("made", [in_tier_1, with_named_person, with_notice, with_human_measure])
def test_the_cooling_off_is_not_waived_where_somebody_could_be_hurt(made: Callable[[], World]) -> None:
    """Never in tier 1, for a human's measure, or where a notice or a named person stands."""
    world = made().answer_all().all_view()
    proposal = proposed(world, waives=True)
    world.sign(world.case(), proposal, waives=True)
    assert refusal(world.lift(world.case(), proposal)) == "cooling_off"


# --- the draw


def test_where_nobody_else_may_sign_the_proposal_is_refused() -> None:
    """One person alone can lower nothing, whoever it is."""
    world = a_world(people=[(RITA, Role.LEAD, True), (CARL, Role.COMMERCIAL, False)]).with_flag(
        kind=SignalKind.TRAJECTORY
    )
    world.answer_all()
    assert refusal(world.propose(world.case(), LIFT, to=at(Level.WATCH))) == "no_second_person"


def redraw(world: World, proposal: ProposalId, staff: StaffId = RITA) -> StaffId | Refused:
    """Ask for another second person."""
    case = world.case()
    return world.act(lambda journal: lowerings.redraw(journal, case.id, proposal, staff=staff), staff)


def test_another_is_drawn_when_the_first_is_silent_or_gone() -> None:
    """Before that the drawn person has time; whoever is drawn next is never the same."""
    world = guarded()
    proposal = proposed(world)
    first = world.drawn(world.case(), proposal)
    assert refusal(redraw(world, proposal)) == "wait"
    assert refusal(redraw(world, ProposalId("pr_none"))) == "not_found"
    assert refusal(redraw(world, proposal, CARL)) == "not_authorised"
    for _ in range(6):
        world.fast_forward(hours=24)
        assert redraw(world, proposal) == world.drawn(world.case(), proposal) != first
        first = world.drawn(world.case(), proposal)
    world.leave(first)
    assert redraw(world, proposal) not in (first, None)


def test_a_redraw_with_nobody_left_is_refused() -> None:
    """Two people who cannot both sign stay two people who cannot."""
    world = a_world(people=PEOPLE[:2]).with_flag(kind=SignalKind.TRAJECTORY).answer_all().all_view()
    proposal = proposed(world)
    world.leave(RENE)
    assert refusal(redraw(world, proposal)) == "no_second_person"


def test_who_signed_before_a_redraw_no_longer_counts() -> None:
    """Only the person drawn last is the second one."""
    world = guarded()
    proposal = signed(world)
    first = world.drawn(world.case(), proposal)
    world.fast_forward(hours=24)
    redraw(world, proposal)
    assert refusal(world.lift(world.case(), proposal)) == "second_person_needed"
    assert refusal(world.lift(world.case(), proposal, first)) == "not_a_signer"


def test_a_proposer_may_not_be_barred_or_commercial() -> None:
    """Sales lower nothing; who is barred anywhere in the holder learns nothing and signs nothing."""
    world = guarded()
    assert refusal(world.propose(world.case(), LIFT, CARL, to=at(Level.WATCH))) == "not_authorised"
    world.with_notice(SECOND, HER, barred=(RENE,)).link("phone", "card")
    world.answer_all().all_view()
    refused = world.propose(world.case(), LIFT, RENE, to=at(Level.WATCH))
    assert isinstance(refused, Refused) and refused.code == "not_authorised"
    assert not any(case.id in refused.reason for case in world.files.cases())


# --- closing


def test_a_case_of_bare_claims_closes_by_one() -> None:
    """Nothing above E0 stands: one person closes, and what little was armed goes."""
    world = a_world().with_notice().fast_forward(minutes=20).answer_all()
    assert world.close(world.case()) is None
    assert (world.level(), world.case().is_open) == (Level.NONE, False)


def test_a_mild_case_of_machines_that_name_nobody_closes_by_one() -> None:
    """Signals only, tier 3, nobody named."""
    world = a_world().with_flag().answer_all(outcome=Outcome.UPHELD)
    assert world.close(world.case()) is None


@pytest.mark.parametrize("fields", [{"person": HER}, {"kind": SignalKind.TRAJECTORY}])
def test_any_other_case_closes_by_two(fields: dict[str, Any]) -> None:
    """A named person, or anything above watch, asks for a second one."""
    world = a_world()
    world.flag(**fields)
    world.answer_all()
    assert refusal(world.close(world.case())) == "second_person_needed"


def test_one_person_closes_nothing_unopened_or_unanswered_or_unread() -> None:
    """Opened, answered, and history read to its end (L10)."""
    world = a_world().with_notice()
    case = world.case()
    assert refusal(world.close(case, CARL)) == "not_authorised"
    assert refusal(world.close(case)) == "not_opened"
    world.view(case)
    assert refusal(world.close(case)) == "unanswered"
    world.answer_all()
    assert refusal(world.close(case)) == "look_back_running"
    world.look_back(case, next(iter(case.notices)), LookBackResult.NOTHING)
    assert world.close(case) is None
    assert refusal(world.close(case)) == "second_person_needed"


def test_closes_by_one_are_sampled_by_the_mint() -> None:
    """About the policy's share of them is looked at again."""
    world = a_world(replace(STAFFED, close_sample=0.5))
    for number in range(40):
        world.notice(person=PersonId(f"pe_{number}"))
    world.fast_forward(minutes=20).answer_all()
    for case in list(world.files.cases()):
        assert world.close(case) is None
    sampled = sum(fact.sampled for fact in world.said(CaseClosed))
    assert 8 < sampled < 32


def test_closing_by_two_leaves_a_measure_with_its_review() -> None:
    """A case closes, what is left in force goes on, and is decided again by somebody."""
    world = guarded()
    case = world.case()
    world.decide(case, Level.GUARDED, EVA)
    assert refusal(world.propose(case, CLOSE, to=at(Level.WATCH))) == "bad_input"
    world.lower(case, CLOSE, to=at(Level.WATCH), end=EndState.RESOLVED)
    assert (case.is_open, world.level()) == (False, Level.WATCH)
    assert [one.kind for one in case.deadlines.values() if not one.met] == [DeadlineKind.MEASURE_REVIEW]
    assert refusal(world.propose(case, CLOSE, to=at(Level.WATCH), end=EndState.RESOLVED)) == "case_closed"
    assert refusal(world.propose(case, RETIER, tier=Tier.CONCERN)) == "case_closed"
    assert world.decide(case, Level.WATCH) is None
    assert case.running(DeadlineKind.MEASURE_REVIEW) is not None


def test_closing_with_nothing_left_owes_nothing() -> None:
    """Where nothing goes on, nothing is due."""
    world = a_world().with_flag(person=HER)
    case = world.case()
    world.lower(case, CLOSE, to=NOTHING, end=EndState.UNFOUNDED)
    assert all(one.met for one in case.deadlines.values())
    assert (case.is_open, world.level()) == (False, Level.NONE)
    assert refusal(world.decide(case, Level.WATCH)) == "case_closed"


def test_an_answer_or_a_flag_that_is_not_there_is_not_found() -> None:
    """Nothing can be answered that nobody said."""
    world = guarded()
    assert refusal(world.answer_flag(world.case(), SignalId("sg_none"))) == "not_found"
    assert SUBJECT in world.files.subjects
    assert world.due(world.case(), DeadlineKind.DECIDE) == hours(24)
