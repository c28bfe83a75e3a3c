"""The fold: one arm per fact, from facts to files; what the read tables hold is exactly this (L7)."""

from __future__ import annotations

from collections.abc import Iterable

from answerable.core import account_arms, case_arms
from answerable.core import facts as f
from answerable.core.cases import Case, Files


def evolve(files: Files, recorded: f.Recorded) -> None:
    """Fold one fact of a subject or case stream into the files. The streams must come in their own order."""
    fact = recorded.fact
    assert not isinstance(fact, f.SystemFact), "the system stream folds into the roster"
    subject = files.subject(fact.subject)
    if isinstance(fact, f.SubjectFact):
        assert recorded.seq == subject.seq + 1, f"a fact of {recorded.stream} is missing"
        subject.seq = recorded.seq
        account_arms.ARMS[type(fact)](subject, fact, recorded)
        return
    if isinstance(fact, f.CaseOpened):
        assert fact.case not in subject.cases, "a case opens once"
        subject.cases[fact.case] = _opened(fact, recorded)
    case = subject.cases[fact.case]
    assert recorded.seq == case.seq + 1, f"a fact of {recorded.stream} is missing"
    case.seq = recorded.seq
    case_arms.ARMS[type(fact)](case, fact, recorded)


def fold(recorded: Iterable[f.Recorded]) -> Files:
    """Fold facts of any number of subjects; the system stream is passed over."""
    files = Files()
    for one in recorded:
        if not isinstance(one.fact, f.SystemFact):
            evolve(files, one)
    return files


def _opened(fact: f.CaseOpened, recorded: f.Recorded) -> Case:
    return Case(
        id=fact.case,
        subject=fact.subject,
        person=fact.person,
        tier=fact.tier,
        opened_at=recorded.at,
        hazards={fact.hazard},
        policies=[fact.policy],
    )
