"""Adopted measures: the operator's own systems switched an account off; from here on it is held like ours (F4, R1).

Law: it enters standing at its own level, outside the ceilings, and leaves only through the interlock (L4); an account
that others switched on again stays refused at every gate, and somebody is paged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from answerable.core import defaults, openings
from answerable.core.cases import Case, Held
from answerable.core.facts import (
    UNKNOWN,
    AdoptionUndone,
    DeadlineKind,
    Hazard,
    ItemId,
    MeasureAdopted,
    SubjectId,
    Tier,
)
from answerable.core.journal import Journal
from answerable.core.standing import case_yardstick
from answerable_gate import Level, Standing, covers


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A switch-off as it was reported; see `MeasureAdopted` for the fields, `signals.Incoming` for `since`."""

    subject: SubjectId
    level: Level
    source: str
    hazard: Hazard
    label: str | None
    seen: datetime
    since: datetime | None = None


def adopt(journal: Journal, incoming: Incoming) -> tuple[Case, ItemId]:
    """Bind a switch-off to the one case of its account; return the case and the item that holds it.

    What the same source has said before, and nobody undid since, is not written again.
    """
    for case in journal.files.subject(incoming.subject).cases.values():
        for held in _adopted(case, incoming.source):
            if held.is_live and held.item.standing.level >= incoming.level:
                return case, ItemId(held.item.id)
    is_gravest = journal.policy.is_gravest(incoming.hazard, incoming.label)
    tier = Tier.CRITICAL if is_gravest else Tier.CONCERN
    case = _case(journal, incoming, tier)
    item = _hold(journal, case, incoming)
    defaults.raise_tier(journal, case, tier, "adopted")
    defaults.arm(journal, case, notice=None, since=incoming.since)
    return case, item


def _case(journal: Journal, incoming: Incoming, tier: Tier) -> Case:
    """Return the case: a switch-off is about the account, so an open one takes it, whomever that one protects."""
    running = [one for one in journal.files.subject(incoming.subject).cases.values() if one.is_open]
    first = min(running, key=lambda one: (not one.names_nobody, one.opened_at), default=None)
    person = UNKNOWN if first is None else first.person
    return openings.case_for(journal, incoming.subject, person, incoming.hazard, tier, names=False)


def _hold(journal: Journal, case: Case, incoming: Incoming) -> ItemId:
    review = (incoming.since or journal.now) + journal.policy_of(case).measure_review_first
    item = ItemId(journal.mint.token("it"))
    journal.write(
        MeasureAdopted(
            subject=case.subject,
            case=case.id,
            item=item,
            standing=Standing(incoming.level),
            source=incoming.source,
            hazard=incoming.hazard,
            label=incoming.label,
            review=review,
            seen=incoming.seen,
        )
    )
    defaults.set_deadline_at(journal, case, DeadlineKind.MEASURE_REVIEW, due=review)
    return item


def undo(journal: Journal, subject: SubjectId, *, source: str, seen: datetime) -> Case | None:
    """Record that a source switched an account on again whose switch-off is still held; tier 1, and nothing is lowered.

    Return the case, or None where the interlock has let go, the source reported it before, or never switched it off.
    """
    found = None
    for case in list(journal.files.subject(subject).cases.values()):
        items = tuple(ItemId(held.item.id) for held in _adopted(case, source))
        if items:
            journal.write(AdoptionUndone(subject=subject, case=case.id, items=items, source=source, seen=seen))
            openings.reopen(journal, case, Tier.CRITICAL)
            defaults.raise_tier(journal, case, Tier.CRITICAL, "adoption_undone")
            defaults.arm(journal, case, notice=None)
            found = case
    return found


def _adopted(case: Case, source: str) -> list[Held]:
    """Return what a source has switched off, while its case still refuses and until it said the contrary.

    A lift in steps lets go of the item itself at its first step; until the case no longer refuses, switching the
    account on goes round it all the same.
    """
    if not covers(case_yardstick(case), Standing(Level.PAUSED)):
        return []
    facts = ((held, held.fact) for held in case.held.values())
    return [
        held
        for held, fact in facts
        if isinstance(fact, MeasureAdopted) and fact.source == source and fact.item not in case.undone
    ]
