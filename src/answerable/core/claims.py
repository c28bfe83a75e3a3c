"""Claims from outside as a file keeps them: an event or an order, whether it was called back, and what came of it.

Law: until somebody called back it is a claim like any other, E0 in any number (L13).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from answerable.core.facts import (
    AttemptNoticesAsked,
    Clause,
    ClauseExecuted,
    OrderReceived,
    OutsideEventReported,
)

APART = timedelta(hours=20)
"""So far apart are two digests at least: the shortest day of any zone, also where she names other hours meanwhile."""


@dataclass(slots=True, kw_only=True)
class Event:
    """Something that happened outside, as it was reported."""

    fact: OutsideEventReported
    at: datetime
    verified_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Order:
    """An order, what of it was put in force, and what was refused under it; `shown` is the place of its newest list."""

    fact: OrderReceived
    at: datetime
    verified_at: datetime | None = None
    ended_at: datetime | None = None
    executed: dict[Clause, ClauseExecuted] = field(default_factory=dict)
    refused: int = 0
    shown: int | None = None


@dataclass(slots=True, kw_only=True)
class Telling:
    """Who asked to be told of attempts and when; `planned` and `sent` are the days of the newest digest."""

    asked: AttemptNoticesAsked | None = None
    planned: datetime | None = None
    sent: datetime | None = None
