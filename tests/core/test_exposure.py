"""Exposure: what was served after somebody warned.

Law: the sum of sealed blocks after the first notice, nothing estimated (R9, L18).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from answerable.core import exposure
from answerable.core.facts import ExposureGap, ExposureSealed, GateFound, GateLost, Refused, SubjectId
from tests.core.builders import SECOND, SUBJECT, World, a_world, hours, refusal


def seal(world: World, *, subject: SubjectId = SUBJECT, **fields: Any) -> Refused | None:
    """Seal a block of the last hour."""
    block: dict[str, Any] = {
        "root": "00", "exchanges": 10, "served": 8, "looser": 1, "tokens": 900,
        "since": world.now - timedelta(hours=1), "until": world.now,
    }
    sealed = ExposureSealed(subject=subject, **(block | fields))
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
    old = {"documents_not_known": 16, "mentions_not_known": 16}
    assert total == exposure.Exposure(exchanges=20, served=16, tokens=1_800, looser=2, **old)
    assert exposure.after(world.files.subject(SUBJECT), world.now) == exposure.Exposure()


@pytest.mark.parametrize(
    "fields", [{"exchanges": 0}, {"served": 11}, {"looser": 9}, {"until": a_world().now - timedelta(hours=2)}]
)
def test_a_block_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    """No empty block, no more served than asked, no more looser than served, no end before its beginning."""
    world = a_world()
    assert refusal(seal(world, **fields)) == "bad_input"
    assert world.said(ExposureSealed) == []


def test_the_accounts_of_a_holder_are_summed_and_a_block_that_lies_across_the_notice_is_said() -> None:
    """What a second account was served counts; a block sealed before the two were linked is a gap and no number."""
    world = a_world().see(SECOND).with_notice()
    warned = world.now
    world.fast_forward(hours=3)
    assert seal(world) is None
    seal(world, subject=SECOND, exchanges=5, served=5, looser=0, tokens=50, documents=4, documents_not_known=1)
    seal(world, subject=SECOND, exchanges=4, served=4, looser=0, tokens=40, since=warned - hours(1), until=warned)
    world.link("email", "phone")
    accounts = world.files.holder(SUBJECT)
    assert exposure.of_holder(accounts, warned) == exposure.Exposure(
        exchanges=15, served=13, tokens=950, looser=1, documents=4, documents_not_known=9, mentions_not_known=13
    )
    (gap,) = exposure.gaps(accounts, (), warned)
    assert (gap.reason, gap.exchanges, gap.since) == ("sealed_across", 4, warned - hours(1))


def test_every_span_without_rows_is_said_from_the_notice_on() -> None:
    """Gaps with their count, gates that were lost or still are; none of what was over before somebody warned."""
    world = a_world()
    early = world.now
    world.write(GateLost(gate="front-1", since=early), GateFound(gate="front-1", until=early + hours(1)))
    world.write(ExposureGap(subject=SUBJECT, since=early, until=early, reason="no_room", exchanges=9))
    world.fast_forward(hours=2).with_notice()
    warned = world.now
    world.write(
        GateLost(gate="front-1", since=warned + hours(2)),
        GateLost(gate="front-2", since=warned + hours(3)),
        GateFound(gate="front-1", until=warned + hours(4)),
        ExposureGap(subject=SUBJECT, since=warned, until=warned + hours(1), reason="no_room", exchanges=3),
    )
    found = exposure.gaps([world.files.subject(SUBJECT)], world.roster.lost, warned)
    assert [(one.reason, one.since - warned, one.until and one.until - warned, one.exchanges) for one in found] == [
        ("no_room", hours(0), hours(1), 3),
        ("gate_lost", hours(2), hours(4), None),
        ("gate_lost", hours(3), None, None),
    ]
