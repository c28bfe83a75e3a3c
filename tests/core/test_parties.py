"""Parties.

Law: standing never widens from an end user to a key or an organisation but by a decision that says so (L2); a tenant
is asked who it was, and no clock stops before it answers (L3).
"""

from __future__ import annotations

from dataclasses import replace

from answerable.core import decisions, links, parties
from answerable.core.facts import (
    AskId,
    CaseOpened,
    DeadlineKind,
    DeadlineMissed,
    MeasureSet,
    Named,
    Party,
    PartyKnown,
    Refused,
    SubjectId,
    TenantAnswered,
    TenantAsked,
    TenantReceived,
    Tier,
)
from answerable.core.links import Match
from answerable_gate import Level, Shield
from tests.core.builders import HER, RITA, START, TEXT, World, a_world, refusal

TENANT, USER, OTHER = SubjectId("su_acme"), SubjectId("su_acme_user"), SubjectId("su_other_user")


def know(world: World, subject: SubjectId, party: Party, tenant: SubjectId | None = None) -> None:
    """Say what stands behind an account."""
    world.see(subject).act(lambda journal: parties.know(journal, subject, party, tenant))


def a_house(party: Party = Party.ORGANISATION) -> World:
    """Make a world with a tenant and two of its end users."""
    world = a_world()
    know(world, TENANT, party)
    for user in (USER, OTHER):
        know(world, user, Party.END_USER, TENANT)
    return world


def answer(world: World, ask: AskId, said: Named, user: SubjectId | None = None, tenant: SubjectId = TENANT) -> object:
    """Let the tenant answer."""
    return world.act(lambda journal: parties.answer(journal, tenant, ask, said, user), "acme")


def test_what_stands_behind_an_account_is_said_once() -> None:
    """Not known is no party, and who is known as an end user does not become the organisation."""
    world = a_house()
    know(world, USER, Party.ORGANISATION)
    know(world, SubjectId("su_third"), Party.UNKNOWN)
    assert len(world.said(PartyKnown)) == 3
    assert (world.files.subject(USER).party, world.files.subject(USER).tenant) == (Party.END_USER, TENANT)
    assert [world.files.subject(one).is_tenant for one in (TENANT, USER)] == [True, False]


def test_a_tenant_is_linked_to_nobody() -> None:
    """An administrator's own e-mail and telephone make the organisation no person's account."""
    world = a_house()
    both = tuple(Match(kind=kind, verified_at=START, is_protected=False) for kind in ("email", "phone"))
    assert world.act(lambda journal: links.tie(journal, USER, {TENANT: both})) == []
    assert world.act(lambda journal: links.tie(journal, TENANT, {USER: both})) == []
    assert len(world.act(lambda journal: links.tie(journal, USER, {TENANT: both, OTHER: both}))) == 1


def test_what_is_in_force_for_an_end_user_is_not_for_the_tenant() -> None:
    """Neither a default nor a decision about the account itself reaches beyond it."""
    world = a_house()
    case = world.flag(USER)
    assert world.decide(case, Level.SUSPENDED) is None
    assert [world.level(one) for one in (USER, TENANT, OTHER)] == [Level.SUSPENDED, Level.NONE, Level.NONE]
    assert len(world.said(TenantAsked)) == 0


def decide(world: World, subject: SubjectId, scope: str, *shields: Shield) -> Refused | None:
    """Decide with a scope, having read the case."""
    case = next(iter(world.files.subject(subject).cases.values()))
    world.view(case)
    wanted = decisions.Wanted(
        level=Level.PAUSED, limits=frozenset(), shields=frozenset(shields), scope=scope, proportionality=TEXT,
        reason=TEXT,
    )  # fmt: skip
    return world.act(lambda journal: decisions.decide(journal, case.id, wanted, staff=RITA), RITA)


def test_a_decision_that_says_so_reaches_the_tenant() -> None:
    """In a case of the tenant's own, where it is lowered like any other; the second time in the same case."""
    world = a_house()
    world.flag(USER, HER)
    assert decide(world, USER, "organisation") is None
    assert [world.level(one) for one in (USER, TENANT, OTHER)] == [Level.PAUSED, Level.PAUSED, Level.NONE]
    (case,) = world.files.subject(TENANT).cases.values()
    assert (case.person, case.tier, case.is_open) == (HER, Tier.CONCERN, True)
    assert decide(world, USER, "organisation") is None
    world.flag(OTHER, HER)
    assert decide(world, OTHER, "organisation") is None
    assert len([fact for fact in world.said(CaseOpened) if fact.subject == TENANT]) == 1


def test_a_decision_about_the_tenant_has_no_name_that_an_end_user_used() -> None:
    """L11: the others of the tenant could find out by it of whom somebody wrote; the shield itself stands."""
    world = a_house()
    world.flag(USER, HER)
    assert decide(world, USER, "organisation", Shield(HER, ("her",))) is None
    assert [one.standing.shields for one in world.said(MeasureSet)] == [{Shield(HER, ())}, {Shield(HER, ("her",))}]


def test_a_decision_reaches_no_tenant_of_another_kind() -> None:
    """Who is no end user has none; a key is no organisation; what is unread in the tenant's case is read first."""
    world = a_house(Party.API_KEY)
    world.with_flag().with_flag(USER, HER)
    assert refusal(decide(world, world.case().subject, "organisation")) == "bad_input"
    assert refusal(decide(world, USER, "organisation")) == "bad_input"
    world.flag(TENANT, HER)
    assert refusal(decide(world, USER, "api_key")) == "not_opened"
    assert world.level(USER) is Level.NONE
    world.view(next(iter(world.files.subject(TENANT).cases.values())))
    assert decide(world, USER, "api_key") is None
    assert world.level(TENANT) is Level.PAUSED


def test_a_tenant_is_asked_once_at_a_time_and_owes_an_answer() -> None:
    """As long as a notice of that tier may wait for its answer; then the owner is told, and nothing else changes."""
    world = a_house()
    case = world.flag(TENANT)
    world.flag(TENANT)
    (asked,) = world.said(TenantAsked)
    assert world.due(case, DeadlineKind.TENANT) == world.policies["staffed-1"].tiers[case.tier].answer
    for _ in range(2):
        assert world.act(lambda journal: parties.receive(journal, TENANT, asked.ask)) is None
    assert len(world.said(TenantReceived)) == 1
    assert world.due(case, DeadlineKind.TENANT) is not None
    world.fast_forward(days=15)
    missed = {deadline.kind for deadline in case.deadlines.values() if deadline.missed}
    assert DeadlineKind.TENANT in missed
    assert world.said(DeadlineMissed)


def test_a_tenant_answers_what_it_was_asked_and_nothing_else() -> None:
    """Once, with a name where it says that it knows one; another tenant's reference is not there."""
    world = a_house()
    know(world, SubjectId("su_rival"), Party.ORGANISATION)
    case = world.flag(TENANT)
    ask = world.said(TenantAsked)[0].ask
    assert refusal(answer(world, ask, Named.NOT_KNOWN, tenant=SubjectId("su_rival"))) == "not_found"
    rival = world.act(lambda journal: parties.receive(journal, SubjectId("su_rival"), ask))
    assert refusal(rival) == "not_found"
    assert refusal(answer(world, ask, Named.END_USER)) == "bad_input"
    assert refusal(answer(world, ask, Named.ENDED, USER)) == "bad_input"
    assert answer(world, ask, Named.END_USER, USER) is case
    assert refusal(answer(world, ask, Named.NOT_KNOWN)) == "already_answered"
    assert world.due(case, DeadlineKind.TENANT) is None
    assert [fact.user for fact in world.said(TenantAnswered)] == [USER]
    world.flag(TENANT)
    assert len(world.said(TenantAsked)) == 2


def test_a_question_is_urgent_as_its_case() -> None:
    """A stricter policy asks sooner, and takes no time away that it gave before (L3)."""
    world = a_house()
    case = world.flag(TENANT)
    rules = dict(world.policies["staffed-1"].tiers)
    limit = rules[case.tier].answer
    rules[case.tier] = replace(rules[case.tier], answer=limit / 2)
    world.adopt(replace(world.policies["staffed-1"], tiers=rules))
    assert world.due(case, DeadlineKind.TENANT) == limit / 2
