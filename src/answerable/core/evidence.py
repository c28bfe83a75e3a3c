"""What the evidence of a case is worth: its grade, its digest, and what of it is still unanswered (L4, L13)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from datetime import datetime

from answerable.core.cases import Case, Notice, Signal
from answerable.core.facts import Grade


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


def grade(case: Case, *, with_notices: bool = True) -> Grade:
    """Return the grade of a case's evidence; without its notices where a voided lift asks for that."""
    if case.acts_recorded:
        return Grade.E3
    notices = [notice for notice in case.notices.values() if not notice.refuted] if with_notices else []
    signals = counting(case.signals.values(), case.notices.values())
    if any(notice.confirmed_at for notice in notices) or any(_corroborated(one, signals, notices) for one in signals):
        return Grade.E2
    return Grade.E1 if signals else Grade.E0


def _corroborated(signal: Signal, signals: list[Signal], notices: list[Notice]) -> bool:
    """Tell whether an act beside an identified person is borne out by a notice, or another kind on another day."""
    if not (signal.fact.act and signal.fact.identified):
        return False
    if notices:
        return True
    return any(
        other.fact.kind is not signal.fact.kind and other.fact.seen.date() != signal.fact.seen.date()
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


def digest(cases: Iterable[Case], links: Iterable[str]) -> str:
    """Return the evidence digest of a holder: SHA-256 over its sorted ids of notices, signals, links and dissents.

    Notices that repeat an earlier text are left out: they are shown, and stale nothing (L4).
    """
    ids = set(links)
    for case in cases:
        ids.update(case.signals)
        ids.update(case.dissents)
        ids.update(one.fact.notice for one in case.notices.values() if one.fact.repeats is None)
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
    """Return when the newest evidence above E0 came: a signal, a confirmed notice, a link, a dissent.

    Only such evidence restarts a cooling-off; an unverified notice makes both sign again, and no more (L4).
    """
    times = list(link_times)
    for case in cases:
        times += [signal.at for signal in case.signals.values()]
        times += [notice.confirmed_at for notice in case.notices.values() if notice.confirmed_at]
        times += [at for at, _ in case.dissents.values()]
    return max(times, default=None)
