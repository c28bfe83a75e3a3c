"""The roster: who may act.

Law: commercial staff never decide, and nobody who is barred is paged or asked (L6, R12).
"""

from __future__ import annotations

import pytest

from answerable.core import roster
from answerable.core.facts import ClockSuspected, PolicyAdopted, Role, StaffEnrolled, StaffId, StaffLeft
from tests.core.builders import CARL, EVA, LEON, PIA, RENE, RITA, ROSA, START, a_world

NOBODY: frozenset[StaffId] = frozenset()


def enrol(staff: str, role: Role, superior: str | None = None, *, duty: bool = False) -> StaffEnrolled:
    """Enrol somebody."""
    above = StaffId(superior) if superior else None
    return StaffEnrolled(staff=StaffId(staff), role=role, duty=duty, superior=above, commit="00")


def test_commercial_staff_never_decide() -> None:
    """They are on the roster, and never among those who decide, own, or are paged."""
    people = a_world().roster
    assert people.is_active(CARL)
    assert not people.may_decide(CARL)
    assert CARL not in people.deciders()
    assert CARL not in people.ladder(RITA, RENE, NOBODY)


def test_who_left_may_nothing_until_enrolled_again() -> None:
    """Leaving is a fact, and so is coming back."""
    world = a_world().leave(RENE)
    assert not world.roster.may_decide(RENE)
    world.write(enrol("rene", Role.REVIEWER))
    assert world.roster.may_decide(RENE)


def test_duty_reviewers_own_first_then_leads_then_executives() -> None:
    """And then whoever else may decide; the barred are passed over."""
    people = a_world().roster
    assert people.ranked() == [RITA, LEON, EVA, RENE, ROSA, PIA]
    assert people.owner(NOBODY) == (RITA, LEON)
    assert people.owner(frozenset({RITA, LEON})) == (EVA, RENE)
    assert people.owner(frozenset(people.deciders()) - {PIA}) == (PIA, None)
    assert people.owner(frozenset(people.deciders())) is None


def test_the_ladder_has_one_lead_and_one_executive_and_nobody_barred() -> None:
    """However many leads there are, the executive is the fourth rung; the nearest above the owner come first."""
    world = a_world()
    world.write(*(enrol(f"lead{n}", Role.LEAD, "boss") for n in range(5)), enrol("boss", Role.EXECUTIVE))
    world.write(enrol("rita", Role.REVIEWER, "lead3", duty=True))
    people = world.roster
    assert people.ladder(RITA, RENE, NOBODY) == [RITA, RENE, "lead3", "boss"]
    barred = frozenset({RENE, StaffId("lead3"), StaffId("boss")})
    assert people.ladder(RITA, RENE, barred) == [RITA, "lead0", EVA]
    assert people.ladder(LEON, None, NOBODY) == [LEON, "lead0", "boss"]


def test_lines_go_up_and_end_even_where_the_data_loops() -> None:
    """Above and below are one line; beside each other is none; a loop is walked once."""
    world = a_world()
    world.write(enrol("a", Role.REVIEWER, "b"), enrol("b", Role.LEAD, "c"), enrol("c", Role.EXECUTIVE, "a"))
    world.write(enrol("d", Role.REVIEWER, "gone"), enrol("e", Role.REVIEWER, "e"))
    people, a, c, d = world.roster, StaffId("a"), StaffId("c"), StaffId("d")
    assert people.superiors(a) == ["b", "c"]
    assert people.superiors(d) == ["gone"]
    assert people.superiors(StaffId("e")) == people.superiors(StaffId("stranger")) == []
    assert people.are_in_one_line(a, c) and people.are_in_one_line(c, a)
    assert not people.are_in_one_line(RITA, a)


def test_a_record_without_genesis_has_no_policy() -> None:
    """Nothing can be decided under no rules."""
    with pytest.raises(AssertionError, match="no genesis"):
        assert roster.Roster().policy


def test_folding_the_stream_gives_the_same_people() -> None:
    """The fold is all there is, in order, without gaps (L7)."""
    world = a_world().leave(RENE).write(ClockSuspected(reader="gate-1", offered=START))
    system = [recorded for recorded in world.facts if recorded.stream == "system"]
    assert roster.fold(system) == world.roster
    assert {type(one.fact) for one in system} == {PolicyAdopted, StaffEnrolled, StaffLeft, ClockSuspected}
    with pytest.raises(AssertionError, match="is missing"):
        roster.fold(system[1:])


def test_coming_back_and_another_role_make_nobody_new() -> None:
    """A person counts from when he could first decide: sales not before the change of role, a leaver as before."""
    world = a_world().leave(RENE)
    assert CARL not in world.roster.since
    later = world.fast_forward(hours=1).now
    world.write(enrol("rene", Role.REVIEWER), enrol("carl", Role.REVIEWER), enrol("carl", Role.LEAD))
    assert world.roster.since[RENE] == START
    assert world.roster.since[CARL] == later


def test_the_outside_approver_is_a_partner_who_is_not_barred() -> None:
    """Who hears of what nobody inside has done is never one of the house, nor one whom the reporter named (L6)."""
    people = a_world().roster
    assert people.partner(NOBODY) == PIA
    assert people.partner(frozenset({PIA})) is None
