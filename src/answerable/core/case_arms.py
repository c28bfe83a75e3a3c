"""The fold's arms for cases: what each fact of a case stream changes in the case's file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from answerable.core import facts as f
from answerable.core import order_arms
from answerable.core.cases import Ask, Case, Held, Hold, LookBack, Notice, Proposal, Signal, Signature
from answerable.core.deadlines import Deadline
from answerable_gate import NOTHING, Item

CaseArm = Callable[[Case, Any, f.Recorded], None]


def _nothing(_case: Case, _fact: f.CaseFact, _: f.Recorded) -> None:
    """The fact is for the record; no later verb reads it from the file."""


def _meet(case: Case, *kinds: f.DeadlineKind, about: str | None = None) -> None:
    for deadline in case.deadlines.values():
        if deadline.kind in kinds and (about is None or deadline.about == about):
            deadline.met = True


def _person_named(case: Case, fact: f.PersonNamed, _: f.Recorded) -> None:
    assert case.names_nobody, "a case that names somebody keeps its person"
    case.person = fact.person


def _hazard_added(case: Case, fact: f.HazardAdded, _: f.Recorded) -> None:
    case.hazards.add(fact.hazard)


def _reopened(case: Case, fact: f.CaseReopened, _: f.Recorded) -> None:
    assert not case.is_open, "only a closed case reopens"
    case.is_open, case.closed_at, case.tier, case.raised_for_notice = True, None, fact.tier, False


def _assigned(case: Case, fact: f.CaseAssigned, _: f.Recorded) -> None:
    case.owner, case.deputy = fact.owner, fact.deputy


def _escalated(case: Case, fact: f.Escalated, _: f.Recorded) -> None:
    case.rung = fact.rung


def _tier_raised(case: Case, fact: f.TierRaised, _: f.Recorded) -> None:
    assert fact.tier <= case.tier, "raising never makes a case less urgent"
    case.tier = fact.tier
    if fact.cause == "source_confirmed":
        case.beyond.clear()
    case.raised_for_notice = case.raised_for_notice or fact.cause == "flag_and_notice"


def _tier_lowered(case: Case, fact: f.TierLowered, _: f.Recorded) -> None:
    case.tier = fact.tier
    # Two people have read everything by now: what a flood had held back raises it no more.
    case.beyond.clear()


def _policy_applied(case: Case, fact: f.PolicyApplied, _: f.Recorded) -> None:
    case.policies.append(fact.policy)


def _signal_raised(case: Case, fact: f.SignalRaised, recorded: f.Recorded) -> None:
    case.signals[fact.signal] = Signal(fact=fact, at=recorded.at, concerns=not case.names_nobody)
    if fact.beyond:
        case.beyond.add(fact.signal)


def _signal_answered(case: Case, fact: f.SignalAnswered, recorded: f.Recorded) -> None:
    signal = case.signals[fact.signal]
    signal.answered = True
    if fact.outcome in (f.Outcome.HARMLESS, f.Outcome.NOT_UPHELD):
        signal.discounted_at = recorded.at


def _notice_received(case: Case, fact: f.NoticeReceived, recorded: f.Recorded) -> None:
    case.notices[fact.notice] = Notice(fact=fact, at=recorded.at)
    case.barred.update(fact.barred)


def _notice_withdrawn(case: Case, fact: f.NoticeWithdrawn, _: f.Recorded) -> None:
    case.notices[fact.notice].withdrawn = True


def _notice_confirmed(case: Case, fact: f.NoticeConfirmed, recorded: f.Recorded) -> None:
    case.notices[fact.notice].confirmed_at = recorded.at


def _notices_crossed(case: Case, fact: f.NoticesCrossed, _: f.Recorded) -> None:
    case.notices[fact.notice].crossed_with = fact.other


def _notice_answered(case: Case, fact: f.NoticeAnswered, _: f.Recorded) -> None:
    case.notices[fact.notice].answered = True
    _meet(case, f.DeadlineKind.ANSWER, about=fact.notice)


def _answer_lapsed(case: Case, fact: f.AnswerLapsed, _: f.Recorded) -> None:
    case.notices[fact.notice].lapsed = True


def _refuted(case: Case, fact: f.EvidenceRefuted, _: f.Recorded) -> None:
    case.refuted.add(fact.evidence)
    case.beyond.discard(f.SignalId(fact.evidence))
    case.acts_recorded.pop(fact.evidence, None)
    for found in (case.signals.get(f.SignalId(fact.evidence)), case.notices.get(f.NoticeId(fact.evidence))):
        if found is not None:
            found.refuted = True


def _act_recorded(case: Case, fact: f.ActRecorded, recorded: f.Recorded) -> None:
    case.acts_recorded.setdefault(fact.evidence, recorded.at)


def _look_back_started(case: Case, fact: f.LookBackStarted, recorded: f.Recorded) -> None:
    case.look_backs[fact.notice] = LookBack(started_at=recorded.at)


def _look_back_ended(case: Case, fact: f.LookBackEnded, _: f.Recorded) -> None:
    case.look_backs[fact.notice].result = fact.result


def _tenant_asked(case: Case, fact: f.TenantAsked, recorded: f.Recorded) -> None:
    case.asks[fact.ask] = Ask(fact=fact, at=recorded.at)


def _tenant_received(case: Case, fact: f.TenantReceived, recorded: f.Recorded) -> None:
    case.asks[fact.ask].received_at = recorded.at


def _tenant_answered(case: Case, fact: f.TenantAnswered, recorded: f.Recorded) -> None:
    case.asks[fact.ask].answered_at = recorded.at
    _meet(case, f.DeadlineKind.TENANT, about=fact.ask)


def _bounded(case: Case, fact: f.EffectsBounded, _: f.Recorded) -> None:
    case.bounded.add(fact.notice)


def _deadline_set(case: Case, fact: f.DeadlineSet, recorded: f.Recorded) -> None:
    assert fact.deadline not in case.deadlines, "a deadline is set once and never edited (L3)"
    case.deadlines[fact.deadline] = Deadline(
        id=fact.deadline, kind=fact.kind, set_at=recorded.at, due=fact.due, about=fact.about
    )


def _deadline_missed(case: Case, fact: f.DeadlineMissed, _: f.Recorded) -> None:
    deadline = case.deadlines[fact.deadline]
    deadline.missed = True
    if deadline.kind is f.DeadlineKind.LOOK:
        # The ladder starts again for this look; until it was missed, an older one that nobody took went on paging.
        case.rung = 0


def _default_armed(case: Case, fact: f.DefaultArmed, _: f.Recorded) -> None:
    assert fact.item not in case.held, "an armed default is never edited (L1)"
    item = Item(
        id=fact.item, of=fact.subject, standing=fact.standing, effective=fact.due, kind="default", review_by=fact.review
    )
    case.held[fact.item] = Held(item=item, fact=fact)


def _took_effect(case: Case, fact: f.DefaultTookEffect, _: f.Recorded) -> None:
    case.held[fact.item].fell = True


def _stepped(case: Case, fact: f.DefaultStepped, recorded: f.Recorded) -> None:
    for item in fact.lifts:
        case.held[item].lift = recorded
    left = Item(
        id=fact.item, of=fact.subject, standing=fact.standing, effective=recorded.at, kind="default", review_by=None
    )
    case.held[fact.item] = Held(item=left, fact=fact, fell=True)


def _viewed(case: Case, fact: f.CaseViewed, _: f.Recorded) -> None:
    case.opened_by.setdefault(fact.staff, set()).update(fact.opened)
    _meet(case, f.DeadlineKind.LOOK)


def _decided(case: Case, fact: f.DecisionTaken, recorded: f.Recorded) -> None:
    case.decisions.append((recorded.at, fact))
    for item in fact.settles:
        case.held[item].settled = True
    kinds = f.DeadlineKind
    _meet(case, kinds.LOOK, kinds.DECIDE, kinds.DEFAULT_REVIEW, kinds.DEFAULT_STEP, kinds.MEASURE_REVIEW)


def _measure_set(case: Case, fact: f.MeasureSet, recorded: f.Recorded) -> None:
    item = Item(
        id=fact.item,
        of=fact.subject,
        standing=fact.standing,
        effective=recorded.at,
        kind="measure",
        review_by=fact.review,
    )
    case.held[fact.item] = Held(item=item, fact=fact)


def _adopted(case: Case, fact: f.MeasureAdopted, recorded: f.Recorded) -> None:
    case.adopted[fact.item] = recorded.at
    item = Item(
        id=fact.item,
        of=fact.subject,
        standing=fact.standing,
        effective=recorded.at,
        kind="measure",
        review_by=fact.review,
    )
    case.held[fact.item] = Held(item=item, fact=fact)


def _adoption_undone(case: Case, fact: f.AdoptionUndone, recorded: f.Recorded) -> None:
    case.undone |= dict.fromkeys(fact.items, recorded.at)


def _confirmed(case: Case, fact: f.MeasureConfirmed, _: f.Recorded) -> None:
    case.confirmed.setdefault(fact.item, set()).add(fact.gate)


def _proposed(case: Case, fact: f.LoweringProposed, recorded: f.Recorded) -> None:
    case.proposals[fact.proposal] = Proposal(fact=fact, at=recorded.at)


def _drawn(case: Case, fact: f.CountersignerDrawn, recorded: f.Recorded) -> None:
    proposal = case.proposals[fact.proposal]
    proposal.drawn, proposal.drawn_at = fact.staff, recorded.at


def _signed(case: Case, fact: f.ProposalSigned, recorded: f.Recorded) -> None:
    case.proposals[fact.proposal].signatures.append(
        Signature(staff=fact.staff, digest=fact.digest, at=recorded.at, waives=fact.waives)
    )


def _lifted(case: Case, fact: f.MeasureLifted, recorded: f.Recorded) -> None:
    for item in fact.lifts:
        case.held[item].lift = recorded
    if fact.proposal is None:
        case.lifted_alone_at = recorded.at
    elif fact.proposal in case.proposals:
        case.proposals[fact.proposal].performed_at = recorded.at


def _lift_voided(case: Case, fact: f.LiftVoided, _: f.Recorded) -> None:
    if fact.proposal is None:
        lifted_at, case.lifted_alone_at = case.lifted_alone_at, None
    else:
        lifted_at = case.proposals[fact.proposal].performed_at
        case.proposals[fact.proposal].voided = True
    assert lifted_at is not None, "only a lift that took place can be voided"
    for signal in case.signals.values():
        if signal.at <= lifted_at:
            signal.answered, signal.discounted_at = False, None


def _dissented(case: Case, fact: f.Dissented, recorded: f.Recorded) -> None:
    case.dissents[fact.dissent] = (recorded.at, fact.staff)


def _overridden(case: Case, fact: f.Overridden, _: f.Recorded) -> None:
    case.overridden.add(fact.dissent)


def _closed(case: Case, _: f.CaseClosed, recorded: f.Recorded) -> None:
    case.is_open, case.closed_at = False, recorded.at
    case.beyond.clear()
    # The duty to answer hangs on the notice and not on the case (L5), the duty to decide a measure again on the
    # measure that goes on (L4); closing meets every other deadline.
    goes_on = {f.DeadlineKind.ANSWER}
    if any(held.item.standing != NOTHING for held in case.live()):
        goes_on.add(f.DeadlineKind.MEASURE_REVIEW)
    for deadline in case.deadlines.values():
        deadline.met = deadline.met or deadline.kind not in goes_on


def _hold_ordered(case: Case, fact: f.HoldOrdered, recorded: f.Recorded) -> None:
    case.holds[fact.hold] = Hold(fact=fact, at=recorded.at)


def _hold_confirmed(case: Case, fact: f.HoldConfirmed, recorded: f.Recorded) -> None:
    hold = case.holds[fact.hold]
    hold.confirmed_at, hold.reference = recorded.at, fact.reference


def _hold_unconfirmed(case: Case, fact: f.HoldUnconfirmed, _: f.Recorded) -> None:
    case.holds[fact.hold].unconfirmed = True


def _hold_upheld(case: Case, fact: f.HoldUpheld, _: f.Recorded) -> None:
    case.holds[fact.hold].upheld_by = fact.staff


def _hold_lapsed(case: Case, fact: f.HoldLapsed, recorded: f.Recorded) -> None:
    case.holds[fact.hold].lapsed_at = recorded.at


ARMS: dict[type, CaseArm] = {
    f.CaseOpened: _nothing,
    f.PersonNamed: _person_named,
    f.HazardAdded: _hazard_added,
    f.CaseReopened: _reopened,
    f.CaseAssigned: _assigned,
    f.Escalated: _escalated,
    f.TierRaised: _tier_raised,
    f.TierLowered: _tier_lowered,
    f.PolicyApplied: _policy_applied,
    f.SignalRaised: _signal_raised,
    f.SignalAnswered: _signal_answered,
    f.NoticeReceived: _notice_received,
    f.NoticeWithdrawn: _notice_withdrawn,
    f.NoticeConfirmed: _notice_confirmed,
    f.NoticesCrossed: _notices_crossed,
    f.ReplySent: _nothing,
    f.NoticeAnswered: _notice_answered,
    f.AnswerLapsed: _answer_lapsed,
    f.EvidenceRefuted: _refuted,
    f.ActRecorded: _act_recorded,
    f.LookBackStarted: _look_back_started,
    f.LookBackEnded: _look_back_ended,
    f.EffectsBounded: _bounded,
    f.DeadlineSet: _deadline_set,
    f.DeadlineMissed: _deadline_missed,
    f.DefaultArmed: _default_armed,
    f.DefaultTookEffect: _took_effect,
    f.DefaultStepped: _stepped,
    f.CaseViewed: _viewed,
    f.DecisionTaken: _decided,
    f.MeasureSet: _measure_set,
    f.MeasureConfirmed: _confirmed,
    f.LoweringProposed: _proposed,
    f.CountersignerDrawn: _drawn,
    f.ProposalSigned: _signed,
    f.MeasureLifted: _lifted,
    f.LiftVoided: _lift_voided,
    f.ActRefused: _nothing,
    f.Dissented: _dissented,
    f.Overridden: _overridden,
    f.CaseClosed: _closed,
    f.HoldOrdered: _hold_ordered,
    f.HoldConfirmed: _hold_confirmed,
    f.HoldUnconfirmed: _hold_unconfirmed,
    f.HoldUpheld: _hold_upheld,
    f.HoldLapsed: _hold_lapsed,
    f.MeasureAdopted: _adopted,
    f.TenantAsked: _tenant_asked,
    f.TenantReceived: _tenant_received,
    f.TenantAnswered: _tenant_answered,
    f.AdoptionUndone: _adoption_undone,
    **order_arms.ARMS,
}
assert set(ARMS) == set(get_args(f.CaseFact)), "a case fact has no arm"
