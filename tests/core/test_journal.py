"""The journal of one act.

Law: each step reads what the steps before it wrote, and the same facts, clock and mint give the same bytes (L16).
"""

from __future__ import annotations

from answerable.core.facts import CaseOpened, Hazard, PolicyAdopted, Tier, stream_of
from tests.core.builders import HER, SUBJECT, a_world, hours, of_tier


def test_the_same_seed_gives_the_same_record() -> None:
    """No clock, no chance but what came in."""

    def story(seed: int) -> list[object]:
        world = a_world(seed=seed).with_flag(hazard=Hazard.MASS_CASUALTY).with_notice(person=HER)
        return list(world.fast_forward(days=3).facts)

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_facts_are_numbered_within_their_streams() -> None:
    """From one, without gaps, whatever the order of writing across streams."""
    world = a_world().with_flag().with_notice(person=HER).fast_forward(days=9)
    seen: dict[str, int] = {}
    for recorded in world.facts:
        assert recorded.stream == stream_of(recorded.fact)
        assert recorded.seq == seen.get(recorded.stream, 0) + 1
        seen[recorded.stream] = recorded.seq
    assert set(seen) == {"system", f"subject:{SUBJECT}", f"case:{world.case().id}"}


def test_a_case_goes_by_the_strictest_of_all_its_policies() -> None:
    """And a new case by the newest."""
    world = a_world().with_flag()
    world.adopt(of_tier(Tier.CONCERN, look=hours(1))).adopt(of_tier(Tier.CONCERN, look=hours(90)))
    limits = world.act(lambda journal: (journal.policy_of(world.case()), journal.policy))
    assert [policy.tiers[Tier.CONCERN].look for policy in limits] == [hours(1), hours(90)]
    assert len(world.said(PolicyAdopted)) == 3
    world.with_flag(person=HER)
    assert world.said(CaseOpened)[-1].policy == world.roster.policy
