"""The helpdesk guard: whatever support is about to do for an account with a case goes by the case (F4, F25, F35, R37).

Law: what is refused is kept; where only notices speak the answer is the one that anybody gets (L11). What people set
for a tenant covers all below it, as at the gate; what came by itself covers nobody whom the tenant named (L2, R16).
"""

from __future__ import annotations

from collections.abc import Sequence

from answerable.core.cases import Case
from answerable.core.facts import DeskAction, HelpdeskRefused, SubjectId
from answerable.core.journal import Journal
from answerable_gate import NOTHING


def check(
    journal: Journal, subjects: Sequence[SubjectId], action: DeskAction, *, tenants: Sequence[SubjectId] = ()
) -> SubjectId | None:
    """Refuse an action for the first of some accounts that is held, and keep that; None where it may be done.

    Whoever is linked to an account as one holder is held with it, and so is whoever is below one of `tenants` that is.
    """
    held = [one for one in subjects if any(_holds(case) for case in journal.files.holder_cases(one))]
    held += [one for one in tenants if any(_covers(case) for case in journal.files.subject(one).cases.values())]
    if not held:
        return None
    journal.write(HelpdeskRefused(subject=held[0], action=action))
    return held[0]


def _holds(case: Case) -> bool:
    """Tell whether a case speaks by more than claims, and is open or goes on holding a measure."""
    goes_on = case.is_open or any(held.item.standing != NOTHING for held in case.live())
    return goes_on and not case.rests_on_claims


def _covers(case: Case) -> bool:
    """Tell whether a tenant's case holds a measure that reaches whoever is below it."""
    return any(held.item.kind == "measure" and held.item.standing != NOTHING for held in case.live())
