"""What the feed has next, read once for all gates at one place.

Law: a slow gate holds up nobody; what is kept for others is a tenth of a second old and bounded in number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from answerable.app import Reading

FRESH_S = 0.1
"""How long a turn serves others: its lines tell what is left of a deadline, counted from when they were written."""
PLACES_MAX = 32


class Turn(NamedTuple):
    """What comes next from a place in the feed: lines and the place behind them, or a heartbeat at the same place."""

    at: int
    lines: bytes
    is_beat: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    begun: float
    turn: asyncio.Future[Turn]


class Fanout:
    """Turns of the feed by place; one event loop owns it."""

    def __init__(
        self, read: Callable[[Callable[[Reading], Turn]], Awaitable[Turn]], monotonic: Callable[[], float]
    ) -> None:
        """Take what reads the record in a thread, and the clock."""
        self._read = read
        self._monotonic = monotonic
        self._kept: dict[int, _Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def turn(self, after: int, head: int) -> Turn:
        """Return what comes after a place; `head` is how far the feed is known to go.

        Gates at one place share one reading, each at its own speed; raise what the reading raised.
        """
        now = self._monotonic()
        kept = self._kept.get(after)
        if kept is None or not self._serves(kept, head, now):
            self._forget(now)
            kept = _Kept(now, asyncio.ensure_future(self._read(lambda reading: take_turn(reading, after))))
            kept.turn.add_done_callback(_seen)
            self._kept[after] = kept
        # A gate that leaves while it waits takes nothing from those who wait with it.
        return await asyncio.shield(kept.turn)

    def _serves(self, kept: _Kept, head: int, now: float) -> bool:
        if not kept.turn.done():
            return True
        if now - kept.begun > FRESH_S or kept.turn.cancelled() or kept.turn.exception() is not None:
            return False
        turn = kept.turn.result()
        return not turn.is_beat or head <= turn.at

    def _forget(self, now: float) -> None:
        old = [place for place, kept in self._kept.items() if kept.turn.done() and now - kept.begun > FRESH_S]
        for place in old:
            del self._kept[place]
        while len(self._kept) >= PLACES_MAX:
            del self._kept[next(iter(self._kept))]


def take_turn(reading: Reading, after: int) -> Turn:
    """Read what comes after a place: the lines there are, or a heartbeat where there are none."""
    at, lines = reading.entries_after(after)
    return Turn(at, b"".join(lines), is_beat=False) if lines else Turn(after, reading.heartbeat(after), is_beat=True)


def _seen(turn: asyncio.Future[Turn]) -> None:
    # Where every gate has left meanwhile, nobody else would ask what went wrong.
    if not turn.cancelled():
        turn.exception()
