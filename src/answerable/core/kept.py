"""What is kept: facts about holds on an account's data in the operator's own stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from answerable.core.words import HoldId, OfCase, StaffId, TextRef


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
