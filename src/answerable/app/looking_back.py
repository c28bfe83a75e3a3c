"""Looking back: what a notice makes the system read, and what of it becomes evidence of the case (DESIGN section 3).

Law: the read happens outside any act; what could not be read ends as NOT KNOWN, never as nothing (L10).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from answerable.app import identifying, spans
from answerable.app.acts import Act, Acts
from answerable.app.identifying import Index
from answerable.app.intake import given_identifiers
from answerable.core import notices, signals
from answerable.core.cases import Case
from answerable.core.facts import AUTOMATIC, CaseId, Hazard, NoticeId, Refused, SignalId, SignalKind, SubjectId
from answerable.screen.lookback import Hit, LookBack
from answerable.screen.mentions import Aliases
from answerable.screen.patterns import ActKind
from answerable.vault.identifiers import Identifier

SOURCE = "look_back"
MODEL, RULES = "answerable.screen", "1"
HITS_MAX = 50
"""Of thousands of hits the first of each rank say as much; all of them would be thousands of facts."""

_STALKING = frozenset(
    {ActKind.LOCATE, ActKind.MONITOR, ActKind.CONTACT_EVASION, ActKind.DOSSIER, ActKind.ENLIST}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A look-back to be done: whose history, and by what the protected person may be told in it."""

    subject: SubjectId
    case: CaseId
    notice: NoticeId
    account: str | None
    persons: tuple[Aliases, ...]
    since: datetime


def asked(acts: Acts, limit: int) -> list[tuple[SubjectId, CaseId, NoticeId]]:
    """Return look-backs that have started and not ended, the oldest first."""
    return [(subject, case, NoticeId(notice)) for subject, case, notice in acts.store.look_backs(limit)]


def prepare(acts: Acts, subject: SubjectId, case: CaseId, notice: NoticeId) -> Asked:
    """Open what the look-back needs: the account's own name, and every identifier that the notices gave."""
    with acts.open(AUTOMATIC, (subject,)) as act:
        found = act.journal.files.case(case)
        persons = (Aliases(person=found.person, identifiers=tuple(given(act, found))),)
        account = identifying.account_text(act, subject)
        since = act.now - notices.LOOK_BACK_WINDOW
    return Asked(subject=subject, case=case, notice=notice, account=account, persons=persons, since=since)


def given(act: Act, case: Case) -> Iterator[Identifier]:
    """Yield every identifier that the notices of a case gave of the protected person."""
    for notice in case.notices.values():
        sealed = act.open(notice.fact.text)
        if sealed is not None:
            is_same = json.loads(sealed)["reporter_is_person"]
            yield from given_identifiers(sealed, "person", *(("reporter",) if is_same else ()))


def end(acts: Acts, index: Index, task: Asked, found: LookBack) -> Refused | None:
    """Record what a look-back gave; its hits become signals of the case, each with its words under seal."""
    with acts.open(AUTOMATIC, (task.subject,)) as act:
        case = act.journal.files.case(task.case)
        kept = spans.sealed(act, index, task.subject, found.hits)
        hits = [_signal(act, index, case, hit) for hit in chosen(found.hits)]
        refused = notices.end_look_back(
            act.journal,
            task.case,
            task.notice,
            found.result,
            hits,
            messages=found.read,
            not_screened=found.not_screened,
        )
    # Their key must stand first: sealed under one that was undone they could never be opened.
    acts.store.put_spans(kept)
    return refused


def chosen(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits that become evidence: with the person, framed or not, and acts that nothing accounts for."""
    telling = [hit for hit in hits if hit.person is not None or not hit.frames]
    return sorted(telling, key=lambda hit: (not hit.identified, hit.person is None))[:HITS_MAX]


def _signal(act: Act, index: Index, case: Case, hit: Hit) -> signals.Incoming:
    # What a frame accounts for (a story, a quotation) is shown to a person and proves no act.
    is_own = not hit.frames or hit.identified
    return signals.Incoming(
        signal=SignalId(act.mint.token("sig")),
        subject=case.subject,
        person=case.person,
        kind=SignalKind.LOOK_BACK,
        source=SOURCE,
        model=MODEL,
        version=RULES,
        label=hit.kind.value,
        label_text=None,
        hazard=_hazard(hit.kind),
        score=None,
        act=is_own,
        identified=hit.identified,
        conversation=index.conversation(hit.conversation),
        evidence=act.keep(hit.excerpt, subject=case.subject, author=case.subject, slot="evidence"),
        seen=min(hit.at, act.now),
    )


def _hazard(kind: ActKind) -> Hazard:
    if kind is ActKind.IMPERSONATE:
        return Hazard.IMPERSONATION
    return Hazard.STALKING if kind in _STALKING else Hazard.THREAT
