"""The gate's time: max(wall, high water + monotonic time elapsed since it was set).

Law (DESIGN section 6): never backwards and never slower than real time, whatever the wall clock does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NEVER = 2**63 - 1
"""What stands for no time among microseconds since 1970."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SUSPECT_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Clock:
    """The highest time seen, and the monotonic second at which it was."""

    high_water: datetime
    set_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSuspect:
    """The store's time was too far off the reader's own to be adopted; one of them is wrong, and somebody is paged."""

    offered: datetime
    wall: datetime


def microseconds(at: datetime) -> int:
    """Write a time as microseconds since 1970: what is compared at each exchange is whole numbers."""
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(since: int) -> datetime:
    """Read a time from microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=since)


def tick(clock: Clock, wall: datetime, monotonic: float) -> tuple[Clock, datetime]:
    """Give the time now; `monotonic` is in seconds and never goes back while this process lives."""
    projected = clock.high_water + timedelta(seconds=max(0.0, monotonic - clock.set_at))
    # The anchor stays while it leads: moving it at each tick would lose the part of a microsecond each time.
    return (Clock(wall, monotonic), wall) if wall > projected else (clock, projected)


def adopt(clock: Clock, offered: datetime, wall: datetime, monotonic: float) -> tuple[Clock, ClockSuspect | None]:
    """Raise the high water to the store's time, unless that is more than 5 minutes off the reader's wall clock."""
    if abs(offered - wall) > SUSPECT_AFTER:
        return clock, ClockSuspect(offered=offered, wall=wall)
    clock, now = tick(clock, wall, monotonic)
    return (Clock(offered, monotonic) if offered > now else clock), None
