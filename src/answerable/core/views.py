"""Views: reading is a fact; a case file is only had through this verb (L6)."""

from __future__ import annotations

from answerable.core import openings
from answerable.core.facts import CaseId, CaseViewed, Refused, StaffId
from answerable.core.journal import Journal

PURPOSES = frozenset({"review", "countersign", "appeal", "audit", "legal", "oversight"})
OPENED_MAX = 256


def view(journal: Journal, case_id: CaseId, *, staff: StaffId, purpose: str) -> Refused | None:
    """Record that a person opens a case, for a purpose, and so sees every item it holds at this moment."""
    case = journal.files.case(case_id)
    refused = openings.may_act(journal, case, staff)
    if refused is not None:
        return refused
    if purpose not in PURPOSES:
        return Refused("bad_purpose", "Say why you open the case: " + ", ".join(sorted(PURPOSES)) + ".")
    # An entry has 16 KiB: one fact cannot name everything in a flooded case, and then nobody could open it.
    for start in range(0, max(len(case.evidence), 1), OPENED_MAX):
        opened = case.evidence[start : start + OPENED_MAX]
        journal.write(CaseViewed(subject=case.subject, case=case.id, staff=staff, purpose=purpose, opened=opened))
    return None
