"""Exposure: what was served after somebody warned.

Law: the sum of sealed blocks after the first notice, nothing estimated (R9, L18).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from answerable.core import exposure
from answerable.core.facts import ExposureGap, ExposureSealed, Refused
from tests.core.builders import SUBJECT, World, a_world, refusal


def seal(world: World, **fields: Any) -> Refused | None:
    """Seal a block of the last hour."""
    block: dict[str, Any] = {
        "root": "00", "exchanges": 10, "served": 8, "looser": 1, "tokens": 900,
        "since": world.now - timedelta(hours=1), "until": world.now,
    }
    sealed = ExposureSealed(subject=SUBJECT, **(block | fields))
    return world.act(lambda journal: exposure.seal(journal, sealed))


def test_blocks_after_the_first_notice_are_summed() -> None:
    """What came before it, and what nobody warned about, is not counted in."""
    world = a_world()
    assert exposure.first_notice_at(world.files.cases()) is None
    assert seal(world) is None
    world.with_notice()
    warned = world.now
    for _ in range(2):
        world.fast_forward(hours=2)
        assert seal(world) is None
    world.with_notice().write(ExposureGap(subject=SUBJECT, since=warned, until=world.now, reason="gate"))
    assert exposure.first_notice_at(world.files.cases()) == warned
    total = exposure.after(world.files.subject(SUBJECT), warned)
    assert total == exposure.Exposure(exchanges=20, served=16, tokens=1_800, looser=2)
    assert exposure.after(world.files.subject(SUBJECT), world.now) == exposure.Exposure()


@pytest.mark.parametrize(
    "fields", [{"exchanges": 0}, {"served": 11}, {"looser": 9}, {"until": a_world().now - timedelta(hours=2)}]
)
def test_a_block_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    """No empty block, no more served than asked, no more looser than served, no end before its beginning."""
    world = a_world()
    assert refusal(seal(world, **fields)) == "bad_input"
    assert world.said(ExposureSealed) == []
