"""What is planted a world of chance finds as well, which nobody led there.

Law: a check that only a story of its own can reach guards nothing in the months that nobody wrote down.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from answerable.simulation import simulate
from tests.mutants import announcing, promises, reviews, tenants
from tests.mutants.stage import STAFFED
from tests.simulation.test_run import quiet

__all__ = ["quiet"]

FOUND = (
    promises.the_clock_of_the_case_is_promised,
    reviews.a_default_is_reviewed_some_day,
    reviews.a_gate_tells_the_last_date,
    reviews.a_gate_tells_the_date_of_measures_alone,
    tenants.a_scope_is_a_word,
    tenants.the_same_shield_for_all,
    tenants.what_came_by_itself_is_the_tenants,
    announcing.the_clock_starts_when_it_is_read,
    announcing.each_delivery_is_a_notice,
    announcing.each_telling_is_a_notice,
    announcing.a_switch_off_is_a_flag,
)


@pytest.mark.parametrize("plant", FOUND, ids=lambda plant: plant.__name__)
def test_a_world_finds_the_fault_by_itself(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of three seeds is enough; without the fault each of them keeps every law."""
    plant(monkeypatch)
    assert any(simulate(seed, policy=STAFFED, days=60).breach for seed in (1, 2, 3))
