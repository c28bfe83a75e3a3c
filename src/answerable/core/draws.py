"""Draws: who countersigns a lowering is chosen by the system, and asking again is no second chance (L4)."""

from __future__ import annotations

import hashlib

from answerable.core import decisions
from answerable.core.cases import Case
from answerable.core.facts import StaffId
from answerable.core.journal import Journal


def draw(
    journal: Journal, case: Case, proposal: str, first: StaffId, *, but: StaffId | None = None
) -> StaffId | None:
    """Draw the second person: never the first, an original decider, one of the first's line, or one who is barred (L4).

    Nor is it anybody who could not yet decide when the case was opened: nobody enrols a friend to countersign it.
    The draw is a hash over the proposal's random token, so neither of the two can steer it and all can repeat it.
    """
    able = [person for person in _able(journal, case, first) if person != but]
    if not able:
        return None
    return able[int.from_bytes(hashlib.sha256(proposal.encode()).digest()[:8], "big") % len(able)]


def drawn_before(journal: Journal, case: Case, first: StaffId) -> StaffId | None:
    """Return whom the system drew for this person's newest proposal that is still open, while that one may sign.

    Who could propose until a friend is drawn would choose the second person (F1); another is drawn only by `redraw`.
    """
    drawn = [one.drawn for one in case.proposals.values() if one.fact.staff == first and one.performed_at is None]
    return drawn[-1] if drawn and drawn[-1] in _able(journal, case, first) else None


def is_able(journal: Journal, case: Case, first: StaffId, second: StaffId | None) -> bool:
    """Tell whether a person may still be the second one: who decided, left or was barred since the draw may not."""
    return second in _able(journal, case, first)


def _able(journal: Journal, case: Case, first: StaffId) -> list[StaffId]:
    barred = {person for one in journal.files.holder_cases(case.subject) for person in one.barred}
    deciders = decisions.original_deciders(case)
    return [
        person
        for person in journal.roster.deciders()
        if person != first
        and journal.roster.since[person] <= case.opened_at
        and person not in barred
        and person not in deciders
        and not journal.roster.are_in_one_line(first, person)
    ]
