"""What is kept and what is not: facts about holds in the operator's own stores, and about gates that fell silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from answerable.core.words import HoldId, OfCase, OfSystem, StaffId, TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOrdered(OfCase):
    """The operator's stores are to keep the account's data; `about` is the order that asks for it, None for the case.
    """

    hold: HoldId
    about: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldConfirmed(OfCase):
    """The operator's stores said that they keep it (L9); `reference` seals their own word for the hold."""

    hold: HoldId
    reference: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldUnconfirmed(OfCase):
    """Nobody had confirmed the hold by `due`; it is ordered on, and somebody is paged."""

    hold: HoldId
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldUpheld(OfCase):
    """A person who opened the case confirmed that the data is to be kept, so that the hold does not lapse (L14)."""

    hold: HoldId
    staff: StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLapsed(OfCase):
    """Nothing but unverified notices spoke for the hold, and no person confirmed it in time (L14)."""

    hold: HoldId


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLost(OfSystem):
    """A gate fell silent without having said that it ends: what it served from `since` on may stand in no row (L18)."""

    gate: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFound(OfSystem):
    """A gate that was lost is heard of again, or said that it ended: what it serves from `until` on stands in rows."""

    gate: str
    until: datetime
