"""Spans: a few words around each act that a look-back found, sealed, for a case to open, and erased in their time.

Law: they are read by whoever opened a case and by nobody else (L6); what an open case or a hold asks for stays (L14).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from answerable.app.acts import Act, Acts
from answerable.app.identifying import Index
from answerable.core.cases import Subject
from answerable.core.facts import AUTOMATIC, SubjectId
from answerable.screen.lookback import Hit
from answerable.store.protocol import Span

SPANS_MAX = 1_000
"""Of one look-back, and in one case file: beyond that nobody reads them one by one."""
AT_ONCE = 100


def sealed(act: Act, index: Index, subject: SubjectId, hits: Sequence[Hit]) -> list[Span]:
    """Seal the words around acts, under the subject's own key: what erases his texts erases them."""
    until = act.now + act.journal.policy.spans_kept
    return [
        Span(
            id=index.span(subject, hit.conversation, hit.message, hit.start),
            subject=subject,
            at=min(hit.at, act.now),
            until=until,
            kind=hit.kind.value,
            text=act.sealed(hit.span, subject=subject, author=subject, slot="span"),
        )
        for hit in hits[-SPANS_MAX:]
    ]


def shown(act: Act, spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Return spans as whoever opened the case reads them."""
    found = []
    for one in spans:
        opened = act.unsealed(one.text)
        text = "[erased]" if opened is None else opened.decode("utf-8", "replace")
        found.append({"at": one.at, "kind": one.kind, "text": text})
    return found


def expire(acts: Acts) -> int:
    """Erase spans whose time is over and that nothing asks for; return of how many accounts some were looked at."""
    store = acts.store
    over = store.spans_over(acts.now(store.high_water()), AT_ONCE)
    for subject in over:
        with acts.open(AUTOMATIC, (subject,)) as act:
            now, is_asked = act.now, is_asked_for(act.journal.files.subject(subject))
            until = now + act.journal.policy.spans_kept
        if is_asked:
            store.keep_spans(subject, until)
        else:
            store.drop_spans(subject, now)
    return len(over)


def is_asked_for(account: Subject) -> bool:
    """Tell whether an open case or a standing hold keeps what an account wrote."""
    return any(
        case.is_open or any(hold.is_standing for hold in case.holds.values()) for case in account.cases.values()
    )
