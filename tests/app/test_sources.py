"""Sources, from what they send to what two people take back.

Law: a count is the record's and not a process's, and a recall reaches every case that rests on it (L4, L13).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from answerable.app import AccountIn, SignalIn, sources, tenants
from answerable.app.rates import COMMON, HOUR, LANES, Rates
from answerable.core import floods
from answerable.core.facts import (
    CaseId,
    Hazard,
    Named,
    Party,
    RecallId,
    Refused,
    SignalRaised,
    SourceFlooded,
    SourceRecalled,
    StaffId,
    Tier,
)
from answerable.core.recalls import Said
from answerable.errors import BadInput
from answerable.ports.signer import LocalSigner
from answerable.work.ticker import sweep
from answerable_gate import Level
from tests.app.kept import begin
from tests.scenarios.story import FIRST_REVIEWER, START, Story, case_of
from tests.work.memory import InMemory


@pytest.fixture
def house(tmp_path: Path) -> Story:
    """A house of its own."""
    return Story(tmp_path)


def count(house: Story, rates: Rates, times: int = 1) -> None:
    """Count signals of a source, each in an act."""
    for _ in range(times):
        with house.answerable.acts.open("classifier-1") as act:
            rates.note(act, "classifier-1")


def learned(house: Story) -> int:
    """Return what a process that has just begun takes for the usual number in an hour."""
    with house.answerable.acts.open("classifier-1") as act:
        return Rates()._median(act.tx, "classifier-1", act.now, "now")


def test_the_usual_number_is_learned_from_the_hours_that_had_any(house: Story) -> None:
    """Across days, by whichever process; quiet hours teach nothing."""
    rates = Rates()
    for number in (4, 6, 9):
        count(house, rates, number)
        house.clock.advance(timedelta(hours=7))
    assert learned(house) == 6
    house.clock.advance(timedelta(days=29))
    assert learned(house) == 6
    house.clock.advance(timedelta(days=3))
    assert learned(house) == 0


def test_a_flood_does_not_raise_its_own_bound(house: Story) -> None:
    """Beyond the bound nobody counts on, whichever process it comes to; the hour itself teaches nothing."""
    one, other = Rates(), Rates()
    for _ in range(60):
        count(house, one)
        count(house, other)
    (flooded,) = house.facts(SourceFlooded)
    assert isinstance(flooded.fact, SourceFlooded)
    assert flooded.fact.bound == 100
    house.clock.advance(timedelta(hours=1))
    assert learned(house) == 101


def test_names_of_one_key_share_the_keys_bound(house: Story) -> None:
    """Whoever calls each vendor another name floods as himself; what one name floods by alone is none of the key's."""

    def count_as(*names: str) -> list[str]:
        rates = Rates()
        for name in names:
            with house.answerable.acts.open("key") as act:
                rates.note(act, name)
        return [one.fact.source for one in house.store.all_recorded() if isinstance(one.fact, SourceFlooded)]

    assert count_as(*(f"key:v{number}" for number in range(100))) == []
    assert count_as("key:v1") == ["key"]
    assert count_as(*["other:loud"] * 102) == ["key", "other:loud"]
    assert count_as(*["webhook:vendor"] * 60, *["webhook:another"] * 60) == ["key", "other:loud"]


def test_processes_far_from_the_bound_share_no_row(house: Story) -> None:
    """So that none waits for another's count; what each counted is the hour's all the same."""
    for lane in range(3):
        count(house, Rates(_lane=lane), 5)
    hour = house.now.strftime(HOUR)
    with house.answerable.acts.open("classifier-1") as act:
        rows = [act.tx.remembered("rate:classifier-1", f"{hour}.{lane} 1") for lane in (0, 1, 2, COMMON)]
    assert rows == [b"", b"", b"", None]
    house.clock.advance(timedelta(hours=1))
    assert learned(house) == 15


@pytest.mark.parametrize("processes", [1, 2, LANES, 2 * LANES])
def test_however_many_processes_count_the_bound_is_the_same(house: Story, processes: int) -> None:
    """In turn, in lanes of their own or in shared ones: a hundred are no flood, and the next one is."""
    crew = [Rates(_lane=number % LANES) for number in range(processes)]
    for number in range(100):
        count(house, crew[number % processes])
    assert house.facts(SourceFlooded) == []
    for number in range(10):
        count(house, crew[number % processes])
    assert len(house.facts(SourceFlooded)) == 1


def test_whoever_comes_late_finds_the_bound_used_up(house: Story) -> None:
    """One process raised nearly all; others, whose lanes are empty, bring the hour to its bound and beyond."""
    count(house, Rates(_lane=0), 97)
    late = [Rates(_lane=lane) for lane in (1, 2, 3)]
    for one in late:
        count(house, one)
    assert house.facts(SourceFlooded) == []
    count(house, late[0])
    assert len(house.facts(SourceFlooded)) == 1


def test_a_count_that_came_to_nothing_is_not_counted(house: Story) -> None:
    """An act that fails takes its count along, whatever the process remembers."""
    rates = Rates()
    count(house, rates, 2)
    with pytest.raises(BadInput):
        _count_and_fail(house, rates)
    count(house, rates)
    house.clock.advance(timedelta(hours=1))
    assert learned(house) == 3


def _count_and_fail(house: Story, rates: Rates) -> None:
    with house.answerable.acts.open("classifier-1") as act:
        rates.note(act, "classifier-1")
        raise BadInput("for some reason")


def say(house: Story, user: str, version: str = "4") -> str:
    """Let the classifier raise a flag of the gravest class."""
    came = SignalIn(
        id=f"{user}-{version}", source="classifier-1", model="guard", version=version, label="x",
        hazard=Hazard.MASS_CASUALTY, user=user,
    )  # fmt: skip
    return str(house.answerable.raise_signal(came).case)


def test_a_recall_reaches_every_case_through_the_worker(house: Story) -> None:
    """Two hundred accounts that were limited for nothing are free, and the one that somebody fears is not."""
    for number in range(60):
        say(house, f"user-{number}")
    house.notice("user-7")
    house.fast_forward(minutes=5)
    acts = house.answerable.acts
    wanted = Said(source="classifier-1", model="guard", version="4", since=START, until=house.now)
    found = sources.propose(acts, sources.RecallIn(said=wanted, reason="It was broken."), staff=FIRST_REVIEWER)
    assert isinstance(found, sources.Proposed)
    assert (found.cases, len(found.sample)) == (59, 20)
    for person in (FIRST_REVIEWER, found.drawn):
        for case in found.sample:
            house.opens(case, person)
        assert sources.sign(acts, found.recall, staff=person) is None
    house.fast_forward(days=3)
    assert house.request("user-1").level is Level.GUARDED
    assert sources.release(acts, found.recall, staff=FIRST_REVIEWER) is Tier.CRITICAL
    sweep(house.answerable)
    house.sync()
    levels = {house.request(f"user-{number}").level for number in range(60) if number != 7}
    assert levels == {Level.NONE}
    assert house.request("user-7").level >= Level.GUARDED
    assert house.unproven == []
    assert sweep(house.answerable) == 0
    listed = sources.listed(acts)
    assert [one["signed"] for one in listed["recalls"]] == [[FIRST_REVIEWER, found.drawn]]
    assert len(house.facts(SourceRecalled)) == 1


def test_a_flood_waits_for_a_person(house: Story) -> None:
    """Beyond a hundred in an hour the rest is tier 3, and all are raised once a person confirmed it."""
    cases = [say(house, f"user-{number}") for number in range(103)]
    rows = [house.row(case_of(house.answerable.raise_signal(_again(number)))) for number in range(103)]
    assert [row.tier for row in rows] == [1] * 100 + [3] * 3
    assert [row.case for row in rows] == cases
    assert [one["source"] for one in sources.listed(house.answerable.acts)["floods"]] == ["classifier-1"]
    assert sources.confirm(house.answerable.acts, "classifier-1", staff=FIRST_REVIEWER) is None
    house.work()
    assert {house.row(row.case).tier for row in rows} == {1}


def test_a_gravest_flag_that_waits_in_a_flood_is_seen_by_a_person_first(house: Story) -> None:
    """Each case of its own pages its owner, once; what is raised at once, and what is mild, does not (L13)."""
    cases = [say(house, f"user-{number}") for number in range(103)]
    house.answerable.raise_signal(replace(_again(102), id="again"))
    mild = replace(_again(200), hazard=Hazard.OTHER)
    assert house.row(case_of(house.answerable.raise_signal(mild))).tier is Tier.CONCERN.value
    pages = [one.outgoing.body for one in house.store.claim(house.now, house.now, 1_000)]
    waiting = [one for one in pages if one.get("why") == "gravest_waits"]
    assert sorted(one["case"] for one in waiting) == sorted(cases[100:])
    assert all(one["to"] == house.row(CaseId(one["case"])).owner for one in waiting)


def _again(number: int) -> SignalIn:
    return SignalIn(
        id=f"user-{number}-4", source="classifier-1", model="guard", version="4", label="x",
        hazard=Hazard.MASS_CASUALTY, user=f"user-{number}",
    )  # fmt: skip


def test_a_recall_needs_a_reason_and_a_span(house: Story) -> None:
    """Without words it is none; what is not there cannot be signed."""
    acts = house.answerable.acts
    said = Said(source="s", model="m", version="1", since=START - timedelta(hours=1), until=START)
    with pytest.raises(BadInput, match="no words"):
        sources.propose(acts, sources.RecallIn(said=said, reason="!"), staff=FIRST_REVIEWER)
    nothing = sources.propose(acts, sources.RecallIn(said=said, reason="So."), staff=FIRST_REVIEWER)
    assert isinstance(nothing, Refused)
    assert isinstance(sources.sign(acts, RecallId("rc_none"), staff=StaffId("lead-1")), Refused)


def test_a_recall_looks_through_page_after_page(house: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page is an act of its own, so that a warning comes in between; whoever may not recall sees none of them."""
    monkeypatch.setattr(sources, "PAGE", 2)
    cases = {CaseId(say(house, f"user-{number}")) for number in range(5)}
    house.fast_forward(minutes=5)
    acts = house.answerable.acts
    said = Said(source="classifier-1", model="guard", version="4", since=START, until=house.now)
    barred = sources.resting(acts, said, after=None, staff=StaffId("nobody"))
    assert isinstance(barred, Refused) and barred.code == "not_authorised"
    first = sources.resting(acts, said, after=None, staff=FIRST_REVIEWER)
    assert isinstance(first, sources.Resting) and len(first.cases) == 2
    house.notice("user-7")  # its case is tier 1 too and stands somewhere in between
    found = sources.propose(acts, sources.RecallIn(said=said, reason="It was broken."), staff=FIRST_REVIEWER)
    assert isinstance(found, sources.Proposed)
    assert (found.cases, set(found.sample)) == (5, cases)
    twice = [*first.cases, *cases]  # as pages are that move while people work
    again = sources.propose_for(acts, sources.RecallIn(said=said, reason="It is."), twice, staff=FIRST_REVIEWER)
    assert isinstance(again, sources.Proposed) and again.cases == 5


def test_a_record_with_recalls_and_tenants_is_verified(tmp_path: Path) -> None:
    """The check of a record finds each of these facts, its page and its text where they should be."""
    house, kept = begin(tmp_path)
    answerable, acts = house.answerable, house.answerable.acts
    answerable.see_account(AccountIn(account="acme", identifiers=(), party=Party.ORGANISATION))
    for number, user in enumerate(("acme", "acme/u-1", "user-1")):
        house.flag(str(number), user)
    rates = Rates()
    with acts.open("classifier-1") as act:
        floods.note(act.journal, "classifier-1", count=101, bound=100)
        rates.note(act, "classifier-1")
    (asked,) = tenants.listed(acts, answerable.intake, "acme")
    assert tenants.answer(acts, answerable.intake, "acme", asked.reference, Named.END_USER, "u-2") is None
    house.clock.advance(timedelta(minutes=1))
    found = sources.propose(acts, sources.RecallIn(said=_all(house), reason="Wrong."), staff=StaffId("lead-1"))
    assert isinstance(found, sources.Proposed), found
    for person in (StaffId("lead-1"), found.drawn):
        for case in found.sample:
            answerable.view_case(case, staff=person, purpose="review")
        assert sources.sign(acts, found.recall, staff=person) is None
    assert sources.release(acts, found.recall, staff=StaffId("lead-1")) is Tier.SERIOUS
    sweep(answerable)
    answerable.seal()
    assert isinstance(answerable.signer, LocalSigner)
    signed = answerable.signer.signed_last()
    house.store.close()
    checked = replace(kept, trusted=replace(kept.trusted, signed=signed)).check()
    assert (checked.verdict, checked.findings) == ("VERIFIED", ())


def _all(house: InMemory) -> Said:
    (one,) = {
        (fact.source, fact.model, fact.version)
        for fact in (recorded.fact for recorded in house.store.all_recorded())
        if isinstance(fact, SignalRaised) and not fact.source.startswith("tenant:")
    }
    now = house.clock.now()
    return Said(source=one[0], model=one[1], version=one[2], since=now - timedelta(days=1), until=now)
