"""Holds: what the operator's own stores are told to keep for a case.

Law: a hold is ordered until it is confirmed, and what is not confirmed in an hour is said (L9); none that rests on more
than unverified notices ever lapses (L14).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from answerable.core.cases import Case, Hold
from answerable.core.facts import CaseId, HoldConfirmed, HoldId, HoldLapsed, HoldOrdered, HoldUnconfirmed, TextRef
from answerable.core.journal import Journal

CONFIRM_WITHIN = timedelta(hours=1)
LAPSES_AFTER = timedelta(days=90)


def order(journal: Journal, case: Case, *, about: str | None = None) -> HoldId | None:
    """Order the account's data to be kept, and return the hold; one that stands for the same is not ordered again.

    `about` is the order of a court or an authority that asks for it: such a hold never lapses. None where nobody has
    found the account yet: it is ordered for the case when somebody does.
    """
    for hold in case.holds.values():
        if hold.fact.about == about and hold.is_standing:
            return hold.fact.hold
    if not journal.files.subject(case.subject).found:
        return None
    found = HoldId(journal.mint.token("hold"))
    journal.write(HoldOrdered(subject=case.subject, case=case.id, hold=found, about=about))
    return found


def confirm(journal: Journal, case_id: CaseId, hold: HoldId, reference: TextRef) -> None:
    """Record that the operator's stores keep the data; a second word of it changes nothing."""
    case = journal.files.case(case_id)
    if case.holds[hold].confirmed_at is None:
        journal.write(HoldConfirmed(subject=case.subject, case=case.id, hold=hold, reference=reference))


def settle(journal: Journal, case: Case) -> None:
    """Write that a hold was not confirmed in time, and that one lapsed."""
    for hold in list(case.holds.values()):
        due, lapse = unconfirmed_at(hold), lapses_at(case, hold)
        if due is not None and due <= journal.now:
            journal.write(HoldUnconfirmed(subject=case.subject, case=case.id, hold=hold.fact.hold, due=due))
        if lapse is not None and lapse <= journal.now:
            journal.write(HoldLapsed(subject=case.subject, case=case.id, hold=hold.fact.hold))


def wakes(case: Case) -> Iterator[datetime]:
    """Yield when `settle` will have something to write."""
    for hold in case.holds.values():
        for at in (unconfirmed_at(hold), lapses_at(case, hold)):
            if at is not None:
                yield at


def unconfirmed_at(hold: Hold) -> datetime | None:
    """Return when it is said that nobody confirmed the hold; None where it was confirmed, said already, or lapsed."""
    if hold.confirmed_at is not None or hold.unconfirmed or not hold.is_standing:
        return None
    return hold.at + CONFIRM_WITHIN


def lapses_at(case: Case, hold: Hold) -> datetime | None:
    """Return when the hold lapses: 90 days after the newest notice, where nothing but notices speaks for it (L14)."""
    is_claim = bool(case.notices) and hold.fact.about is None and case.rests_on_claims
    if not (is_claim and hold.is_standing and hold.upheld_by is None):
        return None
    return max(hold.at, *(notice.at for notice in case.notices.values())) + LAPSES_AFTER
