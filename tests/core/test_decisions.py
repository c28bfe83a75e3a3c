"""Decisions: one named person at or above the yardstick, never below.

Law: nothing but a decision settles a default, and only those of its own case (L3, L4).
"""

from __future__ import annotations

import pytest

from answerable.core import decisions
from answerable.core.facts import (
    ActRefused,
    DeadlineKind,
    DecisionTaken,
    Hazard,
    MeasureSet,
    SignalKind,
    StaffId,
)
from answerable_gate import Level, Limit, Shield
from tests.core.builders import (
    CARL,
    EVA,
    HER,
    LEON,
    RENE,
    RITA,
    SECOND,
    SUBJECT,
    TEXT,
    World,
    a_world,
    hours,
    refusal,
)


def dissent(world: World, staff: StaffId = RENE) -> object:
    """Disagree in writing."""
    case = world.case()
    return world.act(lambda journal: decisions.dissent(journal, case.id, staff=staff, text=TEXT), staff)


def override(world: World, dissent_id: object, staff: StaffId = LEON) -> object:
    """Override a dissent."""
    case = world.case()
    return world.act(
        lambda journal: decisions.override(journal, case.id, str(dissent_id), staff=staff, text=TEXT), staff
    )


@pytest.mark.parametrize("level", [Level.GUARDED, Level.PAUSED, Level.SUSPENDED, Level.TERMINATED])
def test_one_person_decides_at_the_yardstick_or_above(level: Level) -> None:
    """A named person may go as far as is needed, alone."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    case = world.case()
    assert world.decide(case, level) is None
    assert world.level() is level
    assert not any(case.live_defaults())


def test_one_person_cannot_decide_below_the_armed_default() -> None:
    """Below what is armed, due or not, the attempt is refused and stays in the record (R1)."""
    world = a_world().with_notice().with_flag(person=HER, act=True, identified=True)
    case = world.case()
    assert world.level() is Level.GUARDED
    assert refusal(world.decide(case, Level.GUARDED)) == "below_the_armed_default"
    assert world.said(ActRefused)[-1].verb == "decide"
    assert world.fast_forward(hours=1).level() is Level.PAUSED


def test_nobody_decides_on_what_they_have_not_opened() -> None:
    """A decision ends clocks, so whoever takes it has opened everything in the case at that moment (F2)."""
    world = a_world().with_flag()
    case = world.case()
    world.view(case)
    world.with_flag()
    wanted = decisions.Wanted(
        level=Level.SUSPENDED, limits=frozenset(), shields=frozenset(), scope="chat", proportionality=None, reason=TEXT
    )
    blind = world.act(lambda journal: decisions.decide(journal, case.id, wanted, staff=RITA), RITA)
    assert refusal(blind) == "not_opened"
    assert world.due(case, DeadlineKind.DECIDE) is not None
    assert world.decide(case, Level.SUSPENDED) is None


def test_the_yardstick_is_the_holders() -> None:
    """What another case or a confirmed account holds cannot be undercut here."""
    world = a_world().with_flag(SECOND).with_flag(SUBJECT)
    mine = next(case for case in world.files.cases() if case.subject == SUBJECT)
    other = next(case for case in world.files.cases() if case.subject == SECOND)
    world.decide(other, Level.SUSPENDED)
    link = world.link("phone", "card")
    assert refusal(world.decide(mine, Level.WATCH)) == "below_the_armed_default"
    assert world.decide(mine, Level.GUARDED) is None
    world.confirm_link(link)
    assert refusal(world.decide(mine, Level.PAUSED)) == "below_the_armed_default"
    assert world.decide(mine, Level.SUSPENDED) is None


def test_a_decision_settles_nothing_of_another_case() -> None:
    """One case's decision leaves the other's clock and default as they are."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).with_flag(person=HER)
    first, second = world.case(0), world.case(1)
    before = world.armed(second)
    world.decide(first, Level.SUSPENDED)
    assert world.armed(second) == before
    assert world.due(second, DeadlineKind.DECIDE) is not None
    assert set(world.said(DecisionTaken)[0].settles) <= set(first.held)


def test_a_decision_keeps_the_limits_that_stand() -> None:
    """It adds limits and takes none away; a lift does that."""
    world = a_world().with_flag(hazard=Hazard.SELF_HARM, kind=SignalKind.TRAJECTORY)
    case = world.case()
    world.decide(case, Level.GUARDED, limits=[Limit.NO_TOOLS])
    assert world.standing().limits == {Limit.CARE, Limit.NO_TOOLS}
    wanted = decisions.Wanted(
        level=Level.GUARDED,
        limits=frozenset(),
        shields=frozenset({Shield(HER, ("her",))}),
        scope="chat",
        proportionality=None,
        reason=TEXT,
    )
    assert world.act(lambda journal: decisions.decide(journal, case.id, wanted, staff=RITA)) is None
    assert world.standing().limits == {Limit.CARE, Limit.NO_TOOLS}
    assert len(world.standing().shields) == 1


def test_a_decision_takes_over_no_shield_of_another_account() -> None:
    """L11: it stands over the link, and goes with it."""
    world = a_world().with_flag(SECOND).with_flag(SUBJECT)
    mine = next(case for case in world.files.cases() if case.subject == SUBJECT)
    other = next(case for case in world.files.cases() if case.subject == SECOND)
    world.link("phone", "card")
    world.view(other)
    shield = frozenset({Shield(HER, ("her",))})
    wanted = decisions.Wanted(
        level=Level.GUARDED, limits=frozenset(), shields=shield, scope="chat", proportionality=None, reason=TEXT
    )
    assert world.act(lambda journal: decisions.decide(journal, other.id, wanted, staff=RITA), RITA) is None
    assert world.decide(mine, Level.GUARDED) is None
    assert world.standing().shields == shield
    assert [fact.standing.shields for fact in world.said(MeasureSet)] == [shield, frozenset()]


def test_who_may_not_decide() -> None:
    """Not sales, not a stranger, not one who left; who is barred finds no case at all."""
    world = a_world().with_notice(barred=(LEON,)).leave(RENE)
    case = world.case()
    for staff in (CARL, RENE, StaffId("nobody")):
        assert refusal(world.decide(case, Level.SUSPENDED, staff)) == "not_authorised"
    assert refusal(world.decide(case, Level.SUSPENDED, LEON)) == "not_found"


def test_a_measure_has_a_review_first_in_90_days_then_in_180() -> None:
    """No measure ends by time: the date is a deadline to decide again, and deciding again meets it."""
    world = a_world().with_flag()
    case = world.case()
    world.decide(case, Level.GUARDED)
    assert world.due(case, DeadlineKind.MEASURE_REVIEW) == hours(24 * 90)
    world.decide(case, Level.GUARDED)
    assert world.due(case, DeadlineKind.MEASURE_REVIEW) == hours(24 * 180)
    assert world.fast_forward(days=400).level() is Level.GUARDED


def test_deciding_on_nothing_has_no_review() -> None:
    """Where nothing stands and nothing is armed, nothing is a decision too."""
    world = a_world().with_flag()
    case = world.case()
    world.decide(case, Level.WATCH)
    assert world.due(case, DeadlineKind.MEASURE_REVIEW) is not None
    world = a_world()
    world.effects_left = 0
    world.with_notice(person=HER)
    assert world.decide(world.case(), Level.NONE) is None
    assert world.said(MeasureSet)[-1].standing.level is Level.NONE
    assert world.due(world.case(), DeadlineKind.MEASURE_REVIEW) is None


def test_a_dissent_is_kept_and_only_another_senior_overrides_it() -> None:
    """Evidence like any other; overriding it owes a second look within 72 hours (R12)."""
    world = a_world().with_flag()
    case = world.case()
    assert refusal(dissent(world, CARL)) == "not_authorised"
    one, by_lead = dissent(world), dissent(world, LEON)
    assert set(case.dissents) == {one, by_lead}
    assert refusal(override(world, one, CARL)) == "not_authorised"
    assert refusal(override(world, "ds_none")) == "not_found"
    assert refusal(override(world, one, RITA)) == "not_senior"
    assert refusal(override(world, by_lead, LEON)) == "not_senior"
    assert override(world, one) == world.now + hours(72)
    assert override(world, by_lead, EVA) == world.now + hours(72)
    assert case.overridden == {one, by_lead}


def shielded(world: World, *shields: Shield) -> object:
    """Open the case and decide on shields."""
    case = world.case()
    world.view(case)
    wanted = decisions.Wanted(
        level=Level.GUARDED, limits=frozenset(), shields=frozenset(shields), scope="chat", proportionality=None,
        reason=TEXT,
    )
    return world.act(lambda journal: decisions.decide(journal, case.id, wanted, staff=RITA), RITA)


@pytest.mark.parametrize("terms", [tuple(f"name {n}" for n in range(65)), ("Mara", "Mara"), ("M" * 201,)])
def test_a_shield_that_no_gate_could_read_is_refused(terms: tuple[str, ...]) -> None:
    """One such line would end the feed of every gate, and everybody behind it would go unprotected."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    assert refusal(shielded(world, Shield(HER, terms))) == "bad_input"
    assert not world.said(MeasureSet)


def test_more_shields_than_one_item_carries_stand_over_several() -> None:
    """A further decision keeps the shields of the earlier ones in force, and is never refused for their number."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    first = {Shield(f"pe_{n}", ("Mara",)) for n in range(64)}
    assert shielded(world, *first) is None
    assert shielded(world, Shield("pe_64", ("Mara",))) is None
    assert len(world.said(MeasureSet)[1].standing.shields) == 1
    assert world.standing().shields == first | {Shield("pe_64", ("Mara",))}
