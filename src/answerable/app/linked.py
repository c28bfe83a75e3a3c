"""Links for people to look at: the riskiest first, tokens and kinds of identifiers, and nobody's content (L6, F23)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from answerable.app.acts import Acts
from answerable.core import links
from answerable.core.cases import Files, Link, Subject
from answerable.core.facts import ActorId, CaseId, LinkId, StaffId, SubjectId

CASES_LOOKED_AT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A link that nobody has confirmed; `case` is the most urgent open one at either end."""

    link: LinkId
    subject: SubjectId
    other: SubjectId
    case: CaseId
    strong: bool
    identifiers: tuple[str, ...]


def to_look_at(acts: Acts, *, staff: StaffId, limit: int) -> list[LinkRow]:
    """Return unconfirmed links of the accounts with the most urgent open cases, the riskiest first.

    A link is left out where the person is barred from a case at either end: it would tell that there is one (L6).
    """
    rows = acts.store.cases(after=None, limit=CASES_LOOKED_AT, hidden_from=ActorId(staff))
    first: dict[SubjectId, CaseId] = {}
    for row in rows:
        first.setdefault(row.subject, row.case)
    with acts.store.act() as tx:
        files = tx.files(tuple(first))
        files = tx.files(tuple(dict.fromkeys(link.other for one in first for link in _open(files.subject(one)))))
        found = {link.id: (files.subject(one), link) for one in first for link in _open(files.subject(one))}
        known = [(account, link) for account, link in found.values() if not _is_barred(files, account, link, staff)]
        known.sort(key=lambda one: _order(files, *one))
        return [
            LinkRow(
                link=link.id, subject=account.id, other=link.other, case=first[account.id], strong=link.strong,
                identifiers=link.identifiers,
            )
            for account, link in known[:limit]
        ]  # fmt: skip


def _open(account: Subject) -> Iterator[Link]:
    return (link for link in account.links.values() if not link.confirmed and link.withdrawal is None)


def _is_barred(files: Files, account: Subject, link: Link, staff: StaffId) -> bool:
    cases = [*account.cases.values(), *files.subject(link.other).cases.values()]
    return any(staff in case.barred for case in cases)


def _order(files: Files, account: Subject, link: Link) -> tuple[object, ...]:
    riskiest = min(links.risk(account), links.risk(files.subject(link.other)))
    return riskiest[:2], not link.strong, link.at, link.id
