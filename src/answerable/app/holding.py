"""Holding: what the worker needs to order a hold, and what the operator's stores said to it (L9, L14)."""

from __future__ import annotations

from dataclasses import dataclass

from answerable.app import identifying
from answerable.app.acts import Acts
from answerable.core import holds
from answerable.core.facts import AUTOMATIC, CaseId, HoldId


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldTask:
    """A hold as it stands now: whose data, whether it is still to be kept, and whether that was confirmed before."""

    account: str | None
    is_standing: bool
    is_confirmed: bool


def read(acts: Acts, case: CaseId, hold: HoldId) -> HoldTask:
    """Return a hold as it stands; the account is None where its name was erased."""
    with acts.on_case(case, AUTOMATIC) as act:
        found = act.journal.files.case(case)
        known = found.holds[hold]
        return HoldTask(
            account=identifying.account_text(act, found.subject),
            is_standing=known.is_standing,
            is_confirmed=known.confirmed_at is not None,
        )


def confirm(acts: Acts, case: CaseId, hold: HoldId, reference: str) -> None:
    """Record that the operator's stores keep the data; their own word for it is sealed, for it may name somebody."""
    with acts.on_case(case, AUTOMATIC) as act:
        found = act.journal.files.case(case)
        if found.holds[hold].confirmed_at is None:
            kept = act.keep(reference, subject=found.subject, author="preserve", slot="hold")
            holds.confirm(act.journal, case, hold, kept)
