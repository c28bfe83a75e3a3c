"""Tenants: what the administration of a tenant is asked, and what it answers; references, and nobody's name (L11, L12).

Law: a tenant reads and answers only what it was asked itself, and learns nothing of case, content or reporter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from answerable.app import identifying
from answerable.app.acts import Act, Acts
from answerable.app.intake import Intake
from answerable.core import parties, signals
from answerable.core.cases import Case
from answerable.core.facts import AskId, DeadlineKind, Named, Refused, SignalId, SignalKind, SubjectId
from answerable.errors import BadInput
from answerable.vault.identifiers import Identifier, IdentifierKind, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A question as the tenant sees it: its reference, since when and by when, and whether it was read and answered."""

    reference: AskId
    asked: datetime
    due: datetime | None
    received: datetime | None
    answered: datetime | None


def listed(acts: Acts, intake: Intake, tenant: str) -> list[Reference]:
    """Return what a tenant was asked, the oldest first."""
    with acts.store.act() as tx:
        subject = identifying.find_tenant(tx, intake.index, tenant)
        if subject is None:
            return []
        with acts.within(tx, tenant, (subject,)) as act:
            found = [_reference(case, one.fact.ask) for case, one in parties.asks(act.journal, subject)]
    return sorted(found, key=lambda one: (one.asked, one.reference))


def _reference(case: Case, ask: AskId) -> Reference:
    found = case.asks[ask]
    due = [one.due for one in case.deadlines.values() if one.kind is DeadlineKind.TENANT and one.about == ask]
    return Reference(
        reference=ask, asked=found.at, due=min(due, default=None), received=found.received_at,
        answered=found.answered_at,
    )  # fmt: skip


def receive(acts: Acts, intake: Intake, tenant: str, ask: AskId) -> Refused | None:
    """Record that the tenant's administration has read a question."""
    with acts.store.act() as tx:
        subject = identifying.find_tenant(tx, intake.index, tenant)
        if subject is None:
            return _nothing()
        with acts.within(tx, tenant, (subject,)) as act:
            return parties.receive(act.journal, subject, ask)


def answer(acts: Acts, intake: Intake, tenant: str, ask: AskId, said: Named, user: str | None) -> Refused | None:
    """Take in a tenant's answer; an end user whom it names gets a flag of his own, which is the tenant's word alone."""
    account = None if user is None else f"{tenant}/{user}"
    if account is not None and canonical(Identifier(IdentifierKind.ACCOUNT, account)) is None:
        raise BadInput("this is no name of an end user", hint="1 to 256 visible letters")
    with acts.store.act() as tx:
        subject = identifying.find_tenant(tx, intake.index, tenant)
        if subject is None:
            return _nothing()
        named, new = (None, False) if account is None else intake.locate(tx, account, [_own(account)])
        with acts.within(tx, tenant, (subject, *([named] if named else []))) as act:
            found = parties.find(act.journal, subject, ask)
            if isinstance(found, Refused):
                return found
            if new and named is not None and account is not None:
                identifying.enter_subject(act, intake.index, named, account, [_own(account)])
            case = parties.answer(act.journal, subject, ask, said, named)
            if isinstance(case, Refused):
                return case
            if named is not None:
                _flag(act, case, ask, tenant, named)
            return None


def _flag(act: Act, case: Case, ask: AskId, tenant: str, named: SubjectId) -> None:
    about = case.signals[case.asks[ask].fact.signal].fact
    came = signals.Incoming(
        signal=SignalId(act.mint.token("sig")), subject=named, person=case.person, kind=SignalKind.RULE,
        source=f"tenant:{tenant}", model="tenant", version="1", label="named_by_tenant", label_text=None,
        hazard=about.hazard, score=None, act=False, identified=False, conversation=about.conversation, evidence=None,
        seen=about.seen,
    )  # fmt: skip
    signals.take(act.journal, came)


def _own(account: str) -> Identifier:
    return Identifier(IdentifierKind.ACCOUNT, account)


def _nothing() -> Refused:
    return Refused("not_found", "There is no such reference.")
