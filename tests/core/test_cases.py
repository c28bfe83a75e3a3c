"""The files.

Law: what is not recorded is empty, and the holder is the component of links that stand.
"""

from __future__ import annotations

import pytest

from answerable.core.cases import Files
from answerable.core.facts import CaseId, DeadlineKind, LoweringKind, SubjectId
from tests.core.builders import SECOND, SUBJECT, a_world

THIRD = SubjectId("su_third")


def test_an_account_of_which_nothing_is_recorded_is_empty() -> None:
    """And a case that is not among the locked files is an error of who asks."""
    files = Files()
    assert files.subject(SUBJECT).cases == {}
    with pytest.raises(KeyError):
        files.case(CaseId("case_none"))
    assert a_world().with_flag().case().running(DeadlineKind.ANSWER) is None


def test_a_case_is_found_among_several_accounts() -> None:
    """Whoever's it is."""
    world = a_world().with_flag(SECOND).with_flag(SUBJECT)
    assert {world.files.case(case.id).subject for case in world.files.cases()} == {SUBJECT, SECOND}


def test_the_holder_is_who_strong_or_confirmed_links_reach() -> None:
    """Not a household, until somebody confirms it; not over a link that two people took apart."""
    world = a_world().with_flag()
    weak = world.link("address")
    made = world.link("phone", "card", one=SECOND, other=THIRD)
    assert [one.id for one in world.files.holder(SUBJECT)] == [SUBJECT]
    world.confirm_link(weak)
    assert [one.id for one in world.files.holder(SUBJECT)] == [SUBJECT, SECOND, THIRD]
    assert [case.subject for case in world.files.holder_cases(THIRD)] == [SUBJECT]
    world.with_flag(SECOND)
    case = next(case for case in world.files.cases() if case.subject == SECOND)
    world.lower(case, LoweringKind.WITHDRAW_LINK, link=made)
    assert [one.id for one in world.files.holder(THIRD)] == [THIRD]
