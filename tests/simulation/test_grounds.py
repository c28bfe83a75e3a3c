"""The simulated world on each kind of record: the same facts on all, and every law where acts happen at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from answerable.simulation import Law, Outcome, simulate
from tests.mutants.grounds import KINDS, grounds
from tests.simulation.test_run import STAFFED, quiet

__all__ = ["quiet"]


def _run(kind: str, folder: Path, seed: int, days: int, *, crossed: bool = False) -> Outcome:
    folder.mkdir()
    outcome = simulate(seed, policy=STAFFED, days=days, ground=grounds(kind, folder), crossed=crossed)
    assert outcome.breach is None, f"\n{outcome.breach}"
    return outcome


def _told(outcome: Outcome) -> tuple[object, ...]:
    return outcome.streams, outcome.facts, outcome.tally


def _same_on_all(folder: Path, seed: int, days: int) -> None:
    first, *others = (_run(kind, folder / kind, seed, days) for kind in KINDS)
    assert [_told(one) for one in others] == [_told(first)] * len(others)


@pytest.mark.parametrize("seed", [3, 4])
def test_one_seed_writes_the_same_streams_on_every_kind_of_record(seed: int, tmp_path: Path) -> None:
    """L16: three programs on one record, in memory, in files, in a database: in every stream the same bytes."""
    _same_on_all(tmp_path, seed, 5)


@pytest.mark.parametrize("seed", [1, 2])
def test_acts_that_cross_keep_every_law(seed: int, tmp_path: Path) -> None:
    """L1-L9, L13, L17: others write, seal, sweep and tell gates between the statements of an act."""
    outcome = _run("database", tmp_path / "record", seed, 5, crossed=True)
    alone = simulate(seed, policy=STAFFED, days=5)
    assert outcome.streams != alone.streams
    assert outcome.steps > alone.steps
    assert all(outcome.checks.get(law.value) for law in (Law.L1, Law.L2, Law.L3, Law.L4, Law.L7, Law.L8, Law.L17))


def test_acts_cross_as_the_seed_says(tmp_path: Path) -> None:
    """L16: which act comes in the middle of which is the seed's, and so is every fact of both."""
    first, again = (_run("database", tmp_path / name, 5, 3, crossed=True) for name in ("first", "again"))
    assert _told(first) == _told(again)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20, 24))
def test_forty_days_are_the_same_on_every_kind_of_record(seed: int, tmp_path: Path) -> None:
    """L16, over policies, floods, and every fault that the world has."""
    _same_on_all(tmp_path, seed, 40)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 106))
def test_crossing_acts_keep_every_law_for_weeks(seed: int, tmp_path: Path) -> None:
    """Every law, for twenty days in which acts cross."""
    _run("database", tmp_path / "record", seed, 20, crossed=True)
