"""The fold: facts in order give the files.

Law: `fold(facts) == files`; a missing, repeated or reordered fact is refused, and nothing armed is ever edited (L7).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from answerable.core import facts as f
from answerable.core import fold
from answerable_gate import Level
from tests.core.builders import EVA, HER, RITA, SECOND, World, a_world, at


def a_long_story() -> World:
    """Go through most kinds of fact."""
    world = a_world().with_flag(kind=f.SignalKind.TRAJECTORY).see(SECOND)
    case = world.case()
    notice = world.notice()
    world.fast_forward(days=5)
    world.confirm_notice(case, notice)
    world.decide(case, Level.PAUSED, EVA)
    world.link("phone", "card")
    world.lower(case, f.LoweringKind.LIFT, to=at(Level.GUARDED))
    world.write(f.MeasureConfirmed(subject=case.subject, case=case.id, item=f.ItemId("it_x"), gate="g1"))
    return world


def test_folding_everything_again_gives_the_same_files() -> None:
    """The read side is disposable."""
    world = a_long_story()
    assert fold.fold(world.facts).subjects == {
        key: subject for key, subject in world.files.subjects.items() if subject.seq or subject.cases
    }
    assert world.case().confirmed == {"it_x": {"g1"}}


def test_a_gap_a_repeat_and_a_change_of_order_are_refused() -> None:
    """Streams come whole and in their own order."""
    facts = a_world().with_flag().facts
    case_facts = [one for one in facts if one.stream.startswith("case:")]
    for broken in (case_facts[1:], [*case_facts, case_facts[-1]], [case_facts[0], case_facts[2]], [case_facts[0]] * 2):
        with pytest.raises((AssertionError, KeyError)):
            fold.fold(broken)
    subject_facts = [one for one in facts if one.stream.startswith("subject:")]
    with pytest.raises(AssertionError, match="is missing"):
        fold.fold(subject_facts[1:])


def test_the_system_stream_is_another_folds() -> None:
    """It goes into the roster."""
    system = next(one for one in a_world().facts if isinstance(one.fact, f.SystemFact))
    with pytest.raises(AssertionError, match="roster"):
        fold.evolve(fold.fold([]), system)


def again(world: World, kind: type, **changes: Any) -> None:
    """Write a fact of a kind that is there already, once more."""
    known: Any = next(one.fact for one in world.facts if isinstance(one.fact, kind))
    world.write(replace(known, **changes))


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        (f.DefaultArmed, {}, "never edited"),
        (f.DeadlineSet, {}, "never edited"),
        (f.CaseReopened, {}, "only a closed case"),
        (f.PersonNamed, {}, "keeps its person"),
        (f.TierRaised, {"tier": f.Tier.CONCERN}, "less urgent"),
        (f.LiftVoided, {}, "took place"),
    ],
)
def test_what_is_never_edited(kind: type, changes: dict[str, Any], said: str) -> None:
    """A second arming, setting, naming or voiding of the same thing is a programmer's error."""
    world = a_world().with_flag().answer_all()
    world.close(world.case())
    world.with_notice(person=HER)
    with pytest.raises(AssertionError, match=said):
        again(world, kind, **changes)


def test_the_union_is_closed() -> None:
    """Every kind has a stream, a docstring and no field that could hold a text of somebody."""
    for kind in get_args(f.Fact):
        assert kind.stream in ("system", "subject", "case")
        assert kind.__doc__ and not kind.__doc__.startswith(kind.__name__ + "(")
    assert len({kind.__name__ for kind in get_args(f.Fact)}) == len(get_args(f.Fact))


def test_an_answer_met_a_closing_leaves_running() -> None:
    """Closing meets every deadline but an answer that is owed; the lapse is recorded on a closed case too (L5)."""
    world = a_world().with_flag()
    case = world.case()
    notice = world.notice(person=f.UNKNOWN)
    world.write(
        f.MeasureLifted(subject=case.subject, case=case.id, proposal=None, lifts=tuple(case.held), staff=(RITA,)),
        f.CaseClosed(subject=case.subject, case=case.id, end=f.EndState.DORMANT, proposal=None, sampled=False),
    )
    running = {one.kind for one in case.deadlines.values() if one.is_running}
    assert running == {f.DeadlineKind.ANSWER}
    world.fast_forward(days=20)
    assert [fact.notice for fact in world.said(f.AnswerLapsed)] == [notice]
