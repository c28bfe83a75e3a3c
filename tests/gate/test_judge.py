"""Judging one exchange."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable_gate import Frozen, GatePolicy, Level, Limit, Malformed, Request, Shield, Standing, Verdict, judge
from answerable_gate.judge import Contact, decode_policy, encode_policy
from tests.gate.build import START, a_policy, after, an_entry, an_item, standings

PLAIN = Request(identity="subject_a", model="m1", tools=("calculator", "search"))
reaches = st.sampled_from(["fresh", "stale", "cold"])
rules = st.sampled_from(["allow", "guarded", "refuse"])
some_names = st.none() | st.lists(st.sampled_from(["m1", "m2", "calculator", "search"]), unique=True).map(tuple)
requests = st.builds(
    Request,
    identity=st.sampled_from([None, "", "subject_a"]),
    model=st.sampled_from([None, "m1", "m2", "m3"]),
    tools=some_names,
)
STRICTNESS = ("allow", "limit", "refuse")
policies = st.builds(a_policy, on_stale=rules, on_cold_start=rules, on_no_identity=rules)
freezes = st.none() | st.builds(Frozen, models=some_names, tools=some_names)


def judged(level: Level, request: Request = PLAIN, **changes: object) -> Verdict:
    """Judge an exchange of a subject at a level."""
    entry = replace(an_entry(an_item(level=level)), **changes)  # type: ignore[arg-type]
    return judge(entry, request, START, a_policy())


@pytest.mark.parametrize(
    ("level", "answer"),
    [
        (Level.NONE, "allow"),
        (Level.WATCH, "allow"),
        (Level.GUARDED, "limit"),
        (Level.PAUSED, "refuse"),
        (Level.SUSPENDED, "refuse"),
        (Level.TERMINATED, "refuse"),
    ],
)
def test_the_level_decides(level: Level, answer: str) -> None:
    """Watch allows, guarded limits, paused and above refuse."""
    verdict = judged(level)
    assert (verdict.answer, verdict.level) == (answer, level)
    assert verdict.ground == ("level" if answer == "refuse" else None)
    assert (verdict.reason_ref, verdict.review_by) == ("subject_a", after(90 * 86400))


@given(st.lists(standings, max_size=2), requests, policies, reaches, freezes, st.booleans())
def test_withheld_is_at_least_its_own_and_at_least_stale(
    items: list, request: Request, policy: GatePolicy, contact: Contact, frozen: Frozen | None, is_open: bool
) -> None:
    """Whatever stands, a withheld subject never gets more than without, nor more than a stranger at a stale gate."""
    listed = [replace(an_item(f"item_{place}"), standing=there) for place, there in enumerate(items)]
    entry = replace(an_entry(*listed, frozen=frozen), open=is_open)
    got = judge(entry, request, START, policy, contact=contact, withheld=True)
    assert "entry" in got.not_known
    named = replace(request, identity="subject_a")
    rules = replace(policy, on_no_identity="allow")
    for other in (
        judge(entry, request, START, policy, contact=contact),
        judge(None, named, START, rules, contact="stale"),
    ):
        assert STRICTNESS.index(got.answer) >= STRICTNESS.index(other.answer)
        assert got.level >= other.level or got.answer == "refuse"
        assert got.limits >= other.limits or got.answer == "refuse"
        assert got.ground is not None or other.ground is None


def test_a_withheld_subject_by_rule() -> None:
    """Allow stays allow; guarded guards, known or not; refuse refuses, and a level that refuses stays the ground."""
    watched = an_entry(an_item(level=Level.WATCH))
    wanted = {"allow": ("allow", Level.WATCH, None), "guarded": ("limit", Level.GUARDED, None)}
    for rule, (answer, level, ground) in (wanted | {"refuse": ("refuse", Level.GUARDED, "policy")}).items():
        got = judge(watched, PLAIN, START, a_policy(on_stale=rule), withheld=True)
        assert (got.answer, got.level, got.ground, got.reason_ref) == (answer, level, ground, "subject_a")
        assert judge(None, PLAIN, START, a_policy(on_stale=rule), withheld=True).answer == answer
    paused = an_entry(an_item(level=Level.PAUSED))
    assert judge(paused, PLAIN, START, a_policy(on_stale="refuse"), withheld=True).ground == "level"


def test_guarded_withholds_memory_documents_and_most_tools() -> None:
    """Guarded carries its limits and the policy's list of tools."""
    verdict = judged(Level.GUARDED)
    assert verdict.limits == {Limit.NO_MEMORY, Limit.NO_DOCUMENTS}
    assert verdict.tools == ("calculator",)
    assert judged(Level.WATCH).limits == frozenset()
    assert judged(Level.WATCH).tools is None


def test_the_allow_list_and_the_freeze_are_joined() -> None:
    """Under both, only the tools in both are left; no_tools leaves none."""
    assert judged(Level.GUARDED, frozen=Frozen(models=None, tools=("search",))).tools == ()
    assert judged(Level.WATCH, frozen=Frozen(models=None, tools=("search",))).tools == ("search",)
    item = replace(an_item(), standing=Standing(limits=frozenset({Limit.NO_TOOLS})))
    verdict = judge(an_entry(item), PLAIN, START, a_policy())
    assert (verdict.answer, verdict.tools) == ("limit", ())


def test_a_limit_or_shield_alone_limits() -> None:
    """Beside any level a limit or a shield limits, and the verdict carries it."""
    shield = Shield("person_a", ("Mara",))
    item = replace(an_item(), standing=Standing(shields=frozenset({shield})))
    verdict = judge(an_entry(item), PLAIN, START, a_policy())
    assert verdict.answer == "limit"
    assert verdict.shields == {shield}


def test_a_model_outside_the_freeze_is_refused() -> None:
    """An upgrade after the case opened gives nothing at the gate."""
    frozen = Frozen(models=("m1",), tools=None)
    verdict = judged(Level.NONE, replace(PLAIN, model="m2"), frozen=frozen)
    assert (verdict.answer, verdict.ground, verdict.models) == ("refuse", "model", ("m1",))
    assert judged(Level.NONE, frozen=frozen).answer == "allow"


def test_tools_outside_the_freeze_are_removed() -> None:
    """The verdict limits where the request offers other tools than the frozen ones, and only there."""
    frozen = Frozen(models=None, tools=("search",))
    assert judged(Level.NONE, frozen=frozen).answer == "limit"
    assert judged(Level.NONE, replace(PLAIN, tools=("search",)), frozen=frozen).answer == "allow"


def test_what_the_inlet_cannot_see_never_reads_as_clear() -> None:
    """An unseen model or tool under a freeze is named, and limits; an unknown freeze is named."""
    blind = Request(identity="subject_a", model=None, tools=None)
    verdict = judged(Level.NONE, blind, frozen=Frozen(models=("m1",), tools=("search",)))
    assert (verdict.answer, verdict.not_known) == ("limit", ("model", "tools"))
    assert judged(Level.NONE, blind).not_known == ()
    unnamed = replace(PLAIN, model=None)
    assert judged(Level.NONE, unnamed, frozen=Frozen(models=("m1",), tools=None)).answer == "limit"
    assert judged(Level.NONE, frozen=Frozen(models=None, tools=None)).not_known == ("entitlements",)


def test_a_due_default_needs_nobody() -> None:
    """The same entry refuses from the very moment its default is due."""
    entry = an_entry(an_item(level=Level.PAUSED, effective=60))
    before = judge(entry, PLAIN, after(59.999999), a_policy())
    assert (before.answer, before.review_by) == ("allow", None)
    assert judge(entry, PLAIN, after(60), a_policy()).answer == "refuse"
    assert judge(entry, PLAIN, START, a_policy(), fallen={"item_a"}).answer == "refuse"


def test_the_earliest_review_of_what_counts_is_told() -> None:
    """Of several measures the first review counts, and one not in force has none."""
    early = replace(an_item("item_b"), review_by=after(86400))
    late = replace(an_item("item_c", effective=60), review_by=after(60))
    assert judge(an_entry(an_item(), early, late), PLAIN, START, a_policy()).review_by == after(86400)


def test_a_review_that_has_passed_is_not_told() -> None:
    """Nobody is told of a date in the past: the earliest still ahead counts, and where none is, none."""
    early = replace(an_item("item_b"), review_by=after(86400))
    entry = an_entry(an_item(), early)
    told = [judge(entry, PLAIN, after(at), a_policy()).review_by for at in (86399, 86400, 90 * 86400 - 1, 90 * 86400)]
    assert told == [after(86400), after(90 * 86400), after(90 * 86400), None]


@given(policies, requests, reaches, st.booleans())
def test_the_unknown_get_their_policy(policy: GatePolicy, request: Request, reach: Contact, is_empty: bool) -> None:
    """Without entry, the strictest of what the policy says of missing identity and contact; and it says which."""
    entry = replace(an_entry(), open=False) if is_empty else None
    verdict = judge(entry, request, START, policy, contact=reach)
    rules = [policy.on_no_identity] if not request.identity else []
    rules += {"fresh": [], "stale": [policy.on_stale], "cold": [policy.on_cold_start]}[reach]
    strictest = max(rules, key=["allow", "guarded", "refuse"].index, default="allow")
    assert verdict.answer == {"allow": "allow", "guarded": "limit", "refuse": "refuse"}[strictest]
    assert verdict.ground == ("policy" if strictest == "refuse" else None)
    assert ("identity" in verdict.not_known) == (not request.identity)
    assert ("contact" in verdict.not_known) == (reach != "fresh")


@given(standings, freezes, requests, reaches, policies)
def test_a_known_subject_always_gets_his_entry(
    there: Standing, frozen: Frozen | None, request: Request, reach: Contact, policy: GatePolicy
) -> None:
    """Contact and policy for the unknown change nothing for the known, but that the missing contact is told."""
    entry = an_entry(replace(an_item(), standing=there), frozen=frozen)
    fresh = judge(entry, request, START, policy)
    verdict = judge(entry, request, START, policy, contact=reach)
    assert verdict == fresh._replace(not_known=verdict.not_known)
    assert set(verdict.not_known) == set(fresh.not_known) | ({"contact"} if reach != "fresh" else set())


@given(standings, standings, freezes, requests)
def test_more_knowledge_never_loosens(a: Standing, b: Standing, frozen: Frozen | None, request: Request) -> None:
    """A second item never turns refuse into limit or limit into allow, and never gives a tool back."""
    one = judge(an_entry(replace(an_item(), standing=a), frozen=frozen), request, START, a_policy())
    items = (replace(an_item(), standing=a), replace(an_item("item_b"), standing=b))
    both = judge(an_entry(*items, frozen=frozen), request, START, a_policy())
    strength = ["allow", "limit", "refuse"].index
    assert strength(both.answer) >= strength(one.answer)
    assert one.tools is None or (both.tools is not None and set(both.tools) <= set(one.tools))


def test_a_policy_survives_the_wire() -> None:
    """Reading gives back what was written; the lease travels beside it."""
    policy = a_policy()
    assert decode_policy(encode_policy(policy), 60) == policy


@pytest.mark.parametrize(
    "change",
    [{"on_stale": "open"}, {"on_stale": None}, {"version": "1"}, {"tools_allowed": [1]}, {"more": 1}, {"preamble": 1}],
)
def test_a_broken_policy_is_malformed(change: dict) -> None:
    """A gate never guesses what a policy means."""
    with pytest.raises(Malformed):
        decode_policy(encode_policy(a_policy()) | change, 60)
