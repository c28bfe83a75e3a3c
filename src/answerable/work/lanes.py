"""Two lanes before the writer: who came alone goes first, and many who came as one go in bites between them.

Law: who comes alone never waits for all of the many, nor the many for ever; in its lane each keeps its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Condition
from typing import Generic, TypeVar

from answerable.errors import StoreUnavailable, TooMany

T = TypeVar("T")

QUEUE_MAX = 10_000
BATCH_MAX = 128
"""How many that came alone go at once, and past the many."""
MANY_MAX, MANY_MIN = 32, 4
"""Of what came as one, in one transaction: all that whoever waits for the same rows has to wait for.

Where somebody comes alone meanwhile it ends earlier, but never before so many, else a stream of them would hold it up.
"""


class Lanes(Generic[T]):
    """What waits, for one who takes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._alone: deque[T] = deque()
        self._many: deque[deque[T]] = deque()
        self._passed = 0
        self._is_closed = False
        self._changed = Condition()

    def put(self, one: T) -> None:
        """Let one wait that came alone. Raise `TooMany` where too many do, `StoreUnavailable` once closed."""
        self._put(self._alone, one)

    def put_all(self, many: Sequence[T]) -> None:
        """Let many wait that came as one; they take no room from those who come alone."""
        self._put(self._many, deque(many))

    def _put(self, lane: deque[T] | deque[deque[T]], one: T | deque[T]) -> None:
        with self._changed:
            if self._is_closed:
                raise StoreUnavailable
            if len(lane) >= QUEUE_MAX:
                hint = "send it again later under the same id"
                raise TooMany("more comes in than can be written now", hint=hint)
            lane.append(one)  # type: ignore[arg-type]
            self._changed.notify()

    def close(self) -> None:
        """Take in nothing more; what waits can still be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def take(self) -> tuple[list[T], bool] | None:
        """Wait for the next ones of one lane and return them, and whether they came alone; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._alone or self._many or self._is_closed)
            if self._many and (not self._alone or self._passed >= BATCH_MAX):
                self._passed = 0
                return self._bite(), False
            if not self._alone:
                return None
            taken = [self._alone.popleft() for _ in range(min(len(self._alone), BATCH_MAX))]
            self._passed += len(taken) if self._many else 0
            return taken, True

    def _bite(self) -> list[T]:
        taken: list[T] = []
        while self._many and len(taken) < MANY_MAX:
            first = self._many[0]
            taken.append(first.popleft())
            if not first:
                self._many.popleft()
        return taken

    def give_back(self, many: Sequence[T]) -> None:
        """Let those go on waiting, before all others of their lane, that were taken and not begun."""
        if many:
            with self._changed:
                self._many.appendleft(deque(many))

    @property
    def is_alone_waiting(self) -> bool:
        """Tell whether somebody waits who came alone."""
        return bool(self._alone)
