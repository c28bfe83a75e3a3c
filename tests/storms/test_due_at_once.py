"""Ten thousand deadlines in one moment: three workers race for them, and each takes effect once (L1)."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from answerable.cli.wiring import open_house
from answerable.config import load
from answerable.core import facts as f
from answerable.errors import Conflict, StoreUnavailable
from answerable.work.ticker import sweep
from tests.storms.conftest import Enter
from tests.storms.ground import FORKED, Ground, prepare

WORKERS = 3
PATIENCE_S = 400.0


def work(config: str, environment: dict[str, str]) -> None:
    """Be a worker that nobody told to wait for a leader: write down what is due until nothing is."""
    os.environ.update(environment)
    house = None
    while house is None:
        with suppress(StoreUnavailable):  # two who sweep leave a third no moment in a file
            house = open_house(load(Path(config)))
    desk = house.answerable()
    while house.store.due(desk.acts.now(house.store.high_water()), 1):
        try:
            sweep(desk)
        except (Conflict, StoreUnavailable):  # and whoever waited ten seconds for the file tries again
            time.sleep(0.01)
    house.close()


def race(enter: Enter, ground: Ground, dues: int) -> None:
    """Let so many defaults fall due at once and three workers race; print how long it took."""
    prepare(ground, dues=dues, lifts=0)
    ground.forward_to(ground.dues[-1] + timedelta(hours=1))
    racing = [FORKED.Process(target=work, args=(str(ground.config), ground.environment)) for _ in range(WORKERS)]
    began = time.monotonic()
    for one in racing:
        one.start()
    for one in racing:
        one.join(PATIENCE_S)
    took = time.monotonic() - began
    print(f"{dues} due at once, {WORKERS} workers: {took:.1f} s")
    assert [one.exitcode for one in racing] == [0] * WORKERS
    store = enter().store
    store.integrate()
    recorded = list(store.all_recorded())
    fired = Counter(one.fact.item for one in recorded if isinstance(one.fact, f.DefaultTookEffect))
    assert len(fired) == dues and set(fired.values()) == {1}
    missed = Counter(one.fact.deadline for one in recorded if isinstance(one.fact, f.DeadlineMissed))
    assert set(missed.values()) == {1}
    assert store.size() == store._one("SELECT count(*) FROM fact")[0]  # type: ignore[attr-defined]


def test_two_hundred_due_at_once_fall_once_each(enter: Enter, ground: Ground) -> None:
    """The small race."""
    race(enter, ground, 200)


@pytest.mark.long
def test_ten_thousand_due_at_once_fall_once_each(enter: Enter, ground: Ground) -> None:
    """The great one."""
    race(enter, ground, 10_000)
