"""Signals: what machines say, bound to one case; an opinion with its source, and never more than its grade (L13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from answerable.core import defaults, floods, openings, parties
from answerable.core.cases import Case
from answerable.core.facts import (
    ActRecorded,
    CaseId,
    Hazard,
    Outcome,
    PersonId,
    Refused,
    SignalAnswered,
    SignalId,
    SignalKind,
    SignalRaised,
    StaffId,
    SubjectId,
    TextRef,
    Tier,
)
from answerable.core.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A signal as it came in, identifiers already turned into tokens; see `SignalRaised` for the fields.

    `since` is from when its clocks run, where it was announced before it could be read.
    """

    signal: SignalId
    subject: SubjectId
    person: PersonId
    kind: SignalKind
    source: str
    model: str
    version: str
    label: str | None
    label_text: TextRef | None
    hazard: Hazard
    score: int | None
    act: bool
    identified: bool
    conversation: str | None
    evidence: TextRef | None
    seen: datetime
    since: datetime | None = None


def take(journal: Journal, incoming: Incoming) -> Case:
    """Bind a signal to its case, opening or joining it, and arm what its evidence allows."""
    gravest = journal.policy.is_gravest(incoming.hazard, incoming.label)
    beyond = floods.holds_back(journal, incoming.subject, incoming.source)
    tier = Tier.CONCERN if beyond else _tier(journal, incoming, gravest=gravest)
    case = openings.case_for(journal, incoming.subject, incoming.person, incoming.hazard, tier, names=False)
    record(journal, case, incoming, gravest=gravest, beyond=beyond)
    defaults.raise_tier(journal, case, tier, "signal")
    if _is_noticed(journal, case.subject):
        join_flag_and_notice(journal, case)
    defaults.arm(journal, case, notice=None, since=incoming.since)
    parties.ask(journal, case, incoming.signal)
    return case


def record(journal: Journal, case: Case, incoming: Incoming, *, gravest: bool, beyond: bool = False) -> None:
    """Write the signal itself into a case; a look-back's hits come in by this door too."""
    journal.write(
        SignalRaised(
            subject=case.subject,
            case=case.id,
            signal=incoming.signal,
            kind=incoming.kind,
            source=incoming.source,
            model=incoming.model,
            version=incoming.version,
            label=incoming.label,
            label_text=incoming.label_text,
            hazard=incoming.hazard,
            score=incoming.score,
            gravest=gravest,
            act=incoming.act,
            identified=incoming.identified,
            conversation=incoming.conversation,
            evidence=incoming.evidence,
            seen=incoming.seen,
            beyond=beyond,
        )
    )


def _tier(journal: Journal, incoming: Incoming, *, gravest: bool) -> Tier:
    act_after_notice = incoming.act and _is_noticed(journal, incoming.subject)
    return floods.meant(gravest=gravest, kind=incoming.kind, after_notice=act_after_notice)


def _is_noticed(journal: Journal, subject: SubjectId) -> bool:
    """Tell whether somebody warned about the holder; a refuted notice never counts again."""
    cases = journal.files.holder_cases(subject)
    return any(not notice.refuted for case in cases for notice in case.notices.values())


def join_flag_and_notice(journal: Journal, case: Case) -> None:
    """Raise a case one tier, once, because its holder now has both a flag and a notice (F12)."""
    if not case.raised_for_notice and case.tier > Tier.CRITICAL:
        defaults.raise_tier(journal, case, Tier(case.tier - 1), "flag_and_notice")


def meet(journal: Journal, subject: SubjectId) -> None:
    """Raise the open cases of accounts that a link has just made one holder, where flag and notice meet by it (F12)."""
    cases = list(journal.files.holder_cases(subject))
    if not _is_noticed(journal, subject) or all(one.refuted for case in cases for one in case.signals.values()):
        return
    for case in cases:
        if case.is_open and case.tier > Tier.CRITICAL and not case.raised_for_notice:
            join_flag_and_notice(journal, case)
            defaults.arm(journal, case, notice=None)


def answer(
    journal: Journal, case_id: CaseId, signal: SignalId, *, staff: StaffId, outcome: Outcome, text: TextRef
) -> Refused | None:
    """Answer a flag in writing."""
    case = journal.files.case(case_id)
    refused = openings.may_act(journal, case, staff)
    if refused is not None:
        return refused
    if signal not in case.signals:
        return Refused("not_found", "This case has no such flag.")
    if signal not in case.opened_by.get(staff, set()):
        return Refused("not_opened", "Open the flag before you answer it.")
    journal.write(SignalAnswered(subject=case.subject, case=case.id, signal=signal, outcome=outcome, text=text))
    return None


def record_act(
    journal: Journal, case_id: CaseId, found: str, *, staff: StaffId, text: TextRef
) -> Refused | None:
    """Record, as a reviewer who opened it, that a piece of evidence holds the act: E3 from here on."""
    case = journal.files.case(case_id)
    refused = openings.may_act(journal, case, staff)
    if refused is not None:
        return refused
    if found not in case.evidence or found in case.refuted:
        return Refused("not_found", "This case has no such evidence.")
    if found not in case.opened_by.get(staff, set()):
        return Refused("not_opened", "Open the evidence before you record an act.")
    journal.write(ActRecorded(subject=case.subject, case=case.id, evidence=found, text=text))
    openings.reopen(journal, case, case.tier)
    defaults.arm(journal, case, notice=None)
    return None
