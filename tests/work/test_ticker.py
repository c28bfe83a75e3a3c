"""The ticker writes down what time has brought; one that cannot be written holds up nobody behind it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from answerable.app import Answerable
from answerable.core.facts import SubjectId
from answerable.errors import NewerVersion, StoreUnavailable
from answerable.work import ticker
from tests.work.memory import in_memory


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


@pytest.mark.parametrize("error", [NewerVersion(), StoreUnavailable()])
def test_one_that_cannot_be_written_is_passed_over(tmp_path: Path, error: Exception) -> None:
    """A subject that this program cannot read stays due; the others are written down."""
    house = in_memory(tmp_path)
    for number in range(5):
        house.flag(f"s{number}", f"user-{number}")
    house.clock.advance(timedelta(days=30))
    (bad,) = house.store.due(house.clock.now(), 1)

    class Picky(Answerable):
        def settle(self, subject: SubjectId) -> None:
            if subject == bad:
                raise error
            super().settle(subject)

    picky = Picky(house.answerable.acts, house.answerable.intake, house.answerable.signer)
    assert ticker.sweep(picky) == 4
    assert house.store.due(house.clock.now(), 10) == [bad]


def test_a_sweep_ends_where_something_stays_due(tmp_path: Path) -> None:
    """A subject that stays due without an error is tried once in a sweep, not for ever."""
    house = in_memory(tmp_path)
    house.flag("s1")
    house.clock.advance(timedelta(days=30))

    class Idle(Answerable):
        def settle(self, subject: SubjectId) -> None:
            pass

    idle = Idle(house.answerable.acts, house.answerable.intake, house.answerable.signer)
    assert ticker.sweep(idle) == 1
