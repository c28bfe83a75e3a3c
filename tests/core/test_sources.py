"""Sources that flood, and sources that are recalled.

Law: beyond its learned rate a source raises nobody unknown by itself; two people let go what rests on a recalled one
alone, and nothing else (L4, L13).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from answerable.core import floods, recalls
from answerable.core.cases import Case
from answerable.core.facts import (
    CaseClosed,
    CaseId,
    EndState,
    EvidenceRefuted,
    LoweringKind,
    MeasureLifted,
    RecallId,
    RecallProposed,
    Refused,
    SignalKind,
    SourceConfirmed,
    SourceFlooded,
    SourceRecalled,
    StaffId,
    SubjectId,
    Tier,
)
from answerable.core.policy import problems
from answerable.core.recalls import Said
from answerable_gate import Level
from tests.core.builders import CARL, HER, LEON, RITA, START, TEXT, World, a_world, hours, refusal

ONE, OTHER = SubjectId("su_one"), SubjectId("su_other")
RECALL = RecallId("rc_1")


def flood(world: World, count: int = 101) -> World:
    """Let the vendor have spoken so often in this hour."""
    world.act(lambda journal: floods.note(journal, "vendor", count=count, bound=100))
    return world


def confirm(world: World, staff: StaffId = RITA, source: str = "vendor") -> Refused | None:
    """Let a person find that it is meant."""
    return world.act(lambda journal: floods.confirm(journal, source, staff=staff), staff)


def grave(world: World, subject: SubjectId = ONE, **fields: Any) -> Case:
    """Take in a flag whose label is of the gravest class."""
    labels = frozenset({"gravest"})
    world.policies = {name: replace(policy, gravest_labels=labels) for name, policy in world.policies.items()}
    return world.flag(subject, label="gravest", **fields)


# --- floods


def test_a_flood_is_said_once_and_not_again_in_the_hour_of_its_confirmation() -> None:
    """Once an hour, within its bound never; what a person confirmed is no flood before the next hour."""
    world = flood(flood(flood(a_world(), 100), 101), 102)
    assert [fact.bound for fact in world.said(SourceFlooded)] == [100]
    flood(world.fast_forward(hours=1))
    assert len(world.said(SourceFlooded)) == 2
    assert confirm(world) is None
    flood(world)
    assert len(world.said(SourceFlooded)) == 2
    flood(world.fast_forward(hours=1))
    assert len(world.said(SourceFlooded)) == 3
    assert world.roster.floods == {"vendor": world.now}


def test_a_key_that_floods_holds_back_whatever_vendor_it_names_but_one_that_was_found_meant() -> None:
    """Its own bound binds the key under every name; confirming the key confirms them all, confirming one just that."""
    world = a_world()
    world.act(lambda journal: floods.note(journal, "key", count=101, bound=100))
    held, free = grave(world, source="key:one"), grave(world, OTHER, source="webhook:one")
    assert (held.tier, free.tier) == (Tier.CONCERN, Tier.CRITICAL)
    world.fast_forward(minutes=5)
    assert confirm(world, source="key:one") is None
    assert refusal(confirm(world, source="key:one")) == "not_found"
    assert refusal(confirm(world, source="webhook:one")) == "not_found"
    third, fourth = (grave(world, SubjectId(f"su_{name}"), source=f"key:{name}") for name in ("one", "two"))
    world.fast_forward(minutes=1)
    assert [case.tier for case in (held, third, fourth)] == [Tier.CRITICAL, Tier.CRITICAL, Tier.CONCERN]
    assert confirm(world, source="key") is None
    world.fast_forward(minutes=1)
    assert fourth.tier is Tier.CRITICAL


def test_only_who_decides_confirms_and_only_a_flood() -> None:
    """Sales confirms nothing, and of a source that does not flood there is nothing to confirm."""
    world = flood(a_world())
    assert refusal(confirm(world, CARL)) == "not_authorised"
    assert refusal(confirm(world, source="another")) == "not_found"
    assert world.said(SourceConfirmed) == []


@pytest.mark.parametrize("fields", [{}, {"kind": SignalKind.TRAJECTORY}])
def test_whom_only_a_flood_names_is_tier_3_until_it_is_confirmed(fields: dict[str, Any]) -> None:
    """Case, owner and clocks stand, and nothing above watch is armed; then everything counts in full (L13)."""
    world = flood(a_world())
    case = grave(world, **fields)
    again = grave(world)
    assert again is case
    assert (case.tier, world.level(ONE)) == (Tier.CONCERN, Level.NONE)
    assert {held.item.standing.level for held in case.live_defaults()} == {Level.WATCH}
    world.fast_forward(minutes=5)
    assert confirm(world) is None
    world.fast_forward(minutes=1)
    assert (case.tier, world.level(ONE)) == (Tier.CRITICAL, Level.GUARDED)
    assert case.beyond == set()


def test_whoever_is_known_by_other_evidence_is_raised_in_a_flood_as_well() -> None:
    """A notice, a flag of another source, a measure: then the flood's flag counts as any other does."""
    noticed = a_world().with_notice(ONE)
    assert grave(flood(noticed)).tier is Tier.CRITICAL
    flagged = a_world().with_flag(ONE, source="another")
    assert grave(flood(flagged)).tier is Tier.CRITICAL
    seen = a_world()
    held = grave(flood(seen))
    seen.view(held)
    seen.record_act(held, next(iter(held.signals)))
    assert grave(seen).tier is Tier.CRITICAL
    elsewhere = flood(a_world())
    assert grave(elsewhere, source="another").tier is Tier.CRITICAL


def test_what_two_people_made_less_urgent_a_late_confirmation_leaves() -> None:
    """They have read it all, and so has whoever closed a case (L4)."""
    world = flood(a_world())
    case, closed = grave(world), grave(world, OTHER)
    world.answer_all()
    assert world.close(closed) is None
    world.with_notice(ONE, HER, danger_now=True)
    assert case.tier is Tier.CRITICAL
    world.lower(case, LoweringKind.RETIER, tier=Tier.SERIOUS)
    confirm(world)
    world.fast_forward(minutes=1)
    assert (case.tier, closed.tier, closed.is_open) == (Tier.SERIOUS, Tier.CONCERN, False)


def test_what_two_people_found_untrue_speaks_of_nobody_in_a_flood() -> None:
    """A flag that was refuted is nothing else that is known of the account (L13); found by a random world."""
    world = flood(a_world())
    case = grave(world)
    world.lower(case, LoweringKind.REFUTE, evidence=next(iter(case.signals)))
    assert grave(world) is case
    assert (case.tier, world.level(ONE)) == (Tier.CONCERN, Level.NONE)


# --- recalls


def said(world: World, **fields: object) -> Said:
    """Say what is to be taken back: all that the vendor's model said up to now."""
    mine: dict[str, object] = {"source": "vendor", "model": "m", "version": "1", "since": START - hours(1)}
    return Said(**(mine | {"until": world.now} | fields))  # type: ignore[arg-type]


def propose(
    world: World, *cases: Case, staff: StaffId = RITA, span: Said | None = None, recall: RecallId = RECALL
) -> RecallProposed | Refused:
    """Propose a recall."""
    ids = [case.id for case in cases]
    what = span or said(world)
    return world.act(
        lambda journal: recalls.propose(journal, what, ids, staff=staff, recall=recall, reason=TEXT), staff
    )


def sign(world: World, staff: StaffId, recall: RecallId = RECALL) -> Refused | None:
    """Sign it."""
    return world.act(lambda journal: recalls.sign(journal, recall, staff=staff), staff)


def release(world: World, staff: StaffId = RITA, recall: RecallId = RECALL) -> Tier | Refused:
    """Let it take effect."""
    return world.act(lambda journal: recalls.release(journal, recall, staff=staff), staff)


def signed(world: World, *cases: Case) -> StaffId:
    """Go the whole way up to the release; return the second person."""
    world.fast_forward(minutes=1)
    proposed = propose(world, *cases)
    assert isinstance(proposed, RecallProposed), proposed
    for staff in (RITA, proposed.drawn):
        for case in cases:
            world.view(case, staff)
        assert sign(world, staff) is None
    return proposed.drawn


def test_what_rests_on_it_alone_is_let_go_with_proof() -> None:
    """Each lift names both signers; the flags are void for ever and the case is closed."""
    world = a_world()
    case = world.flag(ONE, kind=SignalKind.TRAJECTORY)
    assert world.level(ONE) is Level.GUARDED
    second = signed(world, case)
    assert release(world) is Tier.SERIOUS
    world.fast_forward(minutes=1)
    assert world.level(ONE) is Level.NONE
    assert not case.is_open
    assert [fact.staff for fact in world.said(MeasureLifted)] == [(RITA, second)]
    assert [fact.end for fact in world.said(CaseClosed)] == [EndState.UNFOUNDED]
    assert len(world.said(EvidenceRefuted)) == 1
    world.fast_forward(days=1)
    assert len(world.said(MeasureLifted)) == 1


def _with_notice(world: World, case: Case) -> None:
    world.notice(case.subject)


def _with_decision(world: World, case: Case) -> None:
    world.decide(case, Level.GUARDED)


def _with_act(world: World, case: Case) -> None:
    world.view(case)
    world.record_act(case, next(iter(case.signals)))


def _with_other_source(world: World, case: Case) -> None:
    world.flag(case.subject, source="another")


def _with_other_version(world: World, case: Case) -> None:
    world.flag(case.subject, version="2")


def _with_a_link_to_whom_somebody_fears(world: World, case: Case) -> None:
    world.see(OTHER).notice(OTHER)
    world.link("phone", "card", one=case.subject, other=OTHER)


@pytest.mark.parametrize(
    "more",
    [
        _with_notice, _with_decision, _with_act, _with_other_source, _with_other_version,
        _with_a_link_to_whom_somebody_fears,
    ],
)  # fmt: skip
def test_what_rests_on_more_is_not_let_go(more: object) -> None:
    """A notice, a decision, an act, another voice, somebody who is feared: each keeps the case (L4)."""
    world = a_world()
    case, other = world.flag(ONE), world.flag(OTHER)
    assert callable(more)
    more(world, case)
    signed(world, other)
    release(world)
    world.fast_forward(minutes=1)
    assert case.is_open
    assert (other.is_open, case.refuted) == (more is _with_a_link_to_whom_somebody_fears, set())


def test_what_names_a_person_or_came_outside_the_span_is_not_let_go() -> None:
    """Neither a case about somebody in particular, nor what was said before or after."""
    world = a_world()
    early, named = world.flag(ONE), world.flag(OTHER, HER)
    world.fast_forward(hours=2)
    since = world.now
    case = world.flag(SubjectId("su_third"))
    world.fast_forward(minutes=1)
    span = said(world, since=since)
    world.fast_forward(minutes=1)
    late = world.flag(SubjectId("su_fourth"))
    found = [one.id for one in (early, named, case, late) if recalls.rests_on(world.files, one, span)]
    assert found == [case.id]


def test_tier_1_is_let_go_only_after_the_cooling_off() -> None:
    """What a machine did is waived at once, but never in tier 1 (L4)."""
    world = a_world()
    grave_case, mild = grave(world), world.flag(OTHER)
    signed(world, grave_case, mild)
    assert release(world) is Tier.SERIOUS
    assert refusal(release(world)) == "cooling_off"
    world.fast_forward(hours=71)
    assert (grave_case.is_open, mild.is_open) == (True, False)
    world.fast_forward(hours=2)
    assert release(world) is Tier.CRITICAL
    world.fast_forward(minutes=1)
    assert not grave_case.is_open
    assert refusal(release(world)) == "already_released"


def test_a_recall_is_proposed_by_who_may_of_what_is_over() -> None:
    """Not by sales, not of the future, not of nothing, not where nobody could be the second."""
    world = a_world()
    case = world.flag(ONE)
    world.fast_forward(minutes=1)
    assert refusal(propose(world, case, staff=CARL)) == "not_authorised"
    assert refusal(propose(world, case, span=said(world, until=world.now + hours(1)))) == "bad_input"
    assert refusal(propose(world, case, span=said(world, since=world.now))) == "bad_input"
    assert refusal(propose(world)) == "not_found"
    earlier: datetime = START - timedelta(minutes=1)
    assert refusal(propose(world, case, span=said(world, until=earlier))) == "no_second_person"
    assert world.said(RecallProposed) == []


def test_both_sign_once_and_have_read_the_sample() -> None:
    """The system drew the second; nobody else signs, nobody twice, and nobody unread."""
    world = a_world()
    case = world.flag(ONE)
    world.fast_forward(minutes=1)
    proposed = propose(world, case)
    assert isinstance(proposed, RecallProposed)
    others = {person for person in world.roster.deciders() if person not in (RITA, proposed.drawn)}
    assert refusal(sign(world, others.pop())) == "not_a_signer"
    assert refusal(sign(world, RITA, RecallId("rc_none"))) == "not_found"
    assert refusal(sign(world, RITA)) == "not_opened"
    world.view(case)
    assert sign(world, RITA) is None
    assert refusal(sign(world, RITA)) == "signed_before"
    assert refusal(release(world)) == "second_person_needed"
    assert refusal(release(world, recall=RecallId("rc_none"))) == "not_found"
    world.view(case, proposed.drawn)
    assert sign(world, proposed.drawn) is None
    world.leave(proposed.drawn)
    assert refusal(release(world)) == "signer_unfit"
    assert world.said(SourceRecalled) == []


def test_the_sample_is_drawn_and_bounded() -> None:
    """Of many cases both read twenty, which neither of them chose."""
    world = a_world()
    case = world.flag(ONE)
    world.fast_forward(minutes=1)
    ids = [CaseId(f"ca_{number}") for number in range(100)]
    proposed = world.act(
        lambda journal: recalls.propose(journal, said(world), ids, staff=LEON, recall=RECALL, reason=TEXT), LEON
    )
    assert isinstance(proposed, RecallProposed)
    assert len(set(proposed.sample)) == recalls.SAMPLE
    assert proposed.drawn != LEON
    assert case.is_open


def test_who_proposes_again_gets_the_same_second_person_and_the_same_sample() -> None:
    """Until whoever was drawn has had the policy's time; a person who has left is followed at once."""
    world = a_world()
    world.flag(ONE)
    world.fast_forward(minutes=1)
    ids = [CaseId(f"ca_{number}") for number in range(100)]

    def again(number: int, staff: StaffId = RITA) -> tuple[StaffId, tuple[CaseId, ...]]:
        what, recall = said(world), RecallId(f"rc_{number}")
        found = world.act(
            lambda journal: recalls.propose(journal, what, ids, staff=staff, recall=recall, reason=TEXT), staff
        )
        assert isinstance(found, RecallProposed)
        return found.drawn, found.sample

    first = again(0)
    assert {again(number) for number in range(1, 20)} == {first}
    world.leave(first[0])
    assert again(20)[0] != first[0]
    assert again(20)[1] == first[1]
    later = set()
    for number in range(21, 31):
        world.fast_forward(hours=25)
        later.add(again(number)[1])
    assert len(later) == 10


def test_a_flooded_case_is_let_go_in_several_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry has 16 KiB; every item of the case is named in one of them."""
    monkeypatch.setattr(recalls, "LIFTS_MAX", 1)
    world = a_world()
    case = world.flag(ONE, kind=SignalKind.TRAJECTORY)
    signed(world, case)
    release(world)
    world.fast_forward(minutes=1)
    named = [item for fact in world.said(MeasureLifted) for item in fact.lifts]
    assert sorted(named) == sorted(case.held)
    assert len(world.said(MeasureLifted)) == len(named)


def test_what_a_source_may_say_grows_with_what_it_usually_says() -> None:
    """At least a hundred in an hour, and five times its median where that is more."""
    policy = a_world().policies["staffed-1"]
    assert [policy.source_bound(median) for median in (0, 20, 30)] == [100, 100, 150]
    (problem,) = problems(replace(policy, source_floor=9))
    assert "at least 10 signals" in problem
    assert problems(replace(policy, source_floor=10)) == ()
