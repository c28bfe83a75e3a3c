"""The simulated world keeps every law, for twenty seeds of ninety days, and one seed is always one record."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache

import pytest

from answerable.simulation import Law, Outcome, simulate
from answerable.simulation.people import Size
from tests.sources import ROOT

POLICIES = ROOT / "src/answerable/blobs/policies"
STAFFED = (POLICIES / "staffed.toml").read_text()
CHECKED = (
    Law.L1, Law.L2, Law.L3, Law.L4, Law.L5, Law.L6, Law.L7, Law.L8, Law.L9, Law.L11, Law.L13, Law.L14, Law.L17,
    Law.L18,
)  # fmt: skip


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The worker logs each planned fault as an error, as it should; here they are planned."""
    log = logging.getLogger("answerable")
    before, log.disabled = log.level, False
    log.setLevel(logging.CRITICAL + 1)
    yield
    log.setLevel(before)


@cache
def world(seed: int) -> Outcome:
    """Return what became of a world in ninety days."""
    return simulate(seed, policy=STAFFED, days=90)


@pytest.mark.parametrize("seed", range(1, 21))
def test_ninety_days_keep_every_law(seed: int) -> None:
    """L1-L9, L11, L13, L14, L17, L18: at every step of ninety days of faults, shortcuts and floods."""
    outcome = world(seed)
    assert outcome.breach is None, f"\n{outcome.breach}\nanswerable simulate --policy staffed --days 90 --seed {seed}"
    assert all(outcome.checks.get(law.value) for law in CHECKED)
    assert outcome.tally.defaults and outcome.tally.lapsed and outcome.tally.refused


def test_some_worlds_see_a_lift_through() -> None:
    """L4: the interlock is not only refused; in one world or another two people come to its end."""
    assert any(world(seed).tally.lifts for seed in range(1, 5))


def test_some_worlds_tell_of_attempts() -> None:
    """L12: an order comes into force, he tries, and she is told; the check has something to check."""
    assert any(world(seed).checks.get(Law.L12.value) for seed in (7, 6, 3, 4))


@pytest.mark.parametrize("policy", ["startup", "platform"])
def test_every_shipped_policy_keeps_them(policy: str) -> None:
    """The laws hold under each policy that is shipped."""
    outcome = simulate(1, policy=(POLICIES / f"{policy}.toml").read_text(), days=15)
    assert outcome.breach is None, f"\n{outcome.breach}"


def test_a_stricter_policy_reaches_running_cases() -> None:
    """L3: a policy adopted in the middle shortens what runs, and lengthens nothing."""
    stricter = STAFFED.replace('"staffed-1"', '"staffed-2"').replace('decide = "24h"', 'decide = "6h"')
    looser = STAFFED.replace('"staffed-1"', '"staffed-3"').replace('look = "4h"', 'look = "12h"')
    assert stricter != STAFFED != looser
    for then in (stricter, looser):
        outcome = simulate(5, policy=STAFFED, days=50, then=then)
        assert outcome.breach is None, f"\n{outcome.breach}"


def test_same_seed_same_bytes() -> None:
    """L16: one seed gives one record, byte for byte, and another seed gives another."""
    first, again, other = (simulate(seed, policy=STAFFED, days=20) for seed in (7, 7, 8))
    assert (first.root, first.facts, first.tally) == (again.root, again.facts, again.tally)
    assert other.root != first.root


@pytest.mark.long
@pytest.mark.parametrize("score", range(15))
def test_three_hundred_seeds(score: int) -> None:
    """The laws hold in three hundred worlds, one in ten of them crowded."""
    for seed in range(1000 + 20 * score, 1020 + 20 * score):
        size = Size(quiet=25, dangerous=15, crossed=4, flood=60) if seed % 10 == 0 else Size()
        outcome = simulate(seed, policy=STAFFED, days=30, size=size)
        assert outcome.breach is None, f"\n{outcome.breach}"
