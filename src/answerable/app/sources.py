"""Sources: whoever looks after them confirms what floods, and two people take back what a model should not have said.

Law: what one person confirms only raises; a recall lets go what two signed, case by case, each by its own proof (L4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from answerable.app.acts import Acts, Revisits
from answerable.core import floods, recalls
from answerable.core.facts import (
    UNKNOWN,
    CaseId,
    RecallId,
    RecallProposed,
    Refused,
    StaffId,
    SubjectId,
    Tier,
)
from answerable.core.recalls import Said
from answerable.core.roster import Roster
from answerable.errors import BadInput
from answerable.store.protocol import CaseRow

PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallIn:
    """What a person wants to take back, and why."""

    said: Said
    reason: str

    def __post_init__(self) -> None:
        """Raise `BadInput` where the reason has no words."""
        if not any(letter.isalnum() for letter in self.reason):
            raise BadInput("the reason has no words")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """Of one page of the open cases those that rest on what is to be taken back alone; `after` until there are none."""

    cases: tuple[CaseId, ...]
    after: CaseId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A proposed recall: who is to sign as the second, what both read first, and how many cases rest on it now."""

    recall: RecallId
    drawn: StaffId
    sample: tuple[CaseId, ...]
    cases: int


def confirm(acts: Acts, source: str, *, staff: StaffId) -> Refused | None:
    """Record that what a source says in such numbers is meant."""
    with acts.open(staff) as act:
        return floods.confirm(act.journal, source, staff=staff)


def propose(acts: Acts, wanted: RecallIn, *, staff: StaffId) -> Proposed | Refused:
    """Propose a recall; the system draws the second person and the sample."""
    matching: list[CaseId] = []
    after: CaseId | None = None
    while True:
        page = resting(acts, wanted.said, after=after, staff=staff)
        if isinstance(page, Refused):
            return page
        matching += page.cases
        if (after := page.after) is None:
            return propose_for(acts, wanted, matching, staff=staff)


def resting(acts: Acts, said: Said, *, after: CaseId | None, staff: StaffId) -> Resting | Refused:
    """Look through one page of the open cases.

    A page is an act, so that a warning need not wait until a million cases were looked through; nobody does it who may
    not recall.
    """
    page = acts.store.cases(after=after, limit=PAGE)
    rows = [row for row in page if row.person == UNKNOWN]
    with acts.store.act() as tx:
        if refused := recalls.barred(tx.roster(), staff):
            return refused
        files = tx.files([row.subject for row in rows])
        found = tuple(row.case for row in rows if recalls.rests_on(files, files.case(row.case), said))
    return Resting(cases=found, after=page[-1].case if page else None)


def propose_for(
    acts: Acts, wanted: RecallIn, matching: Sequence[CaseId], *, staff: StaffId
) -> Proposed | Refused:
    """Propose a recall for those cases; one that came or went meanwhile is judged when the recall reaches it."""
    with acts.open(staff) as act:
        recall = RecallId(act.mint.token("rc"))
        reason = act.keep(wanted.reason, subject=recall, author=staff, slot="reason")
        cases = list(dict.fromkeys(matching))  # pages move while people work
        found = recalls.propose(act.journal, wanted.said, cases, staff=staff, recall=recall, reason=reason)
        if isinstance(found, Refused):
            return found
        return Proposed(recall=found.recall, drawn=found.drawn, sample=found.sample, cases=len(cases))


def sign(acts: Acts, recall: RecallId, *, staff: StaffId) -> Refused | None:
    """Sign a recall as one of the two, having opened the sample."""
    with acts.store.act() as tx:
        known = tx.roster().recalls.get(recall)
        owners = [tx.subject_of(case) for case in known.fact.sample] if known else []
        with acts.within(tx, staff, [owner for owner in owners if owner is not None]) as act:
            return recalls.sign(act.journal, recall, staff=staff)


def release(acts: Acts, recall: RecallId, *, staff: StaffId) -> Tier | Refused:
    """Let a signed recall take effect; the cases are let go as each is next settled, by the worker at the latest."""
    with acts.open(staff) as act:
        return recalls.release(act.journal, recall, staff=staff)


def listed(acts: Acts) -> dict[str, list[dict[str, Any]]]:
    """Return the sources that flood, and the recalls with who has yet to sign; nobody's content."""
    with acts.store.act() as tx:
        roster = tx.roster()
    return {
        "floods": [{"source": source, "said": at} for source, at in sorted(roster.floods.items())],
        "recalls": [_recall(roster, recall) for recall in roster.recalls],
    }


def _recall(roster: Roster, recall: RecallId) -> dict[str, Any]:
    known = roster.recalls[recall]
    fact: RecallProposed = known.fact
    return {
        "recall": recall, "source": fact.source, "model": fact.model, "version": fact.version, "since": fact.since,
        "until": fact.until, "by": fact.staff, "drawn": fact.drawn, "sample": list(fact.sample),
        "signed": [person for person, _ in known.signed], "released": known.released,
    }  # fmt: skip


def revisited(acts: Acts, limit: int) -> list[SubjectId]:
    """Return accounts with an open case that a confirmed or recalled source may have left behind, each once.

    Their acts write what there is to write: a case raised, a case let go. Whoever dies on the way begins again.
    """
    with acts.store.act() as tx:
        said = len(tx.roster().recalled) + tx.roster().confirmations
    left: Revisits = acts.revisits
    if said != left.seen:
        left.seen, left.waiting = said, list(dict.fromkeys(row.subject for page in _pages(acts) for row in page))
    found, left.waiting = left.waiting[:limit], left.waiting[limit:]
    return found


def _pages(acts: Acts) -> Iterator[Sequence[CaseRow]]:
    after: CaseId | None = None
    while page := acts.store.cases(after=after, limit=PAGE):
        yield page
        after = page[-1].case
