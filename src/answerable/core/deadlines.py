"""Deadlines as data: "due" is a predicate over time, and nothing here can move one later (L1, L3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from answerable.core.facts import DeadlineId, DeadlineKind


@dataclass(slots=True, kw_only=True)
class Deadline:
    """Something owed by `due`; met by a person, or missed, never withdrawn."""

    id: DeadlineId
    kind: DeadlineKind
    set_at: datetime
    due: datetime
    about: str | None
    met: bool = False
    missed: bool = False

    @property
    def is_running(self) -> bool:
        """Tell whether it is still owed and not yet recorded as missed."""
        return not self.met and not self.missed


def further_due(
    running: datetime | None, *, now: datetime, limit: timedelta, since: datetime | None = None
) -> datetime:
    """Return when a further default falls due: the earlier of the running due and now + limit.

    A running due that has passed, or none because a decision stands, counts for nothing (DESIGN section 5). The
    minimum is the whole of L3: evidence may shorten a clock and can never extend one. What was announced at `since` and
    could be read only now has its limit from then on, and is due at once where that is over.
    """
    fresh = max(now, (since or now) + limit)
    return min(running, fresh) if running is not None and running > now else fresh


def rung_due(set_at: datetime, limit: timedelta, rung: int) -> datetime:
    """Return when an unmet look pages on `rung`: 1 to 4 one limit apart, then daily, for ever."""
    return set_at + limit * min(rung, RUNGS) + timedelta(days=max(rung - RUNGS, 0))


def rungs_passed(set_at: datetime, limit: timedelta, *, now: datetime) -> int:
    """Return how many rungs an unmet look has reached by `now`."""
    waited = now - set_at
    if waited <= limit * RUNGS:
        return waited // limit
    return RUNGS + (waited - limit * RUNGS) // timedelta(days=1)


RUNGS = 4
"""Owner, deputy, lead, executive; after that the page repeats daily at the last rung."""
