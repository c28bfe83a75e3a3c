"""Links.

Law: few facts make the holder that all pairs would make; a link taken away takes apart what that pair alone tied.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from answerable.core import links
from answerable.core.cases import Files
from answerable.core.facts import AccountsLinked, LinkId, LinkWithdrawn, LoweringKind, SubjectId
from answerable.core.journal import Journal
from answerable.core.links import Match, Shared
from answerable_gate import Level
from tests.core.builders import START, World, a_world

TWO = ("email", "phone")
DANGEROUS, AGAIN, INNOCENT = SubjectId("su_dangerous"), SubjectId("su_again"), SubjectId("su_innocent")


def matches(*kinds: str) -> tuple[Match, ...]:
    """Say that two accounts share verified identifiers of these kinds."""
    return tuple(Match(kind=kind, verified_at=START, is_protected=False) for kind in kinds)


def tie(world: World, one: SubjectId, others: Iterable[SubjectId], *kinds: str) -> list[LinkId]:
    """See an account and tie it to others over these kinds."""
    world.see(one)
    shared = {other: matches(*kinds) for other in others}
    return world.act(lambda journal: links.tie(journal, one, shared))


def crowd(world: World, size: int, *kinds: str) -> list[SubjectId]:
    """Let accounts come one by one that all share the same."""
    accounts: list[SubjectId] = []
    for number in range(size):
        one = SubjectId(f"su_{number:03}")
        tie(world, one, accounts, *kinds)
        accounts.append(one)
    return accounts


def holder(world: World, one: SubjectId) -> set[SubjectId]:
    """Return whose standing an account shares."""
    return {account.id for account in world.files.holder(one)}


def test_two_hundred_accounts_of_one_person_need_a_link_each() -> None:
    """One holder of 200, by two facts for each new account and not two for each pair."""
    world = a_world()
    accounts = crowd(world, 200, *TWO)
    assert holder(world, accounts[-1]) == set(accounts)
    assert len(world.said(AccountsLinked)) == 2 * 199


def test_a_home_of_two_hundred_is_shown_once_each_and_ties_nobody() -> None:
    """Accounts that share one identifier are weakly linked to one of them, and each stays its own holder."""
    world = a_world()
    accounts = crowd(world, 50, "phone")
    said = world.said(AccountsLinked)
    assert len(said) == 2 * 49
    assert not any(fact.strong for fact in said)
    assert all(holder(world, one) == {one} for one in accounts)


def test_a_weak_link_by_another_identifier_is_shown_as_well() -> None:
    """Who shares a telephone with one home and an address with another is shown beside both."""
    world = a_world()
    home = crowd(world, 3, "phone")
    office = [SubjectId("su_office_1"), SubjectId("su_office_2")]
    tie(world, office[1], office[:1], "email")
    shared = {one: matches("phone") for one in home} | {one: matches("email") for one in office}
    one = SubjectId("su_new")
    assert len(world.see(one).act(lambda journal: links.tie(journal, one, shared))) == 2
    assert world.act(lambda journal: links.tie(journal, one, shared)) == []


def test_the_riskiest_of_those_who_share_is_linked() -> None:
    """Whom the new account is linked to is the one a person should look at first."""
    world = a_world()
    for one in (AGAIN, DANGEROUS, INNOCENT):
        world.see(one)
    world.flag(AGAIN)
    world.decide(world.flag(DANGEROUS), Level.SUSPENDED)
    shared = {one: matches("phone") for one in (AGAIN, INNOCENT, DANGEROUS)}
    one = SubjectId("su_new")
    world.see(one).act(lambda journal: links.tie(journal, one, shared))
    assert [link.other for link in world.files.subject(one).links.values()] == [DANGEROUS, AGAIN, INNOCENT]


def test_what_belongs_to_somebody_protected_ties_nobody() -> None:
    """Who shares only what a reporter gave is passed over, and whoever comes behind is tied all the same."""
    world = a_world()
    for one in (AGAIN, DANGEROUS, INNOCENT):
        world.see(one)
    hers = tuple(Match(kind=kind, verified_at=START, is_protected=True) for kind in TWO)
    shared = {DANGEROUS: hers, INNOCENT: matches("phone")}
    assert len(world.act(lambda journal: links.tie(journal, AGAIN, shared))) == 1


def test_who_was_linked_through_an_innocent_one_stays_linked() -> None:
    """Two people free whom they name; the second account of the dangerous one goes on being limited (L4)."""
    world = a_world().see(DANGEROUS)
    world.decide(world.flag(DANGEROUS), Level.SUSPENDED)
    tie(world, INNOCENT, [DANGEROUS], *TWO)
    link = links_between(world, DANGEROUS, INNOCENT)
    # By now both share the same with the third, and one link was enough to say so.
    made = tie(world, AGAIN, [INNOCENT], *TWO)
    assert len(made) == 1
    pairs = [Shared(one=AGAIN, other=DANGEROUS, matches=matches(*TWO))]
    withdraw(world, DANGEROUS, link, pairs)
    assert holder(world, AGAIN) == {AGAIN, DANGEROUS, INNOCENT}
    assert world.level(AGAIN) is Level.GUARDED
    assert not any(fact.lifts for fact in world.said(LinkWithdrawn))
    # The one link that is left between him and them goes too: now he alone is free.
    withdraw(world, INNOCENT, links_between(world, AGAIN, INNOCENT), [])
    assert (world.level(INNOCENT), world.level(AGAIN)) == (Level.NONE, Level.GUARDED)


def links_between(world: World, one: SubjectId, other: SubjectId) -> LinkId:
    """Return the standing link between two accounts."""
    known = world.files.subject(one).links.values()
    return next(link.id for link in known if link.other == other and link.withdrawal is None)


def withdraw(world: World, one: SubjectId, link: LinkId, pairs: list[Shared]) -> None:
    """Let two people take a link away, with everybody's identifiers at hand."""
    case = next((case for account in world.files.holder(one) for case in account.cases.values()), None)
    assert case is not None
    if link not in world.files.subject(case.subject).links:
        world.flag(one)
        case = next(iter(world.files.subject(one).cases.values()))
    world.lower(case, LoweringKind.WITHDRAW_LINK, shared=pairs, link=link)


# --- against the model of all pairs


Moves = st.lists(
    st.tuples(st.integers(0, 7), st.sets(st.sampled_from(["e1", "e2", "p1", "p2", "h1"]), max_size=3)),
    min_size=2, max_size=10,
)
KINDS = {"e": "email", "p": "phone", "h": "handle"}


def shares(one: set[str], other: set[str]) -> tuple[Match, ...]:
    """Return what two accounts share."""
    return matches(*(KINDS[name[0]] for name in sorted(one & other)))


def ends(one: SubjectId, other: SubjectId) -> frozenset[SubjectId]:
    """Name a pair."""
    return frozenset((one, other))


def joined(accounts: Iterable[SubjectId], edges: set[frozenset[SubjectId]], one: SubjectId) -> set[SubjectId]:
    """Return everybody that one reaches over all edges."""
    found = {one}
    while True:
        more = {two for two in accounts if any(ends(two, there) in edges for there in found)} - found
        if not more:
            return found
        found |= more


@settings(max_examples=60, deadline=None, derandomize=True)
@given(moves=Moves, cuts=st.lists(st.integers(0, 20), max_size=4))
def test_the_holder_is_that_of_all_pairs(moves: list[tuple[int, set[str]]], cuts: list[int]) -> None:
    """Whatever comes and whatever people take apart, few links make the holder that a link for each pair would make."""
    world = a_world()
    carries: dict[SubjectId, set[str]] = {}
    edges: set[frozenset[SubjectId]] = set()
    for number, names in moves:
        one = SubjectId(f"su_{number}")
        carries.setdefault(one, set()).update(names)
        world.see(one)
        shared = {other: shares(names, carries[other]) for other in carries if other != one}
        shared = {other: found for other, found in shared.items() if found}
        edges |= {ends(one, other) for other, found in shared.items() if len({m.kind for m in found}) > 1}
        world.act(partial(_tied, one, shared))
        assert all(holder(world, each) == joined(carries, edges, each) for each in carries)
    for cut in cuts:
        stand = [link for one in carries for link in world.files.subject(one).links.values()
                 if link.strong and link.withdrawal is None]
        if stand:
            link = stand[cut % len(stand)]
            _cut(world, carries, link.id)
            edges = {edge for edge in edges if not _is_cut(world.files, edge)}
        assert all(holder(world, each) == joined(carries, edges, each) for each in carries)


def _tied(one: SubjectId, shared: dict[SubjectId, tuple[Match, ...]], journal: Journal) -> list[LinkId]:
    return links.tie(journal, one, shared)


def _cut(world: World, carries: dict[SubjectId, set[str]], link: LinkId) -> None:
    here = next(one for one in carries if link in world.files.subject(one).links)
    world.flag(here)
    each = combinations(sorted(carries), 2)
    pairs = [Shared(one=one, other=other, matches=shares(carries[one], carries[other])) for one, other in each]
    withdraw(world, here, link, pairs)


def _is_cut(files: Files, edge: frozenset[SubjectId]) -> bool:
    one, other = sorted(edge)
    known = [link for link in files.subject(one).links.values() if link.other == other and link.strong]
    return bool(known) and all(link.withdrawal is not None for link in known)
