"""Partitions between store and worker: from the moment a deadline passes every gate applies the default (L1).

Law: with every worker dead, late or cut off the gates go on, other writers go on, and the worker comes back by itself.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from answerable.app import MeasureIn
from answerable.cli.wiring import House
from answerable.core import facts as f
from answerable.core.facts import CaseId, Refused
from answerable.errors import Busy
from answerable_gate import Gate, Level, Request
from answerable_gate.io.proofs import pin
from tests.postgres import database
from tests.storage.worlds import assert_sound
from tests.storms.ground import DSN, LEAD, Ground, prepare, settled
from tests.storms.proxy import Line
from tests.storms.test_contract import flag

DUES = 12
PATIENCE_S = 180.0
UNWRITTEN_S = 2.0


@pytest.fixture
def line() -> Iterator[Line]:
    """Lay a line to an empty database."""
    with database() as dsn:
        found = Line(dsn)
        yield found
        found.close()


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: Line) -> Iterator[Ground]:
    """Give a house whose workers reach the record by the line, and everybody else reaches it directly."""
    with settled(tmp_path / "house", monkeypatch, line.straight) as found:
        found.environment = {DSN: line.dsn}
        yield found


class AtGate:
    """A real gate that was in contact, fed with the lines of the store's own feed."""

    def __init__(self, house: House) -> None:
        """Take where its lines come from."""
        self._reading, self._clock = house.reading(), house.clock
        policy, hello = self._reading.hello()
        self._gate = Gate(
            gate_key=house.keyring.gate, pinned=pin(house.signer.vkey, house.store.origin), policy=policy,
            wall=self._clock.now(), monotonic=self._clock.monotonic(),
        )  # fmt: skip
        self._take(hello)
        self._after = 0

    def hear(self) -> None:
        """Take in what the feed has."""
        while lines := (found := self._reading.entries_after(self._after))[1]:
            self._after = found[0]
            for one in lines:
                self._take(one)
        self._take(self._reading.heartbeat(self._after))

    def level(self, user: str) -> Level:
        """Return what it applies to an account at this moment, without asking anybody."""
        asked = Request(identity=user, model="m", tools=())
        return self._gate.check(asked, wall=self._clock.now(), monotonic=self._clock.monotonic()).level

    def _take(self, said: bytes) -> None:
        for one in said.splitlines():
            self._gate.receive(one, wall=self._clock.now(), monotonic=self._clock.monotonic())


def until(is_so: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def fell(house: House) -> Counter[str]:
    """Return how often each default took effect by the record."""
    with suppress(Busy):  # who was cut off at the tree holds it until its server has given it up
        house.store.integrate()
    recorded = house.store.all_recorded()
    return Counter(one.fact.item for one in recorded if isinstance(one.fact, f.DefaultTookEffect))


@pytest.mark.parametrize("how", ["cut", "darken"])
def test_a_worker_cut_off_costs_nobody_protection(ground: Ground, line: Line, how: str) -> None:
    """The line to the worker ends or goes dark: gates apply what falls due, people decide, and it catches up (L1)."""
    prepare(ground, dues=DUES, lifts=0)
    house = ground.house()
    worker = ground.spawn("worker")
    try:
        until(lambda: worker.is_ready, "the worker runs")
        gate = AtGate(house)
        gate.hear()
        assert {gate.level(f"due-{n}") for n in range(DUES)} == {Level.NONE}
        getattr(line, how)()
        ground.forward_to(ground.dues[-1] + timedelta(minutes=1))
        # From this moment, and with nobody told: neither feed nor worker has said anything since the arming.
        assert {gate.level(f"due-{n}") for n in range(DUES)} == {Level.WATCH}
        desk = house.answerable()
        taken = flag("elsewhere", "somebody-else")(desk)
        case = CaseId(str(taken.case))
        assert not isinstance(desk.view_case(case, staff=LEAD, purpose="review"), Refused)
        wanted = MeasureIn(level=Level.GUARDED, reason="As it says.", proportionality="The least that helps.")
        assert desk.decide(case, wanted, staff=LEAD) is None
        gate.hear()
        assert gate.level("somebody-else") == Level.GUARDED
        time.sleep(UNWRITTEN_S)
        assert not fell(house) and worker.status is None
        line.mend()
        until(lambda: len(fell(house)) == DUES, "the worker came back by itself and wrote down what was due")
        assert set(fell(house).values()) == {1}
        worker.end(signal.SIGTERM)  # it goes on writing: holds that nobody confirmed, letters
        assert_sound(house.store)
    finally:
        worker.end()
        house.close()


def test_two_workers_of_whom_one_is_cut_off_write_each_thing_once(ground: Ground, line: Line) -> None:
    """The one that leads is cut off in the middle of its work; the other goes on, and nothing is written twice."""
    prepare(ground, dues=DUES, lifts=0)
    house = ground.house()
    first = ground.spawn("worker")
    until(lambda: first.is_ready, "the first worker runs and leads")
    ground.environment = {DSN: line.straight}
    second = ground.spawn("worker")
    try:
        until(lambda: second.is_ready, "the second runs")
        for number in range(0, DUES, 4):
            line.darken()
            ground.forward_to(ground.dues[number + 3] + timedelta(seconds=1))
            until(lambda n=number: len(fell(house)) >= n + 4, "the other one wrote down what was due")  # type: ignore[misc]
            line.mend()
        assert set(fell(house).values()) == {1} and len(fell(house)) == DUES
        assert first.status is None and second.status is None
        first.end(signal.SIGTERM)
        second.end(signal.SIGTERM)
        assert_sound(house.store)
    finally:
        first.end()
        second.end()
        house.close()


