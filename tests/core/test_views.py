"""Views: reading is a fact.

Law: nobody reads without saying why, and who is barred finds nothing (L6).
"""

from __future__ import annotations

from answerable.core import views
from answerable.core.facts import CaseViewed, DeadlineKind
from tests.core.builders import CARL, HER, RITA, ROSA, a_world, refusal


def test_a_view_records_what_was_seen_and_meets_the_look() -> None:
    """From here on that person knew; what came later is not among it."""
    world = a_world().with_notice(person=HER)
    case = world.case()
    assert world.view(case) is None
    fact = world.said(CaseViewed)[0]
    assert (fact.staff, fact.opened) == (RITA, case.evidence)
    assert case.running(DeadlineKind.LOOK) is None
    world.with_notice(person=HER)
    assert case.opened_by[RITA] < set(case.evidence)


def test_a_view_needs_a_right_and_a_purpose() -> None:
    """Sales never; the barred learn nothing; curiosity is no purpose."""
    world = a_world().with_notice(person=HER, barred=(ROSA,))
    case = world.case()
    assert refusal(world.view(case, CARL)) == "not_authorised"
    assert refusal(world.view(case, ROSA)) == "not_found"
    odd = world.act(lambda journal: views.view(journal, case.id, staff=RITA, purpose="curiosity"))
    assert refusal(odd) == "bad_purpose"
    assert case.opened_by == {}


def test_a_flooded_case_can_be_opened() -> None:
    """Five hundred flags do not fit one entry; they are named over several, and none is left out."""
    world = a_world()
    for _ in range(views.OPENED_MAX + 1):
        world.flag()
    assert world.view(world.case()) is None
    assert [len(fact.opened) for fact in world.said(CaseViewed)] == [views.OPENED_MAX, 1]
    assert world.case().opened_by[RITA] == set(world.case().evidence)
