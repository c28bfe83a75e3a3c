"""The fan-out: what is next is read once for all gates at one place, and nobody waits for a slow one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from answerable.api.fanout import FRESH_S, PLACES_MAX, Fanout, Turn
from answerable.app import GateRules, Reading
from answerable.edge import ManualClock
from answerable.errors import StoreUnavailable
from tests.work.memory import InMemory, in_memory

RULES = GateRules(on_stale="allow", on_cold_start="allow", on_no_identity="allow", lease_s=60)


class Stage:
    """A record in memory, the fan-out over it, and how often it was read."""

    def __init__(self, folder: Path) -> None:
        """Begin."""
        self.house: InMemory = in_memory(folder)
        answerable = self.house.answerable
        self.reading = Reading(answerable.acts, answerable.signer, RULES)
        self.reads = 0
        self.fault: Exception | None = None
        self.go = asyncio.Event()
        self.go.set()
        clock: ManualClock = self.house.clock
        self.fanout = Fanout(self.read, clock.monotonic)

    async def read(self, ask: Callable[[Reading], Turn]) -> Turn:
        """Read, once it may."""
        self.reads += 1
        await self.go.wait()
        if self.fault is not None:
            raise self.fault
        return ask(self.reading)

    async def turn(self, after: int) -> Turn:
        """Return the next turn of a gate."""
        return await self.fanout.turn(after, self.reading.head())

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.house.clock.advance(timedelta(seconds=seconds))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return a stage."""
    return Stage(tmp_path)


def kinds(turn: Turn) -> list[str]:
    """Return the kinds of a turn's lines."""
    return [json.loads(line)["kind"] for line in turn.lines.splitlines()]


def test_fifty_gates_at_one_place_cost_one_reading(stage: Stage) -> None:
    """They get the same bytes; the next turn is a heartbeat, again one reading."""
    stage.house.flag("one")

    async def together() -> None:
        found = await asyncio.gather(*(stage.turn(0) for _ in range(50)))
        assert kinds(found[0]) == ["entry"]
        assert all(one.lines is found[0].lines for one in found)
        beats = await asyncio.gather(*(stage.turn(found[0].at) for _ in range(50)))
        assert {one.is_beat for one in beats} == {True}

    asyncio.run(together())
    assert stage.reads == 2


def test_gates_at_two_places_get_what_each_lacks(stage: Stage) -> None:
    """Neither gets the other's lines."""

    async def apart() -> None:
        stage.house.flag("one", "user-1")
        first = await stage.turn(0)
        stage.house.flag("two", "user-2")
        late, early = await asyncio.gather(stage.turn(first.at), stage.turn(0))
        stage.pass_time(2 * FRESH_S)
        assert (len(kinds(late)), len(kinds(await stage.turn(0)))) == (1, 2)
        assert late.at == stage.reading.head() >= early.at

    asyncio.run(apart())


def test_lines_that_are_older_than_a_tenth_of_a_second_serve_nobody(stage: Stage) -> None:
    """What is left of a deadline stands in them."""
    stage.house.flag("one")

    async def twice() -> None:
        await stage.turn(0)
        stage.pass_time(FRESH_S * 0.9)
        await stage.turn(0)
        assert stage.reads == 1
        stage.pass_time(FRESH_S * 0.2)
        await stage.turn(0)
        assert stage.reads == 2

    asyncio.run(twice())


def test_a_kept_heartbeat_hides_no_news(stage: Stage) -> None:
    """As soon as the feed is known to go further, it is read again."""

    async def news() -> None:
        at = (await stage.turn(0)).at
        assert (await stage.turn(at)).is_beat
        stage.house.flag("one")
        assert kinds(await stage.turn(at)) == ["entry"]

    asyncio.run(news())


def test_a_gate_that_leaves_takes_nothing_from_the_others(stage: Stage) -> None:
    """Cancelled while it waits, it leaves the reading to who waits with it."""

    async def leaves() -> None:
        stage.go.clear()
        one, other = asyncio.create_task(stage.turn(0)), asyncio.create_task(stage.turn(0))
        await asyncio.sleep(0)
        one.cancel()
        await asyncio.sleep(0)
        stage.go.set()
        assert (await other).is_beat
        assert stage.reads == 1

    asyncio.run(leaves())


def test_a_reading_that_fails_fails_for_those_who_waited_and_is_tried_again(stage: Stage) -> None:
    """Every gate hears of the fault and comes again; nothing of it is kept."""

    async def fails() -> None:
        stage.fault = StoreUnavailable()
        found = await asyncio.gather(stage.turn(0), stage.turn(0), return_exceptions=True)
        assert [type(one) for one in found] == [StoreUnavailable, StoreUnavailable]
        stage.fault = None
        assert (await stage.turn(0)).is_beat

    asyncio.run(fails())


def test_what_is_kept_is_bounded(stage: Stage) -> None:
    """However many places gates are at, within one tenth of a second and over time."""

    async def many() -> None:
        for place in range(3 * PLACES_MAX):
            await stage.turn(place)
            assert len(stage.fanout) <= PLACES_MAX
        stage.pass_time(1)
        await stage.turn(0)
        assert len(stage.fanout) == 1

    asyncio.run(many())
