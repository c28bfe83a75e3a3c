"""Briefs: what a reporter may be told of a notice; what the subject wrote cannot even be asked for here (L12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from answerable.app.acts import Act, Acts
from answerable.core.cases import Case
from answerable.core.facts import AUTOMATIC, CaseId, NoticeId, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """A notice as its reporter may see it: when it came, who answers for it by role, by when, and the answer in words.

    `promised` is the day told to the reporter, never the case's own clock; `answer` was written by staff, None where
    none was.
    """

    notice: NoticeId
    received_at: datetime
    role: Role | None
    promised: datetime
    is_answered: bool
    answer: str | None


def read(acts: Acts, case: CaseId, notice: NoticeId, text: str | None) -> Brief | None:
    """Return the brief of a notice with the answer of that token, or None where there is no such notice."""
    with acts.store.act() as tx:
        subject = tx.subject_of(case)
        if subject is None:
            return None
        with acts.within(tx, AUTOMATIC, (subject,)) as act:
            found = act.journal.files.case(case)
            known = found.notices.get(notice)
            if known is None:
                return None
            return Brief(
                notice=notice,
                received_at=known.at,
                role=_role(act, found),
                promised=known.fact.promised,
                is_answered=known.answered,
                answer=_answer(act, text),
            )


def _role(act: Act, case: Case) -> Role | None:
    enrolled = act.journal.roster.staff.get(case.owner) if case.owner is not None else None
    return enrolled.role if enrolled else None


def _answer(act: Act, token: str | None) -> str | None:
    opened = act.open(token) if token is not None else None
    return opened.decode("utf-8", "replace") if opened is not None else None


