"""What the witness notes down for each kind of fact: one small function each, and nothing for the rest.

Law: these notes are made from the facts alone, in other words than the fold's (L7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from answerable.core import facts as f
from answerable.core.policy import Policy
from answerable.simulation.witness import SeenCase, SeenItem, SeenLink, SeenNotice, SeenProposal, SeenSignal, Witness


def note(
    witness: Witness, recorded: f.Recorded, policies: Mapping[str, Policy], *, true: timedelta, ahead: timedelta
) -> None:
    """Note one fact down; `true` is the true time since the start, `ahead` how far the fact's own time is ahead of it.
    """
    fact: Any = recorded.fact
    if isinstance(fact, f.DefaultArmed | f.DefaultStepped | f.MeasureSet | f.MeasureAdopted):
        _item(witness, fact, recorded, true, ahead)
    kind = type(fact)
    if kind in _SYSTEM:
        _SYSTEM[kind](witness, fact, recorded)
    elif isinstance(fact, f.AccountsLinked):
        ends = (fact.subject, fact.other)
        link = SeenLink(ends=ends, strong=fact.strong, at=recorded.at, known=true)
        witness.links.setdefault(fact.link, link)
    elif isinstance(fact, f.LinkConfirmed):
        witness.links[fact.link].confirmed = true
    elif isinstance(fact, f.CaseFact):
        if isinstance(fact, f.CaseOpened):
            _opened(witness, fact)
        case = witness.cases[fact.case]
        if kind in _CASE:
            _CASE[kind](case, fact, recorded)
        _evidence(witness, case, fact, recorded, policies)
        _sooner(case, fact, recorded, policies)
    if isinstance(fact, f.ProposalSigned):
        _signed(witness, fact, recorded)


def _item(
    witness: Witness,
    fact: f.DefaultArmed | f.DefaultStepped | f.MeasureSet | f.MeasureAdopted,
    recorded: f.Recorded,
    true: timedelta,
    ahead: timedelta,
) -> None:
    due = fact.due if isinstance(fact, f.DefaultArmed) else recorded.at
    witness.cases[fact.case].items[fact.item] = SeenItem(
        id=fact.item,
        case=fact.case,
        subject=fact.subject,
        standing=fact.standing,
        due=due,
        review=None if isinstance(fact, f.DefaultStepped) else fact.review,
        limit=due - recorded.at,
        known=true,
        ahead=ahead,
        is_default=not isinstance(fact, f.MeasureSet | f.MeasureAdopted),
        fell=isinstance(fact, f.DefaultStepped),
        act=recorded.act,
        index=recorded.index or 0,
    )


def _opened(witness: Witness, fact: f.CaseOpened) -> None:
    witness.accounts.setdefault(fact.subject, []).append(fact.case)
    witness.cases[fact.case] = SeenCase(
        id=fact.case,
        subject=fact.subject,
        person=fact.person,
        tier=fact.tier,
        policies=[fact.policy],
        hazards={fact.hazard},
    )


def _evidence(
    witness: Witness, case: SeenCase, fact: f.CaseFact, recorded: f.Recorded, policies: Mapping[str, Policy]
) -> None:
    """Note a notice or a flag, and by when a person owes a decision on it."""
    versions = [policies[version] for version in case.policies]
    if isinstance(fact, f.NoticeReceived):
        answer = min(policy.tiers[case.tier].answer for policy in versions)
        case.notices[fact.notice] = SeenNotice(fact=fact, at=recorded.at, by=recorded.at + answer)
        case.barred |= set(fact.barred)
        witness.intake[fact.notice] = case.id
        witness.owed.add(fact.notice)
    elif isinstance(fact, f.SignalRaised):
        case.signals[fact.signal] = SeenSignal(fact=fact, at=recorded.at)
        witness.intake[fact.signal] = case.id
    elif isinstance(fact, f.CaseViewed):
        witness.views[fact.case, fact.staff] += 1
    elif isinstance(fact, f.NoticeAnswered | f.AnswerLapsed):
        witness.owed.discard(fact.notice)
    if isinstance(fact, _OWING):
        decide = min(max(p.tiers[case.tier].decide, p.tiers[case.tier].decide_at_night) for p in versions)
        told = witness.announced_at(fact) if isinstance(fact, f.SignalRaised | f.MeasureAdopted) else None
        by = max(recorded.at, (told or recorded.at) + decide)
        case.owes_by = by if case.owes_by is None else min(case.owes_by, by)


def _sooner(case: SeenCase, fact: f.CaseFact, recorded: f.Recorded, policies: Mapping[str, Policy]) -> None:
    """Note that a higher tier or a stricter policy makes what is owed due sooner, and never later (L3)."""
    if not isinstance(fact, f.TierRaised | f.PolicyApplied):
        return
    rules = [policies[version].tiers[case.tier] for version in case.policies]
    if case.owes_by is not None:
        decide = min(max(rule.decide, rule.decide_at_night) for rule in rules)
        case.owes_by = min(case.owes_by, recorded.at + decide)
    for notice in case.notices.values():
        notice.by = min(notice.by, recorded.at + min(rule.answer for rule in rules))


def _signed(witness: Witness, fact: f.ProposalSigned, recorded: f.Recorded) -> None:
    """Note a signature with the evidence that was known when it was given."""
    signed = (fact.staff, witness.evidence(fact.subject), recorded.at, fact.waives)
    witness.cases[fact.case].proposals[fact.proposal].signed.append(signed)


# --- the system and the accounts


def _adopted(witness: Witness, fact: f.PolicyAdopted, _: f.Recorded) -> None:
    witness.policies.append(fact.version)


def _enrolled(witness: Witness, fact: f.StaffEnrolled, _: f.Recorded) -> None:
    witness.staff[fact.staff] = fact
    witness.left.discard(fact.staff)


def _left(witness: Witness, fact: f.StaffLeft, _: f.Recorded) -> None:
    witness.left.add(fact.staff)


def _link_withdrawn(witness: Witness, fact: f.LinkWithdrawn, recorded: f.Recorded) -> None:
    # Written to both streams: over the link each end lets go of the other only once its own entry is sealed.
    link = witness.links[fact.link]
    link.withdrawn = recorded.index
    link.lifts |= set(fact.lifts)


def _announced(witness: Witness, fact: f.VendorNoticed, recorded: f.Recorded) -> None:
    witness.announced[fact.vendor, fact.kind, fact.reference] = recorded.at


def _party(witness: Witness, fact: f.PartyKnown, _: f.Recorded) -> None:
    witness.party[fact.subject] = fact.party
    if fact.tenant is not None:
        witness.above[fact.subject] = fact.tenant


# --- the case


def _named(case: SeenCase, fact: f.PersonNamed, _: f.Recorded) -> None:
    case.person = fact.person


def _hazard(case: SeenCase, fact: f.HazardAdded, _: f.Recorded) -> None:
    case.hazards.add(fact.hazard)


def _reopened(case: SeenCase, fact: f.CaseReopened, _: f.Recorded) -> None:
    case.is_open, case.tier = True, fact.tier


def _assigned(case: SeenCase, fact: f.CaseAssigned, _: f.Recorded) -> None:
    case.owner = fact.owner


def _tier(case: SeenCase, fact: f.TierRaised | f.TierLowered, _: f.Recorded) -> None:
    case.tier = fact.tier


def _policy(case: SeenCase, fact: f.PolicyApplied, _: f.Recorded) -> None:
    case.policies.append(fact.policy)


def _signal_answered(case: SeenCase, fact: f.SignalAnswered, _: f.Recorded) -> None:
    case.signals[fact.signal].answered = True


def _confirmed(case: SeenCase, fact: f.NoticeConfirmed, recorded: f.Recorded) -> None:
    case.notices[fact.notice].confirmed_at = recorded.at


def _answered(case: SeenCase, fact: f.NoticeAnswered, _: f.Recorded) -> None:
    case.notices[fact.notice].answered = True


def _lapsed(case: SeenCase, fact: f.AnswerLapsed, _: f.Recorded) -> None:
    case.notices[fact.notice].lapsed = True


def _look_back(case: SeenCase, fact: f.LookBackEnded, _: f.Recorded) -> None:
    case.notices[fact.notice].unknown_history |= fact.result is f.LookBackResult.NOT_KNOWN


def _refuted(case: SeenCase, fact: f.EvidenceRefuted, _: f.Recorded) -> None:
    case.refuted.add(fact.evidence)


def _act(case: SeenCase, fact: f.ActRecorded, recorded: f.Recorded) -> None:
    case.acts.setdefault(fact.evidence, recorded.at)


def _deadline(case: SeenCase, fact: f.DeadlineSet, _: f.Recorded) -> None:
    if fact.kind is f.DeadlineKind.DECIDE:
        case.decide_due[fact.deadline] = fact.due


def _missed(case: SeenCase, fact: f.DeadlineMissed, _: f.Recorded) -> None:
    if case.decide_due.pop(fact.deadline, None) is not None:
        case.owes_by = None


def _fell(case: SeenCase, fact: f.DefaultTookEffect, _: f.Recorded) -> None:
    case.items[fact.item].fell = True


def _viewed(case: SeenCase, fact: f.CaseViewed, _: f.Recorded) -> None:
    case.opened.setdefault(fact.staff, set()).update(fact.opened)


def _decided(case: SeenCase, fact: f.DecisionTaken, _: f.Recorded) -> None:
    for item in fact.settles:
        case.items[item].settled = True
    case.owes_by = None
    case.decide_due.clear()


def _measure(case: SeenCase, fact: f.MeasureSet, _: f.Recorded) -> None:
    if fact.proposal is None:
        case.deciders.add(fact.staff)


def _switched_off(case: SeenCase, fact: f.MeasureAdopted, recorded: f.Recorded) -> None:
    case.adopted[fact.item], case.off[fact.item] = recorded.at, fact.source


def _switched_on(case: SeenCase, fact: f.AdoptionUndone, recorded: f.Recorded) -> None:
    case.undone |= dict.fromkeys(fact.items, recorded.at)


def _reported(case: SeenCase, fact: f.OutsideEventReported, _: f.Recorded) -> None:
    case.claims[fact.event] = None
    case.barred |= set(fact.barred)


def _event_verified(case: SeenCase, fact: f.OutsideEventVerified, recorded: f.Recorded) -> None:
    case.claims[fact.event] = recorded.at


def _ordered(case: SeenCase, fact: f.OrderReceived, _: f.Recorded) -> None:
    case.claims[fact.order] = None
    case.orders.add(fact.order)
    case.barred |= set(fact.barred)


def _order_verified(case: SeenCase, fact: f.OrderVerified, recorded: f.Recorded) -> None:
    case.claims[fact.order] = recorded.at


def _proposed(case: SeenCase, fact: f.LoweringProposed, _: f.Recorded) -> None:
    case.proposals[fact.proposal] = SeenProposal(fact=fact)


def _drawn(case: SeenCase, fact: f.CountersignerDrawn, _: f.Recorded) -> None:
    case.proposals[fact.proposal].drawn.append(fact.staff)


def _lifted(case: SeenCase, fact: f.MeasureLifted, recorded: f.Recorded) -> None:
    for item in fact.lifts:
        case.items[item].lift, case.items[item].lifted_at = recorded.index, recorded.at
    if fact.proposal is not None and fact.proposal in case.proposals:
        case.proposals[fact.proposal].performed_at = recorded.at


def _stepped(case: SeenCase, fact: f.DefaultStepped, recorded: f.Recorded) -> None:
    for item in fact.lifts:
        case.items[item].lift, case.items[item].lifted_at = recorded.index, recorded.at


def _dissented(case: SeenCase, fact: f.Dissented, recorded: f.Recorded) -> None:
    case.dissents[fact.dissent] = recorded.at


def _closed(case: SeenCase, _fact: f.CaseClosed, _: f.Recorded) -> None:
    case.is_open, case.owes_by = False, None
    case.decide_due.clear()


_OWING = (
    f.NoticeReceived, f.SignalRaised, f.MeasureAdopted, f.AdoptionUndone, f.OrderReceived, f.OrderVerified,
    f.OutsideEventVerified,
)  # fmt: skip
"""After each of these a person owes a decision."""
_SYSTEM: dict[type, Callable[[Witness, Any, f.Recorded], None]] = {
    f.PolicyAdopted: _adopted,
    f.StaffEnrolled: _enrolled,
    f.StaffLeft: _left,
    f.LinkWithdrawn: _link_withdrawn,
    f.PartyKnown: _party,
    f.VendorNoticed: _announced,
}
_CASE: dict[type, Callable[[SeenCase, Any, f.Recorded], None]] = {
    f.PersonNamed: _named,
    f.HazardAdded: _hazard,
    f.CaseReopened: _reopened,
    f.CaseAssigned: _assigned,
    f.TierRaised: _tier,
    f.TierLowered: _tier,
    f.PolicyApplied: _policy,
    f.SignalAnswered: _signal_answered,
    f.NoticeConfirmed: _confirmed,
    f.NoticeAnswered: _answered,
    f.AnswerLapsed: _lapsed,
    f.LookBackEnded: _look_back,
    f.EvidenceRefuted: _refuted,
    f.ActRecorded: _act,
    f.DeadlineSet: _deadline,
    f.DeadlineMissed: _missed,
    f.DefaultTookEffect: _fell,
    f.DefaultStepped: _stepped,
    f.CaseViewed: _viewed,
    f.DecisionTaken: _decided,
    f.MeasureSet: _measure,
    f.MeasureAdopted: _switched_off,
    f.AdoptionUndone: _switched_on,
    f.OutsideEventReported: _reported,
    f.OutsideEventVerified: _event_verified,
    f.OrderReceived: _ordered,
    f.OrderVerified: _order_verified,
    f.LoweringProposed: _proposed,
    f.CountersignerDrawn: _drawn,
    f.MeasureLifted: _lifted,
    f.Dissented: _dissented,
    f.CaseClosed: _closed,
}
