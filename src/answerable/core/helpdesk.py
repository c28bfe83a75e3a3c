"""The helpdesk guard: whatever support is about to do for an account with a case goes by the case (F4, F25, F35, R37).

Law: what is refused is kept; where only notices speak the answer is the one that anybody gets (L11).
"""

from __future__ import annotations

from collections.abc import Sequence

from answerable.core.cases import Case
from answerable.core.facts import DeskAction, HelpdeskRefused, SubjectId
from answerable.core.journal import Journal
from answerable_gate import NOTHING


def check(journal: Journal, subjects: Sequence[SubjectId], action: DeskAction) -> SubjectId | None:
    """Refuse an action for the first of some accounts that is held, and keep that; None where it may be done.

    Whoever is linked to an account as one holder is held with it.
    """
    for subject in subjects:
        if any(_holds(case) for case in journal.files.holder_cases(subject)):
            journal.write(HelpdeskRefused(subject=subject, action=action))
            return subject
    return None


def _holds(case: Case) -> bool:
    """Tell whether a case speaks by more than claims, and is open or goes on holding a measure."""
    goes_on = case.is_open or any(held.item.standing != NOTHING for held in case.live())
    return goes_on and not case.rests_on_claims
