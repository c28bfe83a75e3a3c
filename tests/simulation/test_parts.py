"""The parts of the simulated house that are not the product's: they fail as a disk, a process and a signer fail.

Law: a fault that left the wrong thing behind would prove nothing about the house.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from answerable.errors import StoreUnavailable
from answerable.simulation.chance import Chance
from answerable.simulation.house import START
from answerable.simulation.parts import ORIGIN, Crash, FailingStore, MemorySigner, OwnClock, TrueTime
from tests.mutants.stage import Stage


def test_a_full_disk_takes_nothing_and_says_so() -> None:
    """L17: what a full disk refuses is not in the record, and what was there before is."""
    store = FailingStore(ORIGIN)
    store.is_full = True
    with pytest.raises(StoreUnavailable), store.act() as tx:
        tx.remember("source", "key", b"answer")
    store.is_full = False
    with store.act() as tx:
        assert tx.remembered("source", "key") is None


@pytest.mark.parametrize(("before", "kept"), [(True, None), (False, b"answer")])
def test_a_death_beside_a_commit(before: bool, kept: bytes | None) -> None:
    """L17: who dies before the commit has written nothing, who dies after it everything."""
    store = FailingStore(ORIGIN)
    store.dies_before, store.dies_after = before, not before
    with pytest.raises(Crash), store.act() as tx:
        tx.remember("source", "key", b"answer")
    with store.act() as tx:
        assert tx.remembered("source", "key") == kept


def test_the_signer_signs_only_what_grows() -> None:
    """L8: a checkpoint that forgets what was signed before gets no signature."""
    stage = Stage()
    stage.flag("u")
    stage.carry()
    older = f"{ORIGIN}\n1\n{'A' * 43}=\n"
    with pytest.raises(AssertionError):
        stage.house.signer.sign(older, lambda _old, _new: ())
    stage.house.signer.is_down = True
    with pytest.raises(StoreUnavailable):
        stage.house.signer.sign(older, lambda _old, _new: ())


def test_a_clock_is_off_by_its_offset_and_runs_from_its_birth() -> None:
    """A process reads a wall clock that may be wrong, and seconds that never are."""
    true = TrueTime(START)
    true.elapsed = timedelta(hours=1)
    clock = OwnClock(true, timedelta(minutes=-5))
    true.elapsed = timedelta(hours=2)
    assert clock.now() == START + timedelta(minutes=115)
    assert clock.monotonic() == 3600.0


def test_chance_is_of_its_seed_and_part() -> None:
    """L16: the same seed and part draw the same, any other pair draws otherwise."""
    draws = {
        pair: tuple(round(Chance(*pair).between(0, 1), 9) for _ in range(1)) for pair in ((1, 1), (1, 2), (2, 1))
    }
    assert len(set(draws.values())) == 3
    assert Chance(1, 1).pick("abcdef") == Chance(1, 1).pick("abcdef")
    assert timedelta(0) <= Chance(1, 1).wait(timedelta(days=1))
    assert MemorySigner(ORIGIN, b"k" * 32).vkey == MemorySigner(ORIGIN, b"k" * 32).vkey
