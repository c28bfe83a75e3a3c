"""Gates that end without a word are spans of the record; those that say that they end are none (L18)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from answerable.app.exposures import UNDELIVERED
from answerable.core.facts import GateFound, GateLost
from answerable.work.gates import GateWatch
from answerable.work.signs import Gates
from tests.work.memory import START, InMemory, in_memory

LEASE = 60.0


class Watched:
    """A house, the process that hears its gates, and the watch over both."""

    def __init__(self, folder: Path) -> None:
        self.house: InMemory = in_memory(folder)
        self.gates = Gates()
        self.watch = self.fresh()

    def fresh(self) -> GateWatch:
        """Start the worker anew."""
        return GateWatch(self.house.answerable, lambda: LEASE)

    def hear(self, run: str = "a", *, ended: bool = False, after: float = 2.0) -> None:
        """Let time pass, hear the gate, write it down and look."""
        self.house.clock.advance(timedelta(seconds=after))
        clock = self.house.clock
        self.gates.hear("front-1", clock.monotonic(), run=run, ended=ended)
        self.house.store.beat(self.gates.beats(clock.now(), clock.monotonic(), within_s=60))
        self.watch.look()

    def silent(self, seconds: int) -> None:
        """Let time pass without a word, and look every second."""
        for _ in range(seconds):
            self.house.clock.advance(timedelta(seconds=1))
            self.watch.look()

    def spans(self) -> list[tuple[timedelta, timedelta | None]]:
        """Return the spans that were written down, from the start on."""
        with self.house.store.act() as tx:
            return [(one.since - START, _after(one.until)) for one in tx.roster().lost]


def _after(at: datetime | None) -> timedelta | None:
    return None if at is None else at - START


def seconds(number: float) -> timedelta:
    """Say a time in seconds."""
    return timedelta(seconds=number)


def test_a_gate_that_falls_silent_is_lost_until_it_is_heard_of_again(tmp_path: Path) -> None:
    """From before its last sign, for what it saw then may have waited in it, to its next one; and once."""
    watched = Watched(tmp_path)
    watched.hear()
    watched.silent(60)
    assert watched.spans() == []
    watched.silent(30)
    assert watched.spans() == [(seconds(2) - UNDELIVERED, None)]
    watched.hear()
    watched.silent(30)
    assert watched.spans() == [(seconds(2) - UNDELIVERED, seconds(94))]
    last, found = [one.fact for one in watched.house.store.all_recorded()][-2:]
    assert isinstance(last, GateLost) and isinstance(found, GateFound)


def test_a_gate_that_was_killed_and_came_back_at_once_is_a_span_as_well(tmp_path: Path) -> None:
    """Another process under the same name, and no farewell of the one before it."""
    watched = Watched(tmp_path)
    watched.hear("a")
    watched.hear("a")
    watched.hear("b")
    assert watched.spans() == [(seconds(4) - UNDELIVERED, seconds(6))]


def test_a_gate_that_said_that_it_ends_is_none(tmp_path: Path) -> None:
    """However long it is away then, and however soon it comes back."""
    watched = Watched(tmp_path)
    watched.hear("a")
    watched.hear("a", ended=True)
    watched.silent(100)
    watched.hear("b")
    watched.gates.hear("front-1", watched.house.clock.monotonic(), run="b", ended=True)
    watched.hear("c")
    watched.hear("c")
    assert watched.spans() == []


def test_a_gate_that_says_no_run_is_judged_by_its_silence_alone(tmp_path: Path) -> None:
    """An older one does not know how."""
    watched = Watched(tmp_path)
    watched.hear("")
    watched.hear("b")
    watched.hear("")
    assert watched.spans() == []


def test_a_worker_that_died_with_the_gate_finds_what_it_missed(tmp_path: Path) -> None:
    """A host goes down with both: what the worker had seen last stands in the record's bulk."""
    watched = Watched(tmp_path)
    watched.hear("a")
    watched.watch = watched.fresh()
    watched.hear("b", after=300)
    assert watched.spans() == [(seconds(2) - UNDELIVERED, seconds(302))]


def test_a_rehearsal_that_moves_the_clock_loses_no_gate(tmp_path: Path) -> None:
    """Silence is measured by what really passes."""
    watched = Watched(tmp_path)
    watched.hear("a")
    watched.house.clock.step(timedelta(days=3))
    watched.watch.look()
    assert watched.spans() == []
