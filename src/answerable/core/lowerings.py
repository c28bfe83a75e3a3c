"""Lowerings: the interlock. Two people, every item opened, everything answered, one digest, and time (L4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from answerable.core import decisions, draws, evidence, links, openings
from answerable.core.cases import Case, Held, Proposal, Signature
from answerable.core.facts import (
    CaseClosed,
    CaseId,
    CountersignerDrawn,
    EndState,
    EvidenceRefuted,
    Grade,
    ItemId,
    LinkId,
    LoweringKind,
    LoweringProposed,
    MeasureLifted,
    ProposalId,
    ProposalSigned,
    Refused,
    StaffId,
    TextRef,
    Tier,
    TierLowered,
)
from answerable.core.journal import Journal
from answerable.core.standing import case_yardstick
from answerable_gate import NOTHING, Level, Standing

AS_BEFORE = "as before"
"""The scope of what a lift leaves over."""

@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a proposal would bring about; only the field that its kind asks for is set."""

    kind: LoweringKind
    reason: TextRef
    to: Standing = NOTHING
    tier: Tier | None = None
    end: EndState | None = None
    link: LinkId | None = None
    evidence: str | None = None


def propose(
    journal: Journal, case_id: CaseId, wanted: Wanted, *, staff: StaffId, waives: bool = False
) -> ProposalId | Refused:
    """Propose a lowering, sign it on the evidence of this moment, and have the system draw the second person."""
    case = journal.files.case(case_id)
    refused = openings.may_act(journal, case, staff) or _unfit(journal, case, wanted)
    refused = refused or _unopened(journal, case, staff)
    if refused is not None:
        return decisions.refuse(journal, case, staff, "propose", refused.code, refused.reason)
    proposal = ProposalId(journal.mint.token("pr"))
    second = draws.drawn_before(journal, case, staff) or draws.draw(journal, case, proposal, staff)
    if second is None:
        return decisions.refuse(
            journal, case, staff, "propose", "no_second_person", "Nobody else on the roster may sign; ask your partner."
        )
    journal.write(
        LoweringProposed(
            subject=case.subject,
            case=case.id,
            proposal=proposal,
            kind=wanted.kind,
            staff=staff,
            to=wanted.to,
            tier=wanted.tier,
            end=wanted.end,
            link=wanted.link,
            evidence=wanted.evidence,
            reason=wanted.reason,
        ),
        _signature(journal, case, proposal, staff, waives=waives),
        CountersignerDrawn(subject=case.subject, case=case.id, proposal=proposal, staff=second),
    )
    return proposal


def _unfit(journal: Journal, case: Case, wanted: Wanted) -> Refused | None:
    """Refuse what no two people could bring about in one step."""
    if not case.is_open and wanted.kind in (LoweringKind.CLOSE, LoweringKind.RETIER):
        return Refused("case_closed", "The case is closed.")
    match wanted.kind:
        case LoweringKind.LIFT | LoweringKind.CLOSE:
            closes = wanted.kind is LoweringKind.CLOSE
            refused = decisions.unfit(wanted.to) or decisions.bound(case, wanted.to, closes=closes)
            return refused or _unfit_step(journal, case, wanted.to, has_end=not closes or wanted.end is not None)
        case LoweringKind.RETIER:
            is_step = wanted.tier is not None and wanted.tier == case.tier + 1
            return None if is_step else Refused("one_step", "A tier goes down one step at a time.")
        case LoweringKind.WITHDRAW_LINK:
            link = journal.files.subject(case.subject).links.get(wanted.link) if wanted.link else None
            fits = link is not None and link.withdrawal is None
        case _:
            assert wanted.kind is LoweringKind.REFUTE
            fits = wanted.evidence in case.evidence and wanted.evidence not in case.refuted
    return None if fits else Refused("not_found", "There is nothing such to lower here.")


def _unfit_step(journal: Journal, case: Case, to: Standing, *, has_end: bool) -> Refused | None:
    level = case_yardstick(case).level
    if not has_end:
        return Refused("bad_input", "Say how the case closes.")
    if not level - 1 <= to.level <= level:
        return Refused("one_level", f"One level at a time: {level.word} does not go straight to {to.level.word}.")
    if to.level < Level.GUARDED <= level and not _was_guarded_long_enough(journal, case):
        return Refused("guarded_too_short", "An account that was above guarded stays guarded for at least 7 days.")
    return None


def _was_guarded_long_enough(journal: Journal, case: Case) -> bool:
    """Tell whether a case that once held more than guarded has since been at guarded for the policy's minimum.

    What counted above guarded and no longer does, a lift has named: a decision alone never goes below it.
    """
    high = (held for held in case.held.values() if held.item.standing.level > Level.GUARDED)
    lifted = [held.lift.at for held in high if held.lift is not None and _has_counted(held, held.lift.at)]
    return all(journal.now - at >= journal.policy_of(case).lowering.guarded_min for at in lifted)


def _has_counted(held: Held, until: datetime) -> bool:
    """Tell whether an item was ever in force: a default that a decision settled before its time never was."""
    return held.fell or (not held.settled and held.item.effective <= until)


def _unopened(journal: Journal, case: Case, staff: StaffId) -> Refused | None:
    """Refuse a signer who has not opened every item of the whole holder (F2)."""
    cases = list(journal.files.holder_cases(case.subject))
    if any(staff in one.barred for one in cases):
        # Barred from another case of the holder, of which nothing may be said (L6): so nothing is.
        return Refused("not_authorised", "You cannot sign in this case.")
    missing = sum(len(set(one.evidence) - one.opened_by.get(staff, set())) for one in cases)
    return Refused("not_opened", f"Open every item first; {missing} are unopened.") if missing else None


def redraw(journal: Journal, case_id: CaseId, proposal_id: ProposalId, *, staff: StaffId) -> StaffId | Refused:
    """Draw another second person where the drawn one has left, or has not signed within the policy's time."""
    case = journal.files.case(case_id)
    proposal = case.proposals.get(proposal_id)
    refused = openings.may_act(journal, case, staff)
    if refused is not None or proposal is None or proposal.drawn is None or proposal.drawn_at is None:
        return refused or Refused("not_found", "There is no such proposal.")
    waited = journal.now - proposal.drawn_at >= journal.policy_of(case).lowering.redraw_after
    if draws.is_able(journal, case, proposal.fact.staff, proposal.drawn) and not waited:
        return Refused("wait", "The second person drawn still has time to sign.")
    token = f"{proposal_id}:{len(proposal.signatures)}:{proposal.drawn}"
    second = draws.draw(journal, case, token, proposal.fact.staff, but=proposal.drawn)
    if second is None:
        return Refused("no_second_person", "Nobody else on the roster may sign.")
    journal.write(CountersignerDrawn(subject=case.subject, case=case.id, proposal=proposal_id, staff=second))
    return second


def sign(
    journal: Journal, case_id: CaseId, proposal_id: ProposalId, *, staff: StaffId, waives: bool = False
) -> Refused | None:
    """Sign a proposal on the evidence of this moment: the drawn second person, or either of the two again."""
    case = journal.files.case(case_id)
    proposal = case.proposals.get(proposal_id)
    if proposal is None or proposal.performed_at is not None:
        return Refused("not_found", "There is no such open proposal.")
    refused = openings.may_act(journal, case, staff) or _wrong_person(proposal, staff)
    refused = refused or _unopened(journal, case, staff) or _unanswered(journal, case)
    if refused is not None:
        return decisions.refuse(journal, case, staff, "countersign", refused.code, refused.reason)
    journal.write(_signature(journal, case, proposal_id, staff, waives=waives))
    return None


def _wrong_person(proposal: Proposal, staff: StaffId) -> Refused | None:
    if staff == proposal.drawn:
        return None
    if staff == proposal.fact.staff:
        if proposal.signatures[-1].staff != staff:
            return None
        return Refused("second_person_needed", "The second signature is another person's.")
    return Refused("not_drawn", "The system drew somebody else to countersign.")


def _unanswered(journal: Journal, case: Case) -> Refused | None:
    open_ones = list(evidence.unanswered(journal.files.holder_cases(case.subject)))
    if open_ones:
        return Refused("unanswered", f"{len(open_ones)} flags or notices have no answer in writing yet.")
    return None


def _signature(
    journal: Journal, case: Case, proposal: ProposalId, staff: StaffId, *, waives: bool
) -> ProposalSigned:
    return ProposalSigned(
        subject=case.subject,
        case=case.id,
        proposal=proposal,
        staff=staff,
        digest=current_digest(journal, case),
        waives=waives,
    )


def current_digest(journal: Journal, case: Case) -> str:
    """Return the evidence digest of the case's holder as it is now."""
    holder = journal.files.holder(case.subject)
    known = (link for account in holder for link in account.links.values())
    return evidence.digest(journal.files.holder_cases(case.subject), known)


def lift(
    journal: Journal,
    case_id: CaseId,
    proposal_id: ProposalId,
    *,
    staff: StaffId,
    shared: Sequence[links.Shared] = (),
) -> Refused | None:
    """Carry a signed proposal out, once the cooling-off is over; everything is checked again at this moment.

    `shared` is what the accounts of the holder share, where a link among them is to go.
    """
    case = journal.files.case(case_id)
    proposal = case.proposals.get(proposal_id)
    if proposal is None or proposal.performed_at is not None:
        return Refused("not_found", "There is no such open proposal.")
    refused = openings.may_act(journal, case, staff) or _not_ripe(journal, case, proposal, staff)
    if refused is not None:
        return decisions.refuse(journal, case, staff, "lift", refused.code, refused.reason)
    _perform(journal, case, proposal, staff, shared)
    return None


def _not_ripe(journal: Journal, case: Case, proposal: Proposal, staff: StaffId) -> Refused | None:
    if staff not in (proposal.fact.staff, proposal.drawn):
        return Refused("not_a_signer", "Only one of the two signers can carry the proposal out.")
    first = proposal.fact.staff
    if openings.may_act(journal, case, first) or not draws.is_able(journal, case, first, proposal.drawn):
        # Both were able when they signed; since then one has left, or was drawn and then decided what this lifts (L4).
        return Refused("signer_unfit", "One of the two may sign no more: have another drawn, or propose it anew.")
    now_digest = current_digest(journal, case)
    firsts = _signatures(proposal, proposal.fact.staff, now_digest)
    seconds = _signatures(proposal, proposal.drawn, now_digest)
    if not firsts or not seconds:
        stale = bool(_signatures(proposal, proposal.drawn, None))
        if not stale:
            return Refused("second_person_needed", "The second person has not signed.")
        return Refused("stale", "New evidence came in: both sign again, on what is known now.")
    refused = _unanswered(journal, case) or _unfit(journal, case, _wanted(proposal))
    if refused is not None:
        return refused
    if firsts[-1].waives and seconds[-1].waives and is_waivable(journal, case):
        return None
    cooling_off = journal.policy_of(case).lowering.cooling_off[_gravest_tier(journal, case)]
    ripe = _cooling_since(journal, case, proposal) + cooling_off
    if journal.now < ripe:
        return Refused("cooling_off", f"The cooling-off ends {ripe:%Y-%m-%d %H:%M} UTC.")
    return None


def _wanted(proposal: Proposal) -> Wanted:
    fact = proposal.fact
    return Wanted(
        kind=fact.kind,
        reason=fact.reason,
        to=fact.to,
        tier=fact.tier,
        end=fact.end,
        link=fact.link,
        evidence=fact.evidence,
    )


def _signatures(proposal: Proposal, staff: StaffId | None, digest: str | None) -> list[Signature]:
    return [one for one in proposal.signatures if one.staff == staff and digest in (None, one.digest)]


def _cooling_since(journal: Journal, case: Case, proposal: Proposal) -> datetime:
    """Return when the cooling-off began: the first countersignature since the newest evidence above E0 (L4).

    A notice confirmed a second time is such evidence and changes no digest: until it is signed again, it begins now.
    """
    holder = journal.files.holder(case.subject)
    link_times = (link.at for account in holder for link in account.links.values())
    grave = evidence.last_grave(journal.files.holder_cases(case.subject), link_times)
    seconds = [one.at for one in _signatures(proposal, proposal.drawn, None) if grave is None or one.at >= grave]
    return min(seconds, default=journal.now)


def _gravest_tier(journal: Journal, case: Case) -> Tier:
    """Return the most urgent tier of the holder: a milder case of another account is no way round it (L4)."""
    return min(one.tier for one in journal.files.holder_cases(case.subject) if one.is_open or one is case)


def is_waivable(journal: Journal, case: Case) -> bool:
    """Tell whether the two may waive the cooling-off: a wrong measure that no human set, and nobody who could be hurt.

    Never in tier 1, where a notice or a named person stands, or for a measure that a person set (L4).
    """
    cases = list(journal.files.holder_cases(case.subject))
    return (
        _gravest_tier(journal, case) is not Tier.CRITICAL
        and all(held.is_default for one in cases for held in one.held.values())
        and evidence.concerns_nobody(cases)
    )


def _perform(
    journal: Journal, case: Case, proposal: Proposal, staff: StaffId, shared: Sequence[links.Shared]
) -> None:
    fact = proposal.fact
    signers = (fact.staff, proposal.drawn or fact.staff)
    lifts: tuple[ItemId, ...] = ()
    if fact.kind in (LoweringKind.LIFT, LoweringKind.CLOSE):
        # Only this decides about the measure: a tier, a link or a piece of evidence leaves its clocks running (L3).
        lifts = _everything(case)
        decisions.take(journal, case, staff=staff, settles=(), reason=fact.reason)
        _leave(journal, case, fact, staff)
    journal.write(
        MeasureLifted(
            subject=case.subject,
            case=case.id,
            proposal=fact.proposal,
            lifts=lifts,
            staff=signers,
        )
    )
    if fact.kind is LoweringKind.RETIER and fact.tier is not None:
        journal.write(TierLowered(subject=case.subject, case=case.id, tier=fact.tier, proposal=fact.proposal))
    if fact.kind is LoweringKind.REFUTE and fact.evidence is not None:
        journal.write(EvidenceRefuted(subject=case.subject, case=case.id, evidence=fact.evidence, signed_by=signers))
    if fact.kind is LoweringKind.CLOSE and fact.end is not None:
        journal.write(
            CaseClosed(subject=case.subject, case=case.id, end=fact.end, proposal=fact.proposal, sampled=False)
        )
    if fact.kind is LoweringKind.WITHDRAW_LINK and fact.link is not None:
        links.withdraw(journal, case.subject, fact.link, fact.proposal, shared)


def _leave(journal: Journal, case: Case, fact: LoweringProposed, staff: StaffId) -> None:
    """Set what a lift leaves over, before the release, so that no reader ever sees a moment without either."""
    if fact.to != NOTHING:
        decisions.set_measure(
            journal, case, fact.to, staff=staff, scope=AS_BEFORE, proportionality=None, proposal=fact.proposal
        )


def _everything(case: Case) -> tuple[ItemId, ...]:
    """Return every item of the case that no lift has named yet, settled ones too.

    A gate that missed the line in which a decision took a default's place still holds the default, and lets go of it
    only for a lift that names it.
    """
    return tuple(ItemId(held.item.id) for held in case.held.values() if held.lift is None)


def close(journal: Journal, case_id: CaseId, end: EndState, *, staff: StaffId, reason: TextRef) -> Refused | None:
    """Close a case as one person, where only unverified claims stand, or a machine's word that names nobody (L4)."""
    case = journal.files.case(case_id)
    refused = openings.may_act(journal, case, staff) or _unopened(journal, case, staff) or _unanswered(journal, case)
    refused = refused or _needs_two(case) or _still_looking(case)
    if refused is not None:
        return decisions.refuse(journal, case, staff, "close", refused.code, refused.reason)
    sampled = journal.mint.fraction() < journal.policy_of(case).close_sample
    lifts = _everything(case)
    decisions.take(journal, case, staff=staff, settles=(), reason=reason)
    journal.write(
        MeasureLifted(
            subject=case.subject, case=case.id, proposal=None, lifts=lifts, staff=(staff,)
        ),
        CaseClosed(subject=case.subject, case=case.id, end=end, proposal=None, sampled=sampled),
    )
    return None


def _needs_two(case: Case) -> Refused | None:
    grade = evidence.grade(case)
    only_claims = grade is Grade.E0 and not case.signals
    only_signals = not case.notices and case.tier is Tier.CONCERN and case.names_nobody and grade <= Grade.E1
    mild = case_yardstick(case).level <= Level.WATCH
    if case.is_open and mild and (only_claims or only_signals):
        return None
    return Refused("second_person_needed", "This case closes through a proposal and a second person.")


def _still_looking(case: Case) -> Refused | None:
    """Refuse to call a case done while history is being read: never clear for what was not checked (L10)."""
    if any(look_back.result is None for look_back in case.look_backs.values()):
        return Refused("look_back_running", "History is still being read. Wait until that has ended.")
    return None
