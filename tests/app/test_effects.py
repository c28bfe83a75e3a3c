"""What makes a message leave the house, and to whom.

Law: what nobody inside has done is told to somebody outside (DESIGN section 5).
"""

from __future__ import annotations

from datetime import timedelta

from answerable.app.effects import outgoing
from answerable.core.facts import DeadlineKind, DeadlineMissed, DefaultStepped, Hazard, Role, StaffId
from answerable.store.protocol import Outgoing
from tests.core.builders import LEON, PEOPLE, PIA, RITA, World, a_world


def suspended(world: World) -> World:
    """Have a default suspend an account, and nobody decide."""
    world.with_flag(hazard=Hazard.MASS_CASUALTY)
    world.view(world.case())
    world.record_act(world.case(), next(iter(world.case().signals)))
    return world.fast_forward(hours=1)


def pages(world: World, **span: float) -> dict[str, Outgoing]:
    """Let time pass; return what is sent for each fact that it brought, by idempotency key."""
    world.now += timedelta(**span)
    return {one.idem: one for one in world.act(lambda journal: list(outgoing(journal)))}


def missed(world: World, sent: dict[str, Outgoing]) -> dict[DeadlineKind, str]:
    """Return who was paged for each kind of missed deadline."""
    found = {}
    for one in world.facts:
        if isinstance(one.fact, DeadlineMissed) and f"{one.stream}:{one.seq}" in sent:
            found[world.case().deadlines[one.fact.deadline].kind] = sent[f"{one.stream}:{one.seq}"].body["to"]
    return found


def test_a_review_that_nobody_did_is_told_to_the_outside_approver() -> None:
    """Other deadlines go to the owner; of an unreviewed default the partner hears, unless she is barred."""
    world = suspended(a_world())
    assert missed(world, pages(world, days=4)) == {DeadlineKind.DEFAULT_REVIEW: PIA}
    barred = suspended(a_world())
    barred.with_notice(barred=(PIA,))
    assert PIA not in missed(barred, pages(barred, days=4)).values()


def test_without_a_partner_the_owner_hears_of_it() -> None:
    """A house without anybody outside still pages somebody."""
    world = suspended(a_world(people=[one for one in PEOPLE if one[1] is not Role.PARTNER]))
    assert missed(world, pages(world, days=4)) == {DeadlineKind.DEFAULT_REVIEW: RITA}


def test_a_step_is_told_to_the_owner() -> None:
    """The one lowering that nobody carried out is not silent either."""
    world = suspended(a_world())
    pages(world, days=13)
    sent = pages(world, days=1)
    (step,) = [one for one in world.facts if isinstance(one.fact, DefaultStepped)]
    page = sent[f"{step.stream}:{step.seq}"]
    assert (page.body["why"], page.body["to"]) == ("default_stepped", StaffId(RITA))
    assert missed(world, sent) == {DeadlineKind.DEFAULT_STEP: PIA}
    assert LEON not in {one.body["to"] for one in sent.values() if one.body["why"] == "default_stepped"}
