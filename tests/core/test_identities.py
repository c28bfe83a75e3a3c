"""Identities: accounts seen and linked.

Law: nothing is merged; two exact independent identifiers link, a household does not, a protected person's never does.
"""

from __future__ import annotations

from datetime import timedelta

from answerable.core import identities, links, standing
from answerable.core.facts import (
    EntitlementRaiseRefused,
    LinkId,
    LookBackResult,
    LoweringKind,
    SubjectId,
    SubjectSeen,
)
from answerable.core.journal import Plan
from answerable.core.links import Match
from answerable_gate import Entry, Frozen, Level
from tests.core.builders import CARL, HER, RITA, SECOND, START, SUBJECT, World, a_world, refusal


def link(world: World, *matches: Match, one: SubjectId = SUBJECT, other: SubjectId = SECOND) -> LinkId | None:
    """Try to link."""
    return world.act(lambda journal: links.link(journal, one, other, matches))


def match(kind: str, *, days_ago: float | None = 1, is_protected: bool = False) -> Match:
    """Say that two accounts share an identifier."""
    verified_at = None if days_ago is None else START - timedelta(days=days_ago)
    return Match(kind=kind, verified_at=verified_at, is_protected=is_protected)


def test_an_account_is_seen_once_and_found_once() -> None:
    """What a notice spoke of is known, and found when the directory has it."""
    world = a_world().see(SECOND, found=False).see(SECOND, found=False).see(SECOND).see(SECOND).see(SECOND, found=False)
    assert [fact.found for fact in world.said(SubjectSeen) if fact.subject == SECOND] == [False, True]
    assert world.files.subject(SECOND).found


def test_strong_is_two_kinds_verified_within_a_year() -> None:
    """Not one twice, not one unverified, not one gone stale, not one of a protected person."""
    phone, card = match("phone"), match("card")
    assert links.is_strong([phone, card], now=START)
    for weak in ([phone, match("phone")], [phone], [], [phone, match("card", days_ago=None)],
                 [phone, match("card", days_ago=366)], [phone, match("card", is_protected=True)]):
        assert not links.is_strong(weak, now=START)


def test_a_link_stands_in_both_accounts() -> None:
    """One link, one id, two streams."""
    world = a_world()
    made = link(world, match("phone"), match("card"))
    assert made is not None
    assert [world.files.subject(one).links[made].other for one in (SUBJECT, SECOND)] == [SECOND, SUBJECT]
    assert world.files.subject(SUBJECT).links[made].identifiers == ("card", "phone")


def test_what_cannot_link() -> None:
    """Not with itself, not by nothing, not by a protected person's identifier, not twice."""
    world = a_world()
    assert link(world, match("phone"), other=SUBJECT) is None
    assert link(world) is None
    assert link(world, match("phone", is_protected=True), match("card", is_protected=True)) is None
    assert link(world, match("phone")) is not None
    assert link(world, match("mail")) is None
    assert link(world, match("phone"), match("card")) is not None
    assert link(world, match("phone"), match("card")) is None


def test_what_two_people_took_apart_no_machine_puts_together_for_the_same_reason() -> None:
    """Only a further identifier links the two again (L4)."""
    world = a_world().with_flag()
    made = link(world, match("phone"), match("card"))
    world.lower(world.case(), LoweringKind.WITHDRAW_LINK, link=made)
    assert link(world, match("phone", days_ago=0), match("card", days_ago=0)) is None
    assert link(world, match("phone", days_ago=0), match("mail", days_ago=0)) is not None


def test_a_person_confirms_a_link_that_stands() -> None:
    """Not sales, not one that is not there or was withdrawn."""
    world = a_world().with_flag()
    made = world.link("phone", "card")
    assert refusal(world.confirm_link(made, staff=CARL)) == "not_authorised"
    assert refusal(world.confirm_link(LinkId("ln_none"))) == "not_found"
    assert world.confirm_link(made) is None
    assert world.files.subject(SECOND).links[made].confirmed
    world.lower(world.case(), LoweringKind.WITHDRAW_LINK, link=made)
    assert refusal(world.confirm_link(made, staff=RITA)) == "not_found"


def test_a_plan_is_not_raised_while_a_case_of_the_holder_is_open() -> None:
    """Billing gives nothing at the gate, and the attempt is kept (F4, R1)."""
    world = a_world()
    plan = Plan(("large",), ("web",))

    def rise(subject: SubjectId) -> object:
        return world.act(lambda journal: identities.raise_entitlement(journal, subject, plan), "billing")

    assert rise(SUBJECT) is None
    world.with_flag(person=HER)
    assert rise(SECOND) is None
    world.link("phone", "card")
    assert refusal(rise(SUBJECT)) == refusal(rise(SECOND)) == "case_open"
    assert len(world.said(EntitlementRaiseRefused)) == 2
    assert world.files.subject(SUBJECT).raise_refused_by == ["billing"]


def test_a_notice_alone_freezes_nothing_that_he_could_feel() -> None:
    """A refused purchase would tell him that somebody warned; with a flag the freeze is that of the opening (L11)."""
    world = a_world()
    world.plans[SUBJECT] = Plan(("small",), ("web",))
    world.with_notice()

    def rise() -> object:
        plan = Plan(("small", "large"), ("web",))
        return world.act(lambda journal: identities.raise_entitlement(journal, SUBJECT, plan), "billing")

    def told() -> Entry:
        return standing.entry(world.files, SUBJECT, sealed=world.sealed, version=1, aliases=())

    assert rise() is None
    assert told().frozen is None
    world.with_flag()
    assert refusal(rise()) == "case_open"
    assert told().frozen == Frozen(models=("small",), tools=("web",))


def test_a_case_that_was_closed_and_is_reopened_by_a_notice_freezes_nothing() -> None:
    """Closing decided nothing against him; a plan refused from then on would tell of the second notice (L11)."""
    world = a_world().with_notice()
    case = world.case()
    world.look_back(case, next(iter(case.notices)), LookBackResult.NOTHING)
    world.answer_all()
    assert world.close(case) is None
    world.fast_forward(days=40)
    world.with_notice()
    assert case.is_open and case.rests_on_claims
    plan = Plan(("large",), None)
    assert world.act(lambda journal: identities.raise_entitlement(journal, SUBJECT, plan), "billing") is None
    assert world.decide(case, Level.WATCH) is None
    assert not case.rests_on_claims
