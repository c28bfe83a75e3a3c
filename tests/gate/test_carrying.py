"""What a verdict needs of an inlet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from answerable_gate import Entry, Frozen, Level, Limit, Request, Shield, Standing, Verdict, judge
from answerable_gate.carrying import ALL, SAYABLE, Carried, closes, needed, uncarried
from tests.gate.build import START, a_policy, an_entry, an_item

ASKED = Request(identity="subject_a", model="m1", tools=())


def verdict_of(standing: Standing, frozen: Frozen | None = None) -> Verdict:
    """Judge an ordinary request."""
    entry: Entry = replace(an_entry(replace(an_item(), standing=standing)), frozen=frozen)
    return judge(entry, replace(ASKED, model=None, tools=None), START, a_policy())


@pytest.mark.parametrize(
    ("standing", "frozen", "needs"),
    [
        (Standing(Level.WATCH), None, ()),
        (Standing(Level.WATCH, limits=frozenset({Limit.CARE})), None, ("preamble",)),
        (Standing(Level.WATCH, limits=frozenset({Limit.NO_TOOLS})), None, ("tools",)),
        (Standing(Level.WATCH, limits=frozenset({Limit.NO_MEMORY})), None, ("store",)),
        (Standing(Level.WATCH, limits=frozenset({Limit.NO_DOCUMENTS})), None, ("documents", "preamble")),
        (Standing(Level.WATCH, shields=frozenset({Shield("p", ("sam doe",))})), None, ("names", "preamble")),
        (Standing(Level.WATCH), Frozen(models=("m1",), tools=None), ("model",)),
        (Standing(Level.GUARDED), None, ("documents", "preamble", "store", "tools")),
        (Standing(Level.PAUSED), None, ()),
    ],
)
def test_a_verdict_needs_what_it_limits(standing: Standing, frozen: Frozen | None, needs: tuple[Carried, ...]) -> None:
    """No more and no less; a refusal needs nothing."""
    verdict = verdict_of(standing, frozen)
    assert tuple(sorted(needed(verdict))) == needs
    assert uncarried(verdict, frozenset()) == needs
    assert uncarried(verdict, ALL) == ()


def test_what_is_not_carried_closes_from_guarded_on() -> None:
    """Below that it passes and is reported."""
    guarded = verdict_of(Standing(Level.GUARDED))
    assert closes(guarded, frozenset({"preamble", "tools"}))
    assert not closes(guarded, SAYABLE)
    assert not closes(verdict_of(Standing(Level.WATCH, limits=frozenset({Limit.CARE}))), frozenset())
