"""Standing: the join of the items that count at a time.

Law L1: an item is due by a predicate on time, not by a job that ran; what was due once stays due.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from answerable_gate.entry import Item
from answerable_gate.measures import Standing, covers, join


def counts(item: Item, now: datetime, fallen: Collection[str] = frozenset()) -> bool:
    """Say whether an item counts at `now`; an id in `fallen` counted once and therefore still does."""
    return item.effective <= now or item.id in fallen


def standing(items: Iterable[Item], now: datetime, fallen: Collection[str] = frozenset()) -> Standing:
    """Join the items that count at `now`."""
    return join(*(item.standing for item in items if counts(item, now, fallen)))


def uncovered(
    held: Iterable[Item],
    received: Collection[Item],
    now: datetime,
    fallen: Collection[str] = frozenset(),
) -> tuple[Item, ...]:
    """Give the held items that the received ones do not cover at every moment from `now` on."""
    return tuple(item for item in held if not _covered(item, received, now, fallen))


def _covered(item: Item, received: Collection[Item], now: datetime, fallen: Collection[str]) -> bool:
    # A standing only grows with time, so what covers an item when it begins to count covers it ever after.
    begins = now if counts(item, now, fallen) else item.effective
    return covers(standing(received, begins, fallen), item.standing)
