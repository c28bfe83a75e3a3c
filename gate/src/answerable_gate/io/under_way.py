"""Exchanges that begin in one call of a host's hooks and end in another, known by the host's own number.

Law L18: one that the host never ends is told as a gap, after an hour, for want of room, or as the program leaves.
"""

from __future__ import annotations

from collections.abc import Callable

from answerable_gate.io.client import Exchange

ROOM = 10_000
FORGOTTEN_S = 3600.0


class UnderWay:
    """Holds them in the order in which they began."""

    def __init__(self, monotonic: Callable[[], float], *, room: int = ROOM) -> None:
        """Take a clock and how many may wait."""
        self._monotonic = monotonic
        self._room = room
        self._held: dict[str, tuple[float, Exchange]] = {}

    def enter(self, name: str, exchange: Exchange) -> None:
        """Hold an exchange; another one of its name, and those that nobody will end any more, are told as gaps."""
        now = self._monotonic()
        if (before := self.leave(name)) is not None:
            before.unseen()
        while self._held:
            since, oldest = next(iter(self._held.values()))
            if len(self._held) < self._room and now - since < FORGOTTEN_S:
                break
            del self._held[next(iter(self._held))]
            oldest.unseen()
        self._held[name] = now, exchange

    def leave(self, name: str) -> Exchange | None:
        """Give an exchange back to whoever ends it, None where there is none."""
        found = self._held.pop(name, None)
        return None if found is None else found[1]

    def end(self) -> None:
        """Tell all of them as gaps."""
        while self._held:
            self._held.pop(next(iter(self._held)))[1].unseen()
