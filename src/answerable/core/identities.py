"""Identities: accounts come to be seen and linked; nothing is merged, and a household is not a person (L2, F19)."""

from __future__ import annotations

from answerable.core import holds, openings, signals
from answerable.core.cases import Subject
from answerable.core.facts import (
    Clause,
    EntitlementRaiseRefused,
    LinkConfirmed,
    LinkId,
    LookBackStarted,
    Refused,
    StaffId,
    SubjectId,
    SubjectSeen,
)
from answerable.core.journal import Journal, Plan


def see(journal: Journal, subject: SubjectId, *, commit: str, found: bool, alias: str | None = None) -> None:
    """Record an account on first sight, or that one so far only spoken of has been found."""
    known = journal.files.subject(subject)
    if known.seq == 0 or (found and not known.found):
        journal.write(SubjectSeen(subject=subject, commit=commit, found=found, alias=alias))
    if known.found:
        _look_back(journal, known)
        for case in known.cases.values():
            if case.is_open:
                holds.order(journal, case)
                for order in case.binding(Clause.PRESERVE):
                    holds.order(journal, case, about=order.fact.order)


def _look_back(journal: Journal, account: Subject) -> None:
    """Start the look-backs that notices asked for while the account was not found."""
    for case in account.cases.values():
        for notice in case.notices.values():
            asks = case.is_open and notice.fact.repeats is None and notice.fact.notice not in case.look_backs
            if asks:
                journal.write(LookBackStarted(subject=account.id, case=case.id, notice=notice.fact.notice))


def confirm(journal: Journal, subject: SubjectId, link_id: LinkId, *, staff: StaffId) -> Refused | None:
    """Confirm a link as a person: from here on standing joins fully."""
    known = journal.files.subject(subject).links.get(link_id)
    if known is None or known.withdrawal is not None:
        return Refused("not_found", "This account has no such link.")
    if not journal.roster.may_decide(staff):
        return Refused("not_authorised", "You cannot confirm a link.")
    for here, there in ((subject, known.other), (known.other, subject)):
        journal.write(LinkConfirmed(subject=here, other=there, link=link_id))
    signals.meet(journal, subject)
    return None


def raise_entitlement(journal: Journal, subject: SubjectId, plan: Plan) -> Refused | None:
    """Refuse a higher plan for an account with an open case; the gate goes on with what was frozen (F4, R1).

    Where only notices speak, billing hears nothing of them, nor does the user (L11).
    """
    if not any(one.is_frozen for one in journal.files.holder(subject)):
        return None
    models, tools = openings.tellable(plan.models), openings.tellable(plan.tools)
    journal.write(EntitlementRaiseRefused(subject=subject, models=models, tools=tools))
    return Refused("case_open", "This account has an open case; its plan changes only through the case.")
