"""Notices: what people warn of; each keeps its own duty to be answered, whatever becomes of the case (L5, L13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from answerable.core import defaults, holds, lapses, openings, signals
from answerable.core.cases import Case
from answerable.core.facts import (
    UNKNOWN,
    CaseId,
    DeadlineKind,
    DefaultStepped,
    Hazard,
    LiftVoided,
    LookBackResult,
    LookBackStarted,
    NoticeAnswered,
    NoticeConfirmed,
    NoticeId,
    NoticeReceived,
    NoticesCrossed,
    NoticeWithdrawn,
    Outcome,
    PersonId,
    ProposalId,
    Refused,
    ReplySent,
    Role,
    StaffId,
    SubjectId,
    TextRef,
    Tier,
)
from answerable.core.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A notice as it came in, identifiers already turned into tokens; see `NoticeReceived` for the fields.

    `barred` are the staff who match an identifier of subject or reporter, `named` those whom the reporter names.
    `reporter_subject` is the reporter's own account, where known; `subject_person` the token under which the subject
    would be a reporter or protected person: with both, a crossed pair of reports can be seen.
    """

    notice: NoticeId
    subject: SubjectId
    person: PersonId
    reporter: PersonId
    hazard: Hazard
    danger_now: bool
    minor_at_risk: bool
    text: TextRef
    commit: str
    repeats: NoticeId | None
    barred: tuple[StaffId, ...]
    seen: datetime
    named: tuple[StaffId, ...] = ()
    reporter_subject: SubjectId | None = None
    subject_person: PersonId | None = None


def receive(journal: Journal, incoming: Incoming) -> Case:
    """Bind a notice to its case, start its answer clock and a look-back, and arm what an unverified claim allows."""
    tier = _tier(journal, incoming)
    case = openings.case_for(
        journal, incoming.subject, incoming.person, incoming.hazard, tier, names=True
    )
    _record(journal, case, incoming)
    openings.assign(journal, case)
    defaults.raise_tier(journal, case, tier, "notice")
    defaults.set_deadline(journal, case, DeadlineKind.ANSWER, about=incoming.notice)
    _cross(journal, case, incoming)
    if incoming.repeats is None:
        _meet_flags(journal, case)
        if journal.files.subject(case.subject).found:
            holds.order(journal, case)
            journal.write(LookBackStarted(subject=case.subject, case=case.id, notice=incoming.notice))
    defaults.arm(journal, case, notice=incoming.notice)
    return case


def _record(journal: Journal, case: Case, incoming: Incoming) -> None:
    journal.write(
        NoticeReceived(
            subject=case.subject,
            case=case.id,
            notice=incoming.notice,
            reporter=incoming.reporter,
            person=incoming.person,
            hazard=incoming.hazard,
            danger_now=incoming.danger_now,
            minor_at_risk=incoming.minor_at_risk,
            text=incoming.text,
            commit=incoming.commit,
            repeats=incoming.repeats,
            barred=openings.kept_away(journal, case, incoming.barred, incoming.named),
            seen=incoming.seen,
            promised=journal.now + journal.policy.tiers[_claimed(incoming)].answer,
        )
    )


def _tier(journal: Journal, incoming: Incoming) -> Tier:
    """Return how urgent a notice makes its case: a second one is as serious as one that names a person."""
    return _claimed(incoming, is_second=_is_second(journal, incoming))


def _claimed(incoming: Incoming, *, is_second: bool = False) -> Tier:
    """Return how urgent a notice is by what it says itself."""
    if incoming.danger_now:
        return Tier.CRITICAL
    tier = Tier.SERIOUS if incoming.person != UNKNOWN or is_second else Tier.CONCERN
    return Tier(max(tier - 1, 1)) if incoming.minor_at_risk else tier


def _is_second(journal: Journal, incoming: Incoming) -> bool:
    """Tell whether another notice about the same holder came lately; a repeat of the same text is not a second one."""
    if incoming.repeats is not None:
        return False
    since = journal.now - journal.policy.second_notice_within
    return any(
        notice.at >= since and not notice.refuted
        for case in journal.files.holder_cases(incoming.subject)
        for notice in case.notices.values()
    )


def _meet_flags(journal: Journal, case: Case) -> None:
    """Where the holder has flags: raise one tier, void past lifts, and arm again what those flags alone allow (F12)."""
    cases = list(journal.files.holder_cases(case.subject))
    if not any(not signal.refuted for one in cases for signal in one.signals.values()):
        return
    signals.join_flag_and_notice(journal, case)
    for one in cases:
        _void_lifts(journal, one)


def _void_lifts(journal: Journal, case: Case) -> None:
    """Void what was lifted in a case: its flags are open again, so it is, and what they allow is armed."""
    if all(signal.refuted for signal in case.signals.values()):
        return
    lifts: list[ProposalId | None] = [p.fact.proposal for p in case.proposals.values() if p.is_standing_lift]
    lifts += [None] if case.lifted_alone_at is not None else []
    for proposal in lifts:
        journal.write(LiftVoided(subject=case.subject, case=case.id, proposal=proposal))
    # What stepped down unreviewed was lowered too, though by nobody: its evidence is weighed anew with the notice.
    if lifts or any(isinstance(held.fact, DefaultStepped) and held.is_live for held in case.held.values()):
        openings.reopen(journal, case, case.tier)
        defaults.arm(journal, case, notice=None)


def _cross(journal: Journal, case: Case, incoming: Incoming) -> None:
    """Mark both notices where reporter and subject have warned about each other; neither gains rank by it (L13)."""
    if incoming.reporter_subject is None or incoming.subject_person is None:
        return
    for other in list(journal.files.subject(incoming.reporter_subject).cases.values()):
        for notice in list(other.notices.values()):
            if notice.fact.reporter == incoming.subject_person and notice.crossed_with is None:
                journal.write(
                    NoticesCrossed(subject=case.subject, case=case.id, notice=incoming.notice, other=other.id),
                    NoticesCrossed(subject=other.subject, case=other.id, notice=notice.fact.notice, other=case.id),
                )


def end_look_back(
    journal: Journal,
    case_id: CaseId,
    notice: NoticeId,
    result: LookBackResult,
    hits: Sequence[signals.Incoming],
    *,
    messages: int,
    not_screened: int,
) -> Refused | None:
    """Record a look-back's hits as signals of the case, then its end, and arm what it brought."""
    case = journal.files.case(case_id)
    look_back = case.look_backs.get(notice)
    if look_back is None:
        return Refused("not_found", "No look-back was started for this notice.")
    if look_back.result not in (None, LookBackResult.NOT_KNOWN):
        return Refused("already_ended", "This look-back has ended already.")
    if hits:
        openings.reopen(journal, case, case.tier)
    for hit in hits:
        signals.record(journal, case, hit, gravest=False)
    if any(hit.act for hit in hits):
        defaults.raise_tier(journal, case, Tier.SERIOUS, "act_in_history")
    if hits:
        signals.join_flag_and_notice(journal, case)
    lapses.end_look_back(journal, case, notice, result, messages=messages, not_screened=not_screened)
    return None


def withdraw(journal: Journal, case_id: CaseId, notice: NoticeId) -> Refused | None:
    """Record that the reporter took a notice back. Nothing else changes: no clock stops for it (L3)."""
    case = journal.files.case(case_id)
    if notice not in case.notices:
        return Refused("not_found", "This case has no such notice.")
    journal.write(NoticeWithdrawn(subject=case.subject, case=case.id, notice=notice))
    return None


def confirm(journal: Journal, case_id: CaseId, notice: NoticeId, *, partner: StaffId) -> Refused | None:
    """Record that a verified partner confirmed a notice: E2 from here on."""
    case = journal.files.case(case_id)
    if notice not in case.notices:
        return Refused("not_found", "This case has no such notice.")
    refused = openings.may_act(journal, case, partner)
    if refused is not None:
        return refused
    if journal.roster.staff[partner].role is not Role.PARTNER:
        return Refused("not_authorised", "Only a verified partner can confirm a notice.")
    journal.write(NoticeConfirmed(subject=case.subject, case=case.id, notice=notice, partner=partner))
    openings.reopen(journal, case, case.tier)
    defaults.arm(journal, case, notice=notice)
    return None


def reply(journal: Journal, case_id: CaseId, notice: NoticeId, *, staff: StaffId, text: TextRef) -> Refused | None:
    """Record a message to the reporter that decides nothing. No clock stops for it (F11)."""
    refused = _refuses(journal, case_id, notice, staff)
    if refused is None:
        case = journal.files.case(case_id)
        journal.write(ReplySent(subject=case.subject, case=case.id, notice=notice, text=text))
    return refused


def answer(
    journal: Journal, case_id: CaseId, notice: NoticeId, *, staff: StaffId, outcome: Outcome, text: TextRef
) -> Refused | None:
    """Answer a notice in writing, after a decision or on what was found."""
    refused = _refuses(journal, case_id, notice, staff)
    if refused is not None:
        return refused
    case = journal.files.case(case_id)
    if notice not in case.opened_by.get(staff, set()):
        return Refused("not_opened", "Open the notice before you answer it.")
    journal.write(NoticeAnswered(subject=case.subject, case=case.id, notice=notice, outcome=outcome, text=text))
    return None


def _refuses(journal: Journal, case_id: CaseId, notice: NoticeId, staff: StaffId) -> Refused | None:
    case = journal.files.case(case_id)
    refused = openings.may_act(journal, case, staff)
    if refused is not None:
        return refused
    if notice not in case.notices:
        return Refused("not_found", "This case has no such notice.")
    return None


LOOK_BACK_WINDOW = timedelta(days=400)
"""How far a look-back reads; the founding story ran for months, the longest published one 1,006 days."""
