"""Standing on the server.

Law: a join over the holder; what was due once stays due; a release counts only when it is sealed (L1, L2, L4).
"""

from __future__ import annotations

import pytest

from answerable.core import links, standing
from answerable.core.facts import Hazard, LinkWithdrawn, LoweringKind, PersonId, SignalKind, SubjectId
from answerable.core.journal import Plan
from answerable_gate import NOTHING, Entry, Frozen, Level, Limit, Standing
from answerable_gate import standing as join_items
from tests.core.builders import HER, SECOND, SUBJECT, World, a_world, at, hours

THIRD = SubjectId("su_third")


def entry(world: World, subject: SubjectId = SUBJECT) -> Entry:
    """Return the entry as gates get it."""
    return standing.entry(world.files, subject, sealed=world.sealed, version=7, aliases=("aa",))


def test_an_unknown_account_has_an_empty_entry() -> None:
    """Nothing is known, nothing is in force, nothing is open."""
    got = entry(a_world(), THIRD)
    assert (got.items, got.open, got.frozen, got.reason_ref, got.version, got.aliases) == (
        (), False, None, None, 7, ("aa",),
    )


def test_an_automatic_link_shares_at_most_guarded_and_a_confirmed_one_everything() -> None:
    """A machine's guess about two accounts suspends nobody; a person's word does (L2)."""
    world = a_world().with_flag()
    world.decide(world.case(), Level.SUSPENDED, limits=[Limit.NO_TOOLS])
    link = world.link("phone", "card")
    assert world.standing(SECOND) == Standing(Level.GUARDED, frozenset({Limit.NO_TOOLS}))
    assert {item.id.endswith("^guarded") for item in entry(world, SECOND).items} == {True}
    world.confirm_link(link)
    assert world.level(SECOND) is Level.SUSPENDED
    assert {item.id.endswith("^guarded") for item in entry(world, SECOND).items} == {False}


def test_a_household_shares_nothing() -> None:
    """One identifier is an address, not a person."""
    world = a_world().with_flag()
    world.decide(world.case(), Level.SUSPENDED)
    world.link("address")
    assert (world.level(SECOND), entry(world, SECOND).open) == (Level.NONE, False)


def test_links_reach_on_and_are_full_only_where_every_step_was_confirmed() -> None:
    """The holder is a connected component; a chain is as sure as its weakest link."""
    world = a_world().with_flag()
    world.decide(world.case(), Level.SUSPENDED)
    first = world.link("phone", "card")
    world.link("phone", "mail", one=SECOND, other=THIRD)
    world.confirm_link(first)
    assert (world.level(SECOND), world.level(THIRD)) == (Level.SUSPENDED, Level.GUARDED)
    world.link("phone", "card", one=THIRD, other=SUBJECT)
    assert world.level(THIRD) is Level.GUARDED


def test_the_yardstick_counts_what_is_armed_as_it_would_count_here() -> None:
    """Due or not; an automatic link's at guarded at most, so that a guess asks no one to suspend a stranger."""
    world = a_world().with_notice().with_flag(person=HER, act=True, identified=True)
    world.link("phone", "card")
    yardsticks = [
        standing.yardstick(world.files, one, sealed=world.sealed, now=world.now).level for one in (SUBJECT, SECOND)
    ]
    assert yardsticks == [Level.PAUSED, Level.GUARDED]
    assert standing.case_yardstick(world.case()).level is Level.PAUSED
    assert world.level() is Level.GUARDED


def test_what_was_due_once_stays_due() -> None:
    """The durable mark holds though a clock goes back behind it (L1)."""
    world = a_world().with_flag().fast_forward(days=8)
    before = world.now
    world.now -= hours(24 * 7)
    assert world.level() is Level.WATCH
    world.now = before
    assert standing.fallen(world.files, SUBJECT) >= {fact.id for fact in entry(world).items}


def test_withdrawing_a_link_ends_the_sharing_once_sealed() -> None:
    """And only then."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    link = world.link("phone", "card")
    world.lower(world.case(), LoweringKind.WITHDRAW_LINK, link=link)
    assert (world.level(SUBJECT), world.level(SECOND)) == (Level.GUARDED, Level.NONE)


def test_a_withdrawal_names_all_that_the_link_carried_to_each_side() -> None:
    """Third accounts' items and settled ones too; the others are named by the entry of the other side (L4)."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).with_flag(THIRD, kind=SignalKind.TRAJECTORY)
    world.with_flag(SECOND, kind=SignalKind.TRAJECTORY)
    link = world.link("phone", "card")
    world.link("phone", "mail", one=SECOND, other=THIRD)
    mine, theirs, hers = ({*world.files.case(case.id).held} for case in world.files.cases())
    world.answer_all().decide(world.case(2), Level.GUARDED)
    hers = set(world.case(2).held)
    world.lower(world.case(), LoweringKind.WITHDRAW_LINK, link=link)
    here, there = world.said(LinkWithdrawn)
    assert (here.subject, set(here.lifts)) == (SUBJECT, theirs | hers)
    assert (there.subject, set(there.lifts)) == (SECOND, mine)


def test_a_withdrawn_link_carries_nothing_that_came_after_the_withdrawal() -> None:
    """No proof would ever free it; what was there goes on until the sealing, at the level it had."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    link = world.link("phone", "card")
    world.confirm_link(link)
    world.is_sealing = False
    world.lower(world.case(), LoweringKind.WITHDRAW_LINK, link=link)
    before = entry(world, SECOND).items
    world.with_flag(person=HER, act=True, identified=True, hazard=Hazard.MASS_CASUALTY)
    assert before == entry(world, SECOND).items != ()
    assert not {item.id for item in before} & {held.item.id for held in world.case(1).live()}
    world.link("phone", "card", "mail")
    assert {item.id for item in entry(world, SECOND).items} > {item.id for item in before}
    assert world.seal().level(SECOND) is Level.GUARDED


def test_two_links_between_two_accounts_carry_what_either_does() -> None:
    """Who takes one apart lowers nothing that the other carries; a confirmed one gone leaves what a guess may carry."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY)
    world.answer_all().decide(world.case(), Level.SUSPENDED)
    world.link("phone", "card")
    weak = world.link("address", one=SUBJECT, other=THIRD)
    confirmed = world.link("phone", "card", one=SUBJECT, other=THIRD)
    world.confirm_link(weak)
    world.lower(world.case(), LoweringKind.WITHDRAW_LINK, link=weak)
    assert world.level(THIRD) is Level.GUARDED
    assert {*world.said(LinkWithdrawn)[1].lifts} == {*world.case().held}
    world.lower(world.case(), LoweringKind.WITHDRAW_LINK, link=confirmed)
    assert (world.level(THIRD), world.level(SECOND)) == (Level.NONE, Level.GUARDED)


def test_what_a_flooded_account_carried_over_a_link_is_named_in_several_entries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An entry has 16 KiB; the link is withdrawn once the last of them is sealed."""
    monkeypatch.setattr(links, "LIFTS_MAX", 1)
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).with_flag(person=HER, hazard=Hazard.MASS_CASUALTY)
    link = world.link("phone", "card")
    world.is_sealing = False
    world.lower(world.case(), LoweringKind.WITHDRAW_LINK, link=link)
    named = [fact.lifts for fact in world.said(LinkWithdrawn) if fact.subject == SECOND]
    held = {item for case in world.files.cases() for item in case.held}
    assert (len(named), {item for lifts in named for item in lifts}) == (len(held), held)
    world.sealed = len(world.facts) - 1
    assert world.level(SECOND) is Level.GUARDED
    assert world.seal().level(SECOND) is Level.NONE


def test_the_next_due_is_the_soonest_default_of_the_holder() -> None:
    """What has fallen is not ahead."""
    world = a_world().with_flag()
    world.with_flag(SECOND, HER)
    world.link("phone", "card")
    assert standing.next_due(world.files, SECOND, now=world.now) == world.now + hours(168)
    assert standing.next_due(world.files, SECOND, now=world.now + hours(169)) is None


def test_models_and_tools_are_frozen_while_a_case_is_open() -> None:
    """As they were at opening; not known is not frozen."""
    world = a_world()
    world.plans[SUBJECT] = Plan(("small",), None)
    world.with_flag().answer_all()
    assert entry(world).frozen == Frozen(models=("small",), tools=None)
    assert entry(world).reason_ref == SUBJECT
    world.plans[SUBJECT] = Plan(("small", "large"), ("web",))
    world.with_flag(person=HER)
    assert entry(world).frozen == Frozen(models=("small",), tools=None)
    world.answer_all()
    for case in list(world.files.cases()):
        world.lower(case, LoweringKind.CLOSE, to=NOTHING, end="resolved")
    assert (entry(world).frozen, entry(world).open) == (None, False)
    world.with_flag(hazard=Hazard.THREAT)
    assert entry(world).frozen == Frozen(models=("small", "large"), tools=("web",))


def test_a_lift_of_one_case_leaves_the_join_of_the_others() -> None:
    """Each case holds its own."""
    world = a_world().with_flag(kind=SignalKind.TRAJECTORY).with_flag(person=HER)
    world.decide(world.case(1), Level.PAUSED)
    world.lower(world.case(0), LoweringKind.LIFT, to=at(Level.WATCH))
    assert world.level() is Level.PAUSED


def test_a_thousand_cases_about_one_account_make_no_entry_that_a_gate_could_not_take() -> None:
    """Who warns under ever new names cuts no gate off: what other items cover is left out, and nothing else is."""
    world = a_world()
    for number in range(standing.ITEMS_TOLD + 2):
        world.now += hours(0.01)
        world.with_notice(person=PersonId(f"pe_{number}"), danger_now=number == 100)
    told = entry(world).items
    held = [one.item for case in world.files.cases() for one in case.live()]
    assert len(told) < 4 < len(held)
    assert all(join_items(told, item.effective) == join_items(held, item.effective) for item in held)
    world.flag(person=HER, hazard=Hazard.MASS_CASUALTY)
    assert max(item.standing.level for item in entry(world).items) is Level.GUARDED
