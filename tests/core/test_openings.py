"""Opening and joining.

Law: every flag and notice finds the one case of its pair, with an owner, at once (R4, R10).
"""

from __future__ import annotations

import pytest

from answerable.core import identities, standing
from answerable.core.facts import (
    THE_SUBJECT,
    UNKNOWN,
    CaseAssigned,
    CaseOpened,
    EntitlementsFrozen,
    Hazard,
    HazardAdded,
    PersonNamed,
)
from answerable.core.journal import Plan
from answerable.ledger.codec import write_entry
from answerable_gate.entry import decode, encode
from tests.core.builders import ALMA, HER, LEON, PEOPLE, RITA, SECOND, SUBJECT, a_world, refusal


def test_a_pair_has_one_case() -> None:
    """However many flags and notices; another person or account has another."""
    world = a_world()
    for _ in range(3):
        world.with_flag(person=HER).with_notice(person=HER).with_flag(SECOND, HER).with_flag(person=ALMA)
    pairs = [(fact.subject, fact.person) for fact in world.said(CaseOpened)]
    assert pairs == [(SUBJECT, HER), (SECOND, HER), (SUBJECT, ALMA)]


def test_a_case_opens_with_owner_deputy_and_what_is_frozen() -> None:
    """In the same act."""
    world = a_world().with_flag()
    assert [(fact.owner, fact.deputy) for fact in world.said(CaseAssigned)] == [(RITA, LEON)]
    assert len(world.said(EntitlementsFrozen)) == 1
    assert len({one.act for one in world.facts[-6:]}) == 1


def test_only_a_notice_names_somebody() -> None:
    """A flag about her opens her case beside the nameless one; a notice takes the nameless one over."""
    by_flag = a_world().with_flag().with_flag(person=HER)
    assert [case.person for case in by_flag.files.cases()] == [UNKNOWN, HER]
    by_notice = a_world().with_flag().with_notice(person=HER)
    assert [case.person for case in by_notice.files.cases()] == [HER]
    assert len(by_notice.said(PersonNamed)) == 1
    unnamed = a_world().with_flag().with_notice(person=UNKNOWN)
    assert (unnamed.case().person, unnamed.said(PersonNamed)) == (UNKNOWN, [])
    first = a_world().with_notice(person=THE_SUBJECT, hazard=Hazard.SELF_HARM)
    assert first.case().person == THE_SUBJECT


def test_a_further_hazard_is_added_once() -> None:
    """A case may carry several."""
    world = a_world().with_flag(hazard=Hazard.THREAT).with_flag(hazard=Hazard.CRISIS).with_flag(hazard=Hazard.CRISIS)
    assert [fact.hazard for fact in world.said(HazardAdded)] == [Hazard.CRISIS]


def test_a_lone_reviewer_has_no_deputy_until_there_is_one() -> None:
    """What there is, is assigned; nobody twice."""
    world = a_world(people=PEOPLE[:1]).with_flag()
    assert (world.case().owner, world.case().deputy) == (RITA, None)
    world.fast_forward(days=1)
    assert len(world.said(CaseAssigned)) == 1


@pytest.mark.parametrize(
    "names",
    [tuple(f"model-{n:05}-of-a-long-list" for n in range(900)), ("m" * 201,), ("half \ud800",), ('"' * 199,) * 2],
)
def test_whatever_billing_says_the_case_opens(names: tuple[str, ...]) -> None:
    """What no entry or gate could hold is not known, and the warning is taken in all the same (L10, L17)."""
    world = a_world()
    world.plans[SUBJECT] = Plan(names, ("web", "web"))
    world.flag()
    frozen = world.files.subject(SUBJECT).frozen
    assert frozen is not None and frozen.tools == ("web",)
    assert frozen.models in (None, (names[0],))
    refused = world.act(lambda journal: identities.raise_entitlement(journal, SUBJECT, Plan(names, None)))
    assert refusal(refused) == "case_open"
    told = standing.entry(world.files, SUBJECT, sealed=world.sealed, version=1, aliases=())
    assert decode(encode(told)) == told
    for one in world.facts:
        assert write_entry(one, prev="00" * 32 if one.seq > 1 else "", origin="test/log")
