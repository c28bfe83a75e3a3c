"""How fast each source speaks: its signals by the hour, and the rate that 30 days have taught (L13).

Law: a count is written in the transaction of its signal, once for each, and a flood never raises its own bound. Far
from the bound no process waits for another's count: each has a lane for a fifth of it; the rest counts in common.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from statistics import median

from answerable.app.acts import Act
from answerable.core import floods
from answerable.store.protocol import Tx

LEARNED_DAYS = 30
HOUR = "%Y%m%d%H"
DAY = "%Y%m%d"
LANES = 4
COMMON = LANES


@dataclass(slots=True)
class Rates:
    """What this process remembers of counts, so that it seldom has to look for them; the record's own word counts."""

    _counts: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    _typical: dict[str, tuple[str, int]] = field(default_factory=dict)
    _beyond: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    _lane: int | None = None

    def note(self, act: Act, source: str) -> None:
        """Count one signal of a source and of the key that forwards it, and record where either floods.

        What its own name holds back already is none of the key's.
        """
        for name in floods.counted(source):
            if self._is_beyond(act, name):
                break

    def _is_beyond(self, act: Act, source: str) -> bool:
        """Count one signal under a name, and tell whether that is too many; beyond the bound none is counted on."""
        hour = act.now.strftime(HOUR)
        bound = act.journal.policy.source_bound(self._median(act.tx, source, act.now, hour))
        part, lane = bound // (LANES + 1), self._own_lane(act)
        common = self._counted(act.tx, source, hour, COMMON, enough=bound + 1)
        # Once anybody counts in common everybody does: a lane that fills behind his back would hide a flood.
        if not common and self._counted(act.tx, source, hour, lane, enough=part) < part:
            self._count(act.tx, source, hour, lane)
            return False
        count = bound + 1
        if self._beyond.get(source) != (hour, bound, common):
            count = common + sum(self._counted(act.tx, source, hour, one, enough=part) for one in range(LANES))
            if count <= bound:
                count, common = count + 1, self._count(act.tx, source, hour, COMMON)
            if count > bound:
                self._beyond[source] = (hour, bound, common)
        floods.note(act.journal, source, count=count, bound=bound)
        return count > bound

    def _own_lane(self, act: Act) -> int:
        """Return where this process counts first; two in one lane wait for each other."""
        if self._lane is None:
            self._lane = hashlib.sha256(act.journal.act.encode()).digest()[0] % LANES
        return self._lane

    def _counted(self, tx: Tx, source: str, hour: str, lane: int, *, enough: int) -> int:
        known, start = self._counts.get((source, lane), (hour, 0))
        count = _reached(tx, source, hour, lane, start if known == hour else 0, enough=enough)
        self._counts[source, lane] = (hour, count)
        return count

    def _count(self, tx: Tx, source: str, hour: str, lane: int) -> int:
        number = self._counts[source, lane][1] + 1
        tx.remember(_space(source), f"{hour}.{lane} {number}", b"")
        self._counts[source, lane] = (hour, number)
        return number

    def _median(self, tx: Tx, source: str, now: datetime, hour: str) -> int:
        """Return the median number of signals in the hours of the last 30 days that had any, but for this hour."""
        known = self._typical.get(source)
        if known is None or known[0] != hour:
            days = [now - timedelta(days=ago) for ago in range(1, LEARNED_DAYS + 1)]
            counts = [count for day in days for count in _day(tx, source, day.strftime(DAY))]
            counts += [_in_hour(tx, source, f"{now:{DAY}}{past:02}") for past in range(now.hour)]
            self._typical[source] = known = (hour, int(median([one for one in counts if one] or [0])))
        return known[1]


def _day(tx: Tx, source: str, day: str) -> list[int]:
    """Return the counts of the hours of a day that is over, from one row once somebody has asked."""
    kept = tx.remembered(_space(source), day)
    if kept is None:
        kept = json.dumps([_in_hour(tx, source, f"{day}{hour:02}") for hour in range(24)]).encode()
        tx.remember(_space(source), day, kept)
    found: list[int] = json.loads(kept)
    return found


def _in_hour(tx: Tx, source: str, hour: str) -> int:
    """Return how many signals of an hour are counted in all lanes."""
    return sum(_reached(tx, source, hour, lane) for lane in (*range(LANES), COMMON))


def _reached(tx: Tx, source: str, hour: str, lane: int, start: int = 0, *, enough: float = inf) -> int:
    """Return how many signals of an hour a lane has, or `enough` and maybe more; each has a row with its number."""

    def is_there(number: int) -> bool:
        return tx.remembered(_space(source), f"{hour}.{lane} {number}") is not None

    # What was counted in an act that came to nothing is not there.
    reached = start if start and is_there(start) else 0
    step = 1
    while reached < enough and is_there(reached + step):
        reached += step
        step *= 2
    while step > 1:
        step //= 2
        if is_there(reached + step):
            reached += step
    return reached


def _space(source: str) -> str:
    return f"rate:{source}"
