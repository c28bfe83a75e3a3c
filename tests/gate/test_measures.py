"""Levels, limits and the join: law L2."""

from __future__ import annotations

import pytest
from hypothesis import given

from answerable_gate import NOTHING, Level, Limit, Shield, Standing, cap, covers, join
from tests.gate.build import levels, standings


@given(standings, standings, standings)
def test_join_laws(a: Standing, b: Standing, c: Standing) -> None:
    """The join is associative, commutative and idempotent, NOTHING is its neutral element."""
    assert join(a, join(b, c)) == join(join(a, b), c) == join(a, b, c)
    assert join(a, b) == join(b, a)
    assert join(a, a) == join(a, NOTHING) == join(a) == a
    assert join() == NOTHING


@given(standings, standings)
def test_covers_is_the_order_of_the_join(a: Standing, b: Standing) -> None:
    """One standing covers another exactly where joining the other changes nothing."""
    assert covers(a, b) == (join(a, b) == a)
    assert covers(join(a, b), a)


@given(standings, levels)
def test_cap_bounds_the_level_alone(a: Standing, level: Level) -> None:
    """A cap never tightens and takes nothing but level."""
    capped = cap(a, level)
    assert capped.level == min(a.level, level)
    assert (capped.limits, capped.shields) == (a.limits, a.shields)
    assert covers(a, capped)


def test_levels_read_what_they_write() -> None:
    """Each level has one word, and no other word is a level."""
    assert [Level.of(level.word) for level in Level] == list(Level)
    assert [level.word for level in Level] == ["none", "watch", "guarded", "paused", "suspended", "terminated"]
    with pytest.raises(ValueError, match="no level is called 'Paused'"):
        Level.of("Paused")


def test_what_refuses_and_what_limits() -> None:
    """Watch is invisible, guarded limits, paused and above refuse; any limit or shield limits."""
    assert [level for level in Level if Standing(level).refuses] == [Level.PAUSED, Level.SUSPENDED, Level.TERMINATED]
    assert [level for level in Level if not Standing(level).limits_anything] == [Level.NONE, Level.WATCH]
    assert Standing(limits=frozenset({Limit.CARE})).limits_anything
    assert Standing(shields=frozenset({Shield("person_a", ())})).limits_anything
