"""Parties: whose an account is. A tenant is asked who its end user was, and is never taken for one by itself.

Law: standing never widens from an end user to a key or an organisation but by a decision that says so (L2, R16).
"""

from __future__ import annotations

from collections.abc import Iterator

from answerable.core import defaults, openings
from answerable.core.cases import Ask, Case
from answerable.core.facts import (
    AskId,
    DeadlineKind,
    Named,
    Party,
    PartyKnown,
    Refused,
    SignalId,
    SubjectId,
    TenantAnswered,
    TenantAsked,
    TenantReceived,
)
from answerable.core.journal import Journal

WIDER = {"organisation": Party.ORGANISATION, "api_key": Party.API_KEY}
"""The scopes by which a decision reaches beyond the account of its case, and whom each reaches."""


def know(journal: Journal, subject: SubjectId, party: Party, tenant: SubjectId | None) -> None:
    """Record what stands behind an account; what is known once stays."""
    if party is not Party.UNKNOWN and journal.files.subject(subject).party is Party.UNKNOWN:
        journal.write(PartyKnown(subject=subject, party=party, tenant=tenant))


def ask(journal: Journal, case: Case, signal: SignalId) -> None:
    """Ask a tenant whose exchange a flag was about, where nobody but the tenant can tell; one question at a time."""
    running = any(one.answered_at is None for one in case.asks.values())
    if not journal.files.subject(case.subject).is_tenant or running:
        return
    found = AskId(journal.mint.token("ask"))
    journal.write(TenantAsked(subject=case.subject, case=case.id, ask=found, signal=signal))
    defaults.set_deadline(journal, case, DeadlineKind.TENANT, about=found)


def asks(journal: Journal, tenant: SubjectId) -> Iterator[tuple[Case, Ask]]:
    """Yield what a tenant was asked, with the case of each."""
    for case in journal.files.subject(tenant).cases.values():
        yield from ((case, one) for one in case.asks.values())


def find(journal: Journal, tenant: SubjectId, wanted: AskId) -> tuple[Case, Ask] | Refused:
    """Return a question put to this tenant; another's is not there."""
    found = next(((case, one) for case, one in asks(journal, tenant) if one.fact.ask == wanted), None)
    return found or Refused("not_found", "There is no such reference.")


def receive(journal: Journal, tenant: SubjectId, wanted: AskId) -> Refused | None:
    """Record that the tenant has read the question, once; no clock stops for it (L3)."""
    found = find(journal, tenant, wanted)
    if isinstance(found, Refused):
        return found
    case, one = found
    if one.received_at is None:
        journal.write(TenantReceived(subject=case.subject, case=case.id, ask=wanted))
    return None


def answer(
    journal: Journal, tenant: SubjectId, wanted: AskId, said: Named, user: SubjectId | None
) -> Case | Refused:
    """Record what a tenant answered, and return the case it is about; a later word is another answer, not an edit."""
    found = find(journal, tenant, wanted)
    if isinstance(found, Refused):
        return found
    case, one = found
    if one.answered_at is not None:
        return Refused("already_answered", "This reference has been answered.")
    if (said is Named.END_USER) != (user is not None):
        return Refused("bad_input", "Name the end user, or say that nobody can be named.")
    journal.write(TenantAnswered(subject=case.subject, case=case.id, ask=wanted, answer=said, user=user))
    return case


def widened(journal: Journal, case: Case, scope: str) -> Case | Refused:
    """Return the case of the tenant that a decision with this scope reaches: the pair's own, or a new one.

    Only a person brings it about, and what is set there is lowered there, by the interlock, like anything else.
    """
    tenant = journal.files.subject(case.subject).tenant
    if tenant is None or journal.files.subject(tenant).party is not WIDER[scope]:
        return Refused("bad_input", f"This account is of no {scope.replace('_', ' ')}.")
    known = openings.find(journal, tenant, case.person, names=False)
    if known is not None and known.is_open:
        return known
    return openings.case_for(journal, tenant, case.person, min(case.hazards), case.tier, names=False)
