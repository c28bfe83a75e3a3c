"""Gates that ended without a word: the span in which what they served may stand in no row is written down.

Law: served is what stands in rows, what a gate counted as a gap, and what lies in such a span (L18).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from answerable.app import Answerable
from answerable.store.protocol import Beat
from answerable.work.signs import GATE, is_ended, was_killed

WATCHED = "watched"
LOOK_S, KEEP_S = 1.0, 10.0


class GateWatch:
    """Looks at the signs of every gate; what it saw last is kept, for a worker may die together with a gate."""

    def __init__(self, answerable: Answerable, lease_s: Callable[[], float]) -> None:
        """Take the verbs, and after how many seconds a gate is no longer in force."""
        self._answerable = answerable
        self._lease_s = lease_s
        self._seen: dict[str, tuple[Beat, float]] = {}
        self._lost: set[str] | None = None
        self._kept_at = 0.0

    def look(self) -> bool:
        """Compare every sign with the one before it; there is never more to do at once."""
        store, monotonic = self._answerable.acts.store, self._answerable.acts.clock.monotonic()
        if self._lost is None:
            self._seen = {one.name: (replace(one, kind=GATE), monotonic) for one in store.beats(WATCHED)}
            self._kept_at, self._lost = monotonic, self._answerable.lost_gates()
        fresh = False
        for beat in store.beats(GATE):
            before, since = self._seen.get(beat.name, (None, monotonic))
            if before != beat:
                fresh = fresh or before is None or before.note != beat.note
                self._came(before, beat, self._lost)
                self._seen[beat.name] = beat, monotonic
            elif beat.name not in self._lost and not is_ended(beat) and monotonic - since > self._lease_s():
                self._answerable.lose_gate(beat.name, since=beat.at)
                self._lost.add(beat.name)
        if fresh or monotonic - self._kept_at >= KEEP_S:
            store.beat([replace(beat, kind=WATCHED) for beat, _ in self._seen.values()])
            self._kept_at = monotonic
        return False

    def _came(self, before: Beat | None, beat: Beat, lost: set[str]) -> None:
        if beat.name in lost:
            self._answerable.find_gate(beat.name, until=beat.at)
            lost.discard(beat.name)
        elif before is not None and was_killed(before, beat):
            self._answerable.lose_gate(beat.name, since=before.at, until=beat.at)
