"""What the evidence of a case is worth: its grade, its digest, and what of it is still unanswered (L4, L13)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from datetime import datetime

from answerable.core.cases import Case, Link, Notice, Signal
from answerable.core.facts import UNKNOWN, EventId, Grade, Hazard, NoticeId, SignalId


def counting(signals: Iterable[Signal], notices: Iterable[Notice]) -> list[Signal]:
    """Return the signals that count: not refuted, and not judged harmless since the newest notice.

    Answered evidence counts again with a new notice; refuted evidence never does (DESIGN section 5).
    """
    newest = max((notice.at for notice in notices if not notice.refuted and notice.fact.repeats is None), default=None)
    return [signal for signal in signals if not signal.refuted and not _is_discounted(signal, newest)]


def _is_discounted(signal: Signal, newest_notice: datetime | None) -> bool:
    if signal.discounted_at is None:
        return False
    return newest_notice is None or newest_notice <= signal.discounted_at


def grade(case: Case, *, but: frozenset[Hazard] = frozenset()) -> Grade:
    """Return the grade of a case's evidence, leaving out what speaks only of the hazards in `but`."""
    if any(_hazard(case, found) not in but for found in case.acts_recorded):
        return Grade.E3
    if any(name in case.orders or case.events[EventId(name)].fact.hazard not in but for name in case.verified):
        return Grade.E3
    signals = counting(case.signals.values(), case.notices.values())
    theirs = [signal for signal in signals if signal.fact.hazard not in but]
    notices = [notice for notice in case.notices.values() if not notice.refuted]
    is_confirmed = any(notice.confirmed_at for notice in notices if notice.fact.hazard not in but)
    if is_confirmed or any(_corroborated(one, signals, notices) for one in theirs):
        return Grade.E2
    return Grade.E1 if theirs else Grade.E0


def is_flagged(case: Case, *, but: frozenset[Hazard]) -> bool:
    """Tell whether a machine's word counts in the case, so that it does not rest on notices alone (L13)."""
    signals = counting(case.signals.values(), case.notices.values())
    return any(signal.fact.hazard not in but for signal in signals)


def concerns_nobody(cases: Iterable[Case]) -> bool:
    """Tell whether nothing says that anybody in particular could be hurt: no notice, event, order, or named person.

    Only then may what a machine began be lowered in an easier way than by the whole interlock (L4).
    """
    return all(
        one.names_nobody
        and not (one.notices or one.events or one.orders)
        and not any(signal.fact.identified for signal in one.signals.values())
        for one in cases
    )


def _hazard(case: Case, found: str) -> Hazard | None:
    """Return which hazard a piece of evidence speaks of; a dissent speaks of none."""
    signal, notice = case.signals.get(SignalId(found)), case.notices.get(NoticeId(found))
    evidence = signal or notice
    return evidence.fact.hazard if evidence else None


def _corroborated(signal: Signal, signals: list[Signal], notices: list[Notice]) -> bool:
    """Tell whether an act beside an identified person is borne out by a notice, or another kind on another day.

    What was flagged while the case named nobody is about nobody in particular: only a look-back, which knows the
    name, or a person who reads it can say that it is about the one who is named by now.
    """
    if not (signal.fact.act and signal.fact.identified and signal.concerns):
        return False
    if any(notice.fact.person != UNKNOWN for notice in notices):
        return True
    return any(
        other.concerns
        and other.fact.kind is not signal.fact.kind
        and other.fact.seen.date() != signal.fact.seen.date()
        for other in signals
    )


def wilson_lower(hits: int, total: int, *, z: float = 1.96) -> float:
    """Return the lower end of the Wilson score interval for `hits` of `total` (Wilson 1927); 0.0 where total is 0."""
    if total == 0:
        return 0.0
    share = hits / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (centre - spread) / (1 + z * z / total)


def digest(cases: Iterable[Case], links: Iterable[Link]) -> str:
    """Return the evidence digest of a holder: SHA-256 over its sorted ids of notices, signals, links and dissents.

    What a partner confirmed or a reviewer recorded counts as evidence of its own, for it raises the grade, and so
    does an account that others switched off, or on again. Notices that repeat an earlier text are left out: they are
    shown, and stale nothing (L4).
    """
    ids: set[str] = set()
    for link in links:
        ids |= {link.id, f"confirmed:{link.id}"} if link.confirmed else {link.id}
    for case in cases:
        ids.update(case.signals)
        ids.update(case.dissents)
        ids.update(f"act:{found}" for found in case.acts_recorded)
        ids.update((*case.events, *case.orders, *(f"verified:{claim}" for claim in case.verified)))
        ids.update(f"adopted:{item}" for item in case.adopted)
        ids.update(f"undone:{item}" for item in case.undone)
        ids.update(one.fact.notice for one in case.notices.values() if one.fact.repeats is None)
        ids.update(f"confirmed:{one.fact.notice}" for one in case.notices.values() if one.confirmed_at)
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def unanswered(cases: Iterable[Case]) -> Iterator[str]:
    """Yield the flags and notices that nobody has answered in writing; a lapse is not an answer (L4, L5)."""
    for case in cases:
        for signal in case.signals.values():
            if not signal.answered and not signal.refuted:
                yield signal.fact.signal
        for notice in case.notices.values():
            if not notice.answered:
                yield notice.fact.notice


def last_grave(cases: Iterable[Case], link_times: Iterable[datetime]) -> datetime | None:
    """Return when the newest evidence above E0 came: a signal, a confirmed notice, an act, a link, a dissent,
    an account that others switched off or on.

    Only such evidence restarts a cooling-off; an unverified notice makes both sign again, and no more (L4).
    """
    times = list(link_times)
    for case in cases:
        times += [signal.at for signal in case.signals.values()]
        times += [notice.confirmed_at for notice in case.notices.values() if notice.confirmed_at]
        times += [at for at, _ in case.dissents.values()]
        times += [*case.acts_recorded.values(), *case.verified.values()]
        times += [*case.adopted.values(), *case.undone.values()]
    return max(times, default=None)
