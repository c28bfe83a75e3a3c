"""The draw of the second person.

Law: the system chooses who countersigns, and nobody can choose by asking again (L4).
"""

from __future__ import annotations

from dataclasses import replace

from answerable.core import draws
from answerable.core.facts import LoweringKind, ProposalId, Refused, Role, SignalKind, StaffEnrolled, StaffId
from answerable_gate import Level
from tests.core.builders import CARL, EVA, HER, LEON, PIA, RENE, RITA, ROSA, World, a_world, at, refusal


def proposed(world: World) -> ProposalId:
    """Propose to lower the only case by one level."""
    proposal = world.propose(world.case(), LoweringKind.LIFT, to=at(Level.WATCH))
    assert not isinstance(proposal, Refused), proposal
    return proposal


def test_the_draw_passes_over_deciders_superiors_and_the_barred() -> None:
    """Never who decided, who stands above or below the first, or who is barred anywhere in the holder."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).with_notice(person=HER, barred=(ROSA,))
    case = world.case()
    world.decide(case, Level.GUARDED, EVA)
    world.roster.staff[RITA] = replace(world.roster.staff[RITA], superior=LEON)
    drawn = world.act(lambda journal: {draws.draw(journal, case, f"pr_{n}", RITA) for n in range(40)})
    assert drawn == {RENE, PIA}


def test_proposing_again_draws_nobody_else() -> None:
    """A reviewer who proposes until a friend is drawn gets the same person each time, until that one cannot sign."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).answer_all().all_view()
    first = world.drawn(world.case(), proposed(world))
    assert {world.drawn(world.case(), proposed(world)) for _ in range(20)} == {first}
    world.leave(first)
    assert world.drawn(world.case(), proposed(world)) != first


def test_a_proposal_carried_out_leaves_the_next_draw_open() -> None:
    """Each step down is its own proposal; only an open one keeps its second person."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    world.lower(world.case(), LoweringKind.LIFT, to=at(Level.WATCH))
    assert world.act(lambda journal: draws.drawn_before(journal, world.case(), RITA)) is None


def test_nobody_is_enrolled_to_countersign_a_case_that_is_open() -> None:
    """Who could not decide when it was opened, a stranger or of sales, is never its second; of a later one he is."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).fast_forward(hours=1)
    for name in (StaffId("friend"), CARL):
        world.write(StaffEnrolled(staff=name, role=Role.REVIEWER, duty=False, superior=None, commit="00"))
    old, new = world.case(), replace(world.case(), opened_at=world.now)
    able = {RENE, ROSA, LEON, EVA, PIA}
    drawn = world.act(lambda journal: {draws.draw(journal, old, f"pr_{n}", RITA) for n in range(60)})
    assert drawn == able
    assert world.act(lambda journal: not draws.is_able(journal, old, RITA, CARL))
    drawn = world.act(lambda journal: {draws.draw(journal, new, f"pr_{n}", RITA) for n in range(60)})
    assert drawn == {*able, CARL, "friend"}


def test_a_lift_needs_two_who_may_still_sign_when_it_is_carried_out() -> None:
    """Who signed and has left since is no second person any more: another is drawn, or it is proposed anew (L4)."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).answer_all().all_view()
    case = world.case()
    proposal = world.propose(case, LoweringKind.LIFT, to=at(Level.WATCH))
    assert not isinstance(proposal, Refused), proposal
    second = world.drawn(case, proposal)
    assert world.sign(case, proposal) is None
    world.leave(second).fast_forward(hours=72)
    assert refusal(world.lift(case, proposal)) == "signer_unfit"
    assert world.level() is Level.GUARDED


def test_a_second_confirmation_restarts_the_cooling_off() -> None:
    """It changes no digest, so both signatures stand, and still nothing is lifted before it was thought over (L4)."""
    world = a_world().with_notice()
    case = world.case()
    (notice,) = case.notices
    world.confirm_notice(case, notice)
    world.answer_all().all_view()
    proposal = world.propose(case, LoweringKind.LIFT, to=at(Level.GUARDED))
    assert not isinstance(proposal, Refused), proposal
    assert world.sign(case, proposal) is None
    world.fast_forward(hours=72)
    world.confirm_notice(case, notice)
    assert refusal(world.lift(case, proposal)) == "cooling_off"
    assert world.sign(case, proposal) is None
    world.fast_forward(hours=23)
    assert refusal(world.lift(case, proposal)) == "cooling_off"
    world.fast_forward(hours=1)
    assert world.lift(case, proposal) is None
