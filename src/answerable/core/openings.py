"""Opening and joining: every flag and every notice finds the one case of its pair, with an owner, at once (R4, R10)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from answerable.core import holds
from answerable.core.cases import Case
from answerable.core.facts import (
    UNKNOWN,
    CaseAssigned,
    CaseId,
    CaseOpened,
    CaseReopened,
    EntitlementsFrozen,
    Hazard,
    HazardAdded,
    PersonId,
    PersonNamed,
    Refused,
    StaffId,
    SubjectId,
    Tier,
)
from answerable.core.journal import Journal, Plan
from answerable_gate.entry import NAME_LENGTH_MAX

NAMES_BYTES = 6_000
"""Of 16 KiB that an entry of the ledger has, what models and tools may each take."""


def case_for(
    journal: Journal, subject: SubjectId, person: PersonId, hazard: Hazard, tier: Tier, *, names: bool
) -> Case:
    """Return the case that evidence belongs to: the pair's own, else one it names, else a new one.

    `names` says that the evidence is a notice: only a notice names the person of a case that knew none.
    """
    case = find(journal, subject, person, names=names)
    if case is None:
        return open_case(journal, subject, person, hazard, tier)
    if not case.is_open:
        reopen(journal, case, tier)
    if case.names_nobody and person != UNKNOWN:
        journal.write(PersonNamed(subject=subject, case=case.id, person=person))
    if hazard not in case.hazards:
        journal.write(HazardAdded(subject=subject, case=case.id, hazard=hazard))
    return case


def find(journal: Journal, subject: SubjectId, person: PersonId, *, names: bool) -> Case | None:
    """Return the pair's case; or, for a notice that names somebody, the case of this subject that knew nobody yet."""
    cases = journal.files.subject(subject).cases.values()
    for case in cases:
        if case.person == person:
            return case
    if not names or person == UNKNOWN:
        return None
    nameless = [case for case in cases if case.names_nobody]
    return min((case for case in nameless), key=lambda case: (not case.is_open, case.opened_at), default=None)


def open_case(journal: Journal, subject: SubjectId, person: PersonId, hazard: Hazard, tier: Tier) -> Case:
    """Open a case, give it an owner, freeze what the account may use, and have its data kept."""
    case_id = CaseId(journal.mint.token("case"))
    journal.write(
        CaseOpened(
            subject=subject, case=case_id, person=person, hazard=hazard, tier=tier, policy=journal.roster.policy
        )
    )
    case = journal.files.case(case_id)
    assign(journal, case)
    freeze(journal, case)
    holds.order(journal, case)
    return case


def reopen(journal: Journal, case: Case, tier: Tier) -> None:
    """Reopen a closed case, give it an owner, and freeze what the account may use now; nothing where it is open."""
    if not case.is_open:
        journal.write(CaseReopened(subject=case.subject, case=case.id, tier=tier))
        assign(journal, case)
        freeze(journal, case)
        holds.order(journal, case)


def assign(journal: Journal, case: Case) -> None:
    """Make one person answerable: the duty reviewer, else the lead, never one who is barred (L6).

    An owner who may still act keeps the case; who left or is barred, owner or deputy, is followed at once (R10).
    """
    both = [one for one in (case.owner, case.deputy) if one is not None and one not in case.barred]
    if len(set(both)) == 2 and all(map(journal.roster.may_decide, both)):
        return
    able = [person for person in journal.roster.ranked() if person not in case.barred]
    if not able:
        return
    owner = case.owner if case.owner in able else able[0]
    others = [person for person in able if person != owner]
    deputy = case.deputy if case.deputy in others else next(iter(others), None)
    if (case.owner, case.deputy) != (owner, deputy):
        journal.write(CaseAssigned(subject=case.subject, case=case.id, owner=owner, deputy=deputy))


def kept_away(
    journal: Journal, case: Case, matching: Iterable[StaffId], named: Iterable[StaffId]
) -> tuple[StaffId, ...]:
    """Return whom a notice keeps away from its case, sorted: who matches it, and who is named in it (L6).

    The last who may decide cannot be named away, the outside partner before anybody inside: else one letter with
    every name would leave a case to nobody, and whoever wrote it would have silenced all the others who warn in it.
    """
    matched = set(matching)
    barred = matched | {one for one in named if one in journal.roster.staff}
    before = [person for person in journal.roster.ranked() if person not in case.barred]
    if barred.issuperset(before):
        last = [person for person in before if person not in matched]
        partner = journal.roster.partner(frozenset(case.barred | matched))
        barred -= set(last[:1]) if partner is None else {partner}
    return tuple(sorted(barred))


def may_act(journal: Journal, case: Case, staff: StaffId) -> Refused | None:
    """Refuse whoever is barred from the case, is not on the roster, or may not decide (L6, R12).

    The one who is named in a notice must not even learn that there is a case.
    """
    if staff in case.barred:
        return Refused("not_found", "There is no such case.")
    if not journal.roster.may_decide(staff):
        return Refused("not_authorised", "Your role cannot act in a case.")
    return None


def freeze(journal: Journal, case: Case) -> None:
    """Freeze models and tools as they are at opening; a later rise goes through the interlock (F4, R1)."""
    account = journal.files.subject(case.subject)
    others = any(one.is_open for one in account.cases.values() if one.id != case.id)
    if account.frozen is not None and others:
        return
    plan = journal.plans.get(case.subject, Plan(None, None))
    models, tools = tellable(plan.models), tellable(plan.tools)
    journal.write(EntitlementsFrozen(subject=case.subject, case=case.id, models=models, tools=tools))


def tellable(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return names as a fact and a gate can hold them, None (not known) where they cannot.

    A long or odd list from the operator's billing must not keep a warning out, nor break the feed of the gates.
    """
    if names is None or not all(name.isprintable() and len(name) <= NAME_LENGTH_MAX for name in names):
        return None
    once = tuple(dict.fromkeys(names))
    return once if len(json.dumps(once, ensure_ascii=False).encode()) <= NAMES_BYTES else None
