"""The ticker writes down what time has brought; one that cannot be written holds up nobody behind it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from answerable.app import Answerable
from answerable.core.facts import DefaultArmed, EffectsBounded, SubjectId
from answerable.errors import Busy, NewerVersion, StoreUnavailable
from answerable.store import sqlite
from answerable.store.rows import is_effect
from answerable.store.sqlite import create_store, open_store
from answerable.work import ticker
from tests.work.memory import ORIGIN, START, in_memory, policy

Passed = dict[SubjectId, Busy | NewerVersion]


def test_everything_due_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches, until nothing is due; a second sweep finds nothing."""
    monkeypatch.setattr(ticker, "BATCH", 3)
    house = in_memory(tmp_path)
    for number in range(10):
        house.flag(f"s{number}", f"user-{number}")
    assert ticker.sweep(house.answerable) == 0
    house.clock.advance(timedelta(days=30))
    assert ticker.sweep(house.answerable) == 10
    assert ticker.sweep(house.answerable) == 0


def test_after_each_batch_others_have_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long backlog keeps nobody who gives notice waiting: the record is free for longer than SQLite waits to look."""
    monkeypatch.setattr(ticker, "BATCH", 1)
    (tmp_path / "keys").mkdir()
    store = create_store(tmp_path / "record", keys=tmp_path / "keys", origin=ORIGIN, mark="0" * 32)
    other = open_store(tmp_path / "record", keys=tmp_path / "keys", origin=ORIGIN, mark="0" * 32)
    monkeypatch.setattr(sqlite, "BUSY_MS", 0)
    house, turns = in_memory(tmp_path, store), list[float]()

    def turn(seconds: float) -> None:
        turns.append(seconds)
        with other.act() as tx:
            tx.remember("test", f"key-{len(turns)}", b"")

    for number in range(10):
        house.flag(f"s{number}", f"user-{number}")
    house.clock.advance(timedelta(days=30))
    monkeypatch.setattr(ticker, "sleep", turn)
    assert ticker.sweep(house.answerable) == 10
    assert len(turns) == 10 and min(turns) * 1000 > sqlite.LOOK_MS
    store.close()
    other.close()


def stricter() -> str:
    """Return the policy with a shorter time to decide in tier 3, as another version."""
    text = policy().replace('version = "startup-1"', 'version = "startup-2"')
    before, tier = text.split("[tiers.3]")
    return f"{before}[tiers.3]" + re.sub(r'^(decide|decide_at_night) = "\w+"', r'\1 = "6h"', tier, flags=re.MULTILINE)


def test_a_stricter_policy_reaches_every_open_case_within_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the real store: what was armed for days is armed sooner, a batch at a time; the ticker keeps nothing."""
    monkeypatch.setattr(ticker, "BATCH", 3)
    (tmp_path / "keys").mkdir()
    store = create_store(tmp_path / "record", keys=tmp_path / "keys", origin=ORIGIN, mark="0" * 32)
    house = in_memory(tmp_path, store)
    for number in range(5):
        house.flag(f"s{number}", f"user-{number}")
    assert ticker.sweep(house.answerable) == 0
    house.clock.advance(timedelta(minutes=1))
    house.adopt(stricter())
    assert [ticker.sweep(house.answerable) for _ in range(3)] == [3, 2, 0]
    due = [row.wake_at for row in store.cases(after=None, limit=10)]
    assert len(due) == 5 and all(at is not None and at <= START + timedelta(hours=6, minutes=1) for at in due)
    store.close()


def test_who_cannot_be_written_holds_up_no_new_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep goes on until it has brought somebody under the new version."""
    monkeypatch.setattr(ticker, "BATCH", 1)
    house = in_memory(tmp_path)
    for number in range(3):
        house.flag(f"s{number}", f"user-{number}")
    house.adopt(stricter())
    (bad,) = house.store.behind("startup-2", 1)

    class Picky(Answerable):
        def settle(self, *subjects: SubjectId) -> Passed:
            if bad in subjects:
                raise NewerVersion
            return super().settle(*subjects)

    picky = Picky(house.answerable.acts, house.answerable.intake, house.answerable.signer)
    assert [ticker.sweep(picky) for _ in range(3)] == [1, 1, 0]
    assert house.store.behind("startup-2", 10) == [bad]


@pytest.mark.parametrize("error", [NewerVersion(), StoreUnavailable()])
def test_one_that_cannot_be_written_is_passed_over(tmp_path: Path, error: Exception) -> None:
    """A subject that this program cannot read stays due; the others are written down."""
    house = in_memory(tmp_path)
    for number in range(5):
        house.flag(f"s{number}", f"user-{number}")
    house.clock.advance(timedelta(days=30))
    (bad,) = house.store.due(house.clock.now(), 1)

    class Picky(Answerable):
        def settle(self, *subjects: SubjectId) -> Passed:
            if bad in subjects:
                raise error
            return super().settle(*subjects)

    picky = Picky(house.answerable.acts, house.answerable.intake, house.answerable.signer)
    assert ticker.sweep(picky) == 4
    assert house.store.due(house.clock.now(), 10) == [bad]


def test_those_of_one_sweep_share_the_hourly_bound(tmp_path: Path) -> None:
    """Thirty look-backs end in one transaction: no more than twenty of them arm anything, the others wait (L13)."""
    house = in_memory(tmp_path)
    for number in range(30):
        house.warn(f"n{number}", f"user-{number}")
    house.clock.advance(timedelta(minutes=11))
    assert ticker.sweep(house.answerable) == 30
    written = [one.fact for one in house.store.all_recorded()]
    armed = [fact for fact in written if isinstance(fact, DefaultArmed) and is_effect(fact)]
    bounded = [fact for fact in written if isinstance(fact, EffectsBounded)]
    assert (len({fact.case for fact in armed}), len(bounded)) == (20, 10)


def test_a_sweep_ends_where_something_stays_due(tmp_path: Path) -> None:
    """A subject that stays due without an error is tried once in a sweep, not for ever, and nothing is asked of nobody.
    """
    house = in_memory(tmp_path)
    house.flag("s1")
    house.clock.advance(timedelta(days=30))

    class Idle(Answerable):
        def settle(self, *subjects: SubjectId) -> Passed:
            if not subjects:
                raise StoreUnavailable
            return {}

    idle = Idle(house.answerable.acts, house.answerable.intake, house.answerable.signer)
    assert ticker.sweep(idle) == 1
