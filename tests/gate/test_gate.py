"""The gate as its inlets use it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable_gate import (
    Entry,
    FeedBehind,
    Frozen,
    Held,
    Level,
    Limit,
    Malformed,
    NotOurFeed,
    Pinned,
    Request,
    Standing,
    admit,
    alias,
    decode,
    encode,
    judge,
)
from answerable_gate.admission import mark, withhold
from answerable_gate.gate import merge
from tests.gate.build import GATE_KEY, START, Bench, a_policy, a_withheld, after, an_entry, an_item, standings

PAUSED_IN_A_MINUTE = an_item("item_d", Level.PAUSED, effective=60)


def a_request(identity: str | None = "subject_a", **changes: Any) -> Request:
    """Build a request that hides nothing."""
    return Request(**({"identity": identity, "model": "m1", "tools": ()} | changes))


def answer(bench: Bench, identity: str | None = "subject_a") -> str:
    """Ask the gate."""
    return bench.gate.check(a_request(identity), **bench.times).answer


def test_a_default_takes_effect_by_itself() -> None:
    """No line, no worker and no tick is needed for what is due (L1)."""
    bench = Bench()
    bench.catch_up()
    bench.send(an_entry(PAUSED_IN_A_MINUTE))
    assert answer(bench) == "allow"
    assert bench.gate.next_due == after(60)
    bench.wait(60)
    assert answer(bench) == "refuse"
    assert bench.gate.next_due is None


def test_a_clock_set_back_never_lifts() -> None:
    """What was due stays due when the wall clock goes back, with or without a reading in between."""
    bench = Bench()
    bench.send(an_entry(PAUSED_IN_A_MINUTE))
    bench.wait(60)
    assert answer(bench) == "refuse"
    bench.wall -= 90_000
    assert answer(bench) == "refuse"
    held = bench.gate.held("subject_a")
    assert held is not None
    assert held.fallen == {"item_d"}


def test_a_clock_set_back_delays_nothing() -> None:
    """A wall clock set back a day while the default runs does not make it late."""
    bench = Bench()
    bench.send(an_entry(PAUSED_IN_A_MINUTE))
    bench.wall -= 86_400
    bench.wait(59)
    assert answer(bench) == "allow"
    bench.wait(1)
    assert answer(bench) == "refuse"


def test_a_default_due_at_once_is_seen_at_once() -> None:
    """Between two looks at the time a line may bring something due before the next; it takes effect on time."""
    bench = Bench()
    assert answer(bench) == "refuse"  # cold
    bench.catch_up()
    bench.send(an_entry())
    assert answer(bench) == "allow"
    bench.send(an_entry(an_item("item_d", Level.PAUSED, effective=0.5), version=2))
    assert answer(bench) == "allow"
    bench.wait(0.5)
    assert answer(bench) == "refuse"


def test_a_review_is_told_until_it_passes_and_not_a_moment_longer() -> None:
    """Between two looks at the time too, and by the gate's own time where its wall clock was set back."""
    bench = Bench()
    first = replace(an_item("item_b"), review_by=after(100.5))
    bench.send(an_entry(replace(an_item(), review_by=after(200)), first))

    def told() -> datetime | None:
        return bench.gate.check(a_request(), **bench.times).review_by

    bench.wait(100)
    assert told() == after(100.5)
    bench.wait(0.4)
    assert told() == after(100.5)
    bench.wait(0.1)
    assert told() == after(200)
    bench.wall -= 50
    assert told() == after(200)
    bench.wait(99.5)
    assert told() is None


def test_checks_alone_keep_the_time() -> None:
    """Where nobody ticks, a time that exchanges were judged at is not lost when the wall clock goes back."""
    bench = Bench()
    answer(bench)
    bench.wait(2)
    bench.wall += 100
    answer(bench)
    bench.wall -= 1000
    assert bench.gate.status(**bench.times).now == after(102)


def test_a_new_connection_is_measured_anew() -> None:
    """A store whose clock was put right while it was away is in contact again with its first heartbeat."""
    bench = Bench()
    bench.catch_up()
    bench.wait(100)
    bench.receive(bench.heartbeat(now=bench.wall - 100))
    assert not bench.gate.status(**bench.times).in_force
    bench.receive(bench.hello())
    bench.receive(bench.heartbeat(now=bench.wall - 100))
    assert bench.gate.status(**bench.times).in_force


def test_a_line_says_what_the_gate_holds_from_now_on() -> None:
    """Items are fresh once: not when the same line comes again, and none comes from an older version."""
    bench = Bench()
    line = an_entry(PAUSED_IN_A_MINUTE, an_item(), version=2)
    assert (bench.send(line).subject, bench.send(line).fresh) == ("subject_a", ())
    grown = bench.send(an_entry(PAUSED_IN_A_MINUTE, an_item(), an_item("item_z"), version=3))
    assert (grown.subject, grown.fresh) == ("subject_a", ("item_z",))
    assert bench.send(an_entry(an_item("item_y"))).fresh == ()


def test_an_alias_leads_to_everybody_who_bears_it() -> None:
    """An inlet records for each of them; an identity that nobody bears leads to nothing."""
    bench = Bench()
    bench.send(an_entry(an_item(), subject="subject_a"))
    shared = replace(an_entry(subject="subject_b"), aliases=(alias(GATE_KEY, "subject_a").hex(),))
    bench.send(shared)
    found = bench.gate.bearers(bench.gate.alias("subject_a"))
    assert sorted(held.entry.subject for held in found) == ["subject_a", "subject_b"]
    assert bench.gate.bearers(bench.gate.alias("subject_b")) == ()


def test_what_people_decided_of_a_tenant_holds_for_its_end_users() -> None:
    """A measure of the tenant's, beside the user's own; a default that its unnamed traffic brought about does not."""
    bench = Bench()
    bench.catch_up()
    below = Request(identity="acme/u", model="m1", tools=(), tenant="acme")

    def level() -> Level:
        return bench.gate.check(below, **bench.times).level

    assert level() is Level.NONE
    late = an_item("item_late", Level.PAUSED, effective=60, of="acme")
    bench.send(an_entry(late, subject="acme", frozen=Frozen(models=(), tools=())))
    bench.wait(60)
    assert level() is Level.NONE
    assert bench.gate.check(replace(below, identity="acme", tenant=None), **bench.times).level is Level.PAUSED
    measure = an_item("item_set", Level.GUARDED, of="acme")
    bench.send(an_entry(late, measure, version=2, subject="acme", frozen=Frozen(models=(), tools=())))
    verdict = bench.gate.check(below, **bench.times)
    assert (verdict.level, verdict.models, verdict.reason_ref) == (Level.GUARDED, None, None)
    bench.send(an_entry(an_item("item_own", Level.SUSPENDED, of="acme/u"), subject="acme/u"))
    assert level() is Level.SUSPENDED


def test_only_a_proof_lowers() -> None:
    """A store that merely says so lowers nothing; with its proof the same line does."""
    bench = Bench()
    bench.catch_up()
    bench.send(an_entry(an_item(level=Level.PAUSED)))
    received = bench.send(an_entry(version=2))
    assert [item.id for item in received.refused] == ["item_a"]
    assert answer(bench) == "refuse"
    assert bench.gate.status(**bench.times).lowering_refused == 1
    bench.send(an_entry(version=1))
    assert bench.gate.status(**bench.times).lowering_refused == 1
    assert bench.send(an_entry(version=2), bench.log.lift("item_a")).refused == ()
    assert answer(bench) == "allow"
    assert bench.gate.status(**bench.times).lowering_refused == 0


def test_the_stranger_passes_and_the_cold_gate_refuses_him() -> None:
    """In contact the unknown pass; cold, stale and without identity their policies hold."""
    bench = Bench()
    assert answer(bench, "stranger") == "refuse"
    bench.catch_up()
    clear = bench.gate.check(a_request("stranger"), **bench.times)
    assert (clear.answer, clear.not_known) == ("allow", ())
    for identity in (None, ""):
        verdict = bench.gate.check(a_request(identity), **bench.times)
        assert (verdict.answer, verdict.not_known) == ("limit", ("identity",))
    bench.wait(60.001)
    stale = bench.gate.check(a_request("stranger"), **bench.times)
    assert (stale.answer, stale.not_known) == ("allow", ("contact",))


def test_contact_lasts_for_the_lease() -> None:
    """In force means a heartbeat within the lease, over which the gate had caught up."""
    bench = Bench()
    assert bench.gate.status(**bench.times).reach == "cold"
    bench.receive(bench.hello())
    assert not bench.receive(bench.heartbeat(seq=5)).contact
    assert not bench.gate.status(**bench.times).in_force
    bench.send(an_entry(), seq=5)
    assert bench.receive(bench.heartbeat()).contact
    bench.wait(60)
    assert bench.gate.status(**bench.times).in_force
    bench.wait(0.001)
    status = bench.gate.status(**bench.times)
    assert (status.in_force, status.reach, status.after, status.subjects) == (False, "stale", 5, 1)


def test_heartbeats_held_back_are_no_contact() -> None:
    """A feed that arrives ten minutes late leaves the gate not in force, though it keeps arriving."""
    bench = Bench()
    bench.catch_up()
    for _ in range(10):
        bench.wait(120)
        bench.receive(bench.heartbeat(now=bench.wall - 119))
        assert not bench.gate.status(**bench.times).in_force
        bench.wall += 0
    bench.receive(bench.heartbeat())
    assert bench.gate.status(**bench.times).in_force


@pytest.mark.parametrize(
    "change", [{"origin": "other.example"}, {"key": "other+00000000+AQ=="}, {"check": alias(b"other", "").hex()}]
)
def test_another_feed_is_refused(change: dict) -> None:
    """Another log, key or gate key is noticed at the greeting, before anybody is believed unknown."""
    bench = Bench()
    with pytest.raises(NotOurFeed):
        bench.receive(bench.hello(**change))


def test_a_store_set_back_is_not_believed() -> None:
    """A store that knows less than before gives no contact."""
    bench = Bench()
    bench.send(an_entry(), seq=7)
    bench.receive(bench.heartbeat(size=9))
    for beat in (bench.heartbeat(seq=6, size=9), bench.heartbeat(size=8)):
        with pytest.raises(FeedBehind):
            bench.receive(beat)


def test_a_time_far_off_is_suspect_and_not_adopted() -> None:
    """The store's wrong clock is reported and moves nothing; its right one clears the suspicion."""
    bench = Bench()
    bench.send(an_entry(PAUSED_IN_A_MINUTE))
    received = bench.receive(bench.heartbeat(now=3600))
    assert received.suspect is not None
    assert received.suspect.offered == after(3600)
    status = bench.gate.status(**bench.times)
    assert (status.suspect, status.now) == (received.suspect, START)
    assert answer(bench) == "allow"
    assert bench.receive(bench.heartbeat(now=61)).suspect is None
    assert answer(bench) == "refuse"


def test_a_bad_line_changes_nothing() -> None:
    """What cannot be read is refused whole."""
    bench = Bench()
    bench.send(an_entry(an_item(level=Level.PAUSED)))
    before = bench.gate.save(**bench.times)
    for line in (b"", b"[]", b'{"kind":"end"}', b'{"kind":["entry"]}', b'{"kind":"entry","seq":2}'):
        with pytest.raises(Malformed):
            bench.receive(line)
    assert bench.gate.save(**bench.times) == before


def test_the_feed_brings_the_policy_and_never_an_older_one() -> None:
    """A greeting's policy applies at once to the known and unknown; an older version does not."""
    bench = Bench()
    bench.catch_up()
    bench.send(an_entry(an_item()))
    assert bench.gate.check(a_request(), **bench.times).tools == ("calculator",)
    assert answer(bench, "stranger") == "allow"
    bench.receive(bench.hello(policy=a_policy(version=2, tools_allowed=("clock",))))
    assert bench.gate.check(a_request(), **bench.times).tools == ("clock",)
    bench.receive(bench.hello(policy=a_policy(version=1)))
    assert bench.gate.status(**bench.times).policy_version == 2


def test_streams_are_told_what_rises() -> None:
    """A new measure, a fallen default, a new alias and a narrower freeze each cut the streams that run."""
    bench = Bench()
    watched = bench.gate.watch("subject_a")
    bench.send(an_entry(PAUSED_IN_A_MINUTE))
    assert bench.gate.risen() == {watched}
    bench.send(an_entry(PAUSED_IN_A_MINUTE, version=2))
    bench.send(an_entry(PAUSED_IN_A_MINUTE, subject="subject_b"))
    assert bench.gate.risen() == frozenset()
    bench.wait(60)
    bench.gate.tick(**bench.times)
    assert bench.gate.risen() == {watched}
    bench.send(an_entry(PAUSED_IN_A_MINUTE, version=3, frozen=Frozen(models=(), tools=())))
    assert bench.gate.risen() == {watched}
    second = bench.gate.watch("subject_c")
    both = tuple(sorted((watched.hex(), second.hex())))
    bench.send(replace(an_entry(PAUSED_IN_A_MINUTE, version=4), aliases=both))
    assert bench.gate.risen() == {watched, second}


def test_a_stream_that_ended_is_not_told() -> None:
    """Each watch is ended by one unwatch, and what rose is forgotten with the last."""
    bench = Bench()
    watched = bench.gate.watch("subject_a")
    assert bench.gate.watch("subject_a") == watched
    bench.gate.unwatch(watched)
    bench.send(an_entry(an_item()))
    bench.gate.unwatch(watched)
    assert bench.gate.risen() == frozenset()
    bench.send(an_entry(an_item(level=Level.PAUSED), version=2))
    assert bench.gate.risen() == frozenset()


def test_two_subjects_of_one_alias_are_joined() -> None:
    """Who shares an identity with two subjects gets the stricter of everything."""
    bench = Bench()
    bench.catch_up()
    care = replace(an_item("item_c"), standing=Standing(limits=frozenset({Limit.CARE})))
    first = an_entry(PAUSED_IN_A_MINUTE, care, frozen=Frozen(models=("m1",), tools=None))
    second = replace(
        an_entry(care, an_item("item_b"), subject="subject_b", frozen=Frozen(models=("m1", "m2"), tools=())),
        aliases=first.aliases,
        open=False,
    )
    bench.send(first)
    bench.send(second)
    verdict = bench.gate.check(a_request(), **bench.times)
    assert (verdict.level, verdict.models, verdict.tools) == (Level.GUARDED, ("m1",), ())
    assert Limit.CARE in verdict.limits
    bench.wait(60)
    assert answer(bench) == "refuse"
    held = [bench.gate.held("subject_b"), bench.gate.held("subject_a")]
    assert merge([one for one in held if one]).entry.open
    assert bench.gate.held("subject_c") is None


def test_a_released_subject_is_a_stranger_again() -> None:
    """Once nothing is held of a subject, stale and cold policies apply to him as to anybody."""
    bench = Bench()
    bench.send(replace(an_entry(), open=False))
    assert answer(bench) == "refuse"


def test_an_alias_may_be_worked_out_before() -> None:
    """An inlet may keep the alias beside a verified token."""
    bench = Bench()
    bench.send(an_entry(an_item(level=Level.PAUSED)))
    known = bench.gate.alias("subject_a")
    assert known == alias(GATE_KEY, "subject_a")
    assert bench.gate.check(a_request(), alias=known, **bench.times).answer == "refuse"
    assert len(alias(GATE_KEY, "\ud800")) == 16


def test_a_gate_without_verifier_never_lowers() -> None:
    """Without `cryptography` measures still come, and none goes."""
    bench = Bench()
    pinned = bench.gate.pinned
    bench.gate.pinned = Pinned(origin=pinned.origin, key=pinned.key)
    bench.send(an_entry(an_item(level=Level.PAUSED)))
    assert bench.send(an_entry(version=2), bench.log.lift("item_a")).refused
    assert answer(bench) == "refuse"


def test_what_is_withheld_is_kept_and_judged_as_if_stale() -> None:
    """A tightening that the store cannot read is not silently absent: all that is held stays, and `on_stale` holds."""
    bench = Bench(policy=a_policy(on_stale="refuse"))
    bench.catch_up()
    bench.send(an_entry(an_item(level=Level.WATCH)))
    assert (answer(bench), answer(bench, "stranger")) == ("allow", "allow")
    received = bench.withhold(2)
    assert (received.subject, received.fresh) == ("subject_a", ())
    bench.withhold(1, "stranger")
    bench.receive(bench.heartbeat())
    assert (answer(bench), answer(bench, "stranger"), answer(bench, "somebody")) == ("refuse", "refuse", "allow")
    status = bench.gate.status(**bench.times)
    assert (status.in_force, status.withheld, status.subjects) == (True, 2, 2)
    held = bench.gate.held("subject_a")
    assert held is not None
    assert held.entry.items == (an_item(level=Level.WATCH),)
    bench.send(an_entry(an_item(level=Level.WATCH), version=2))
    bench.send(an_entry(version=1, subject="stranger"))
    assert (answer(bench), answer(bench, "stranger")) == ("allow", "allow")
    assert bench.gate.status(**bench.times).withheld == 0
    bench.withhold(2)
    assert (answer(bench), bench.gate.status(**bench.times).withheld) == ("allow", 0)


def test_what_is_withheld_is_told_to_running_streams_once() -> None:
    """A stream may have to end; the same line again, or an older one, says nothing new."""
    bench = Bench()
    watched = bench.gate.watch("subject_a")
    bench.send(an_entry())
    bench.gate.risen()
    for version, risen in ((3, {watched}), (3, set()), (2, set()), (4, {watched})):
        bench.withhold(version)
        assert bench.gate.risen() == risen


def test_an_alias_that_only_a_withheld_entry_bears_is_found() -> None:
    """Who comes under it shares the stricter of everything with whoever else does."""
    bench = Bench(policy=a_policy(on_stale="guarded"))
    bench.catch_up()
    bench.send(an_entry(an_item(level=Level.WATCH)))
    bench.withhold(1, "subject_b", known_as="subject_a")
    verdict = bench.gate.check(a_request(), **bench.times)
    assert (verdict.level, verdict.not_known, verdict.reason_ref) == (Level.GUARDED, ("entry",), "subject_a")


an_op = st.one_of(
    st.tuples(st.just("withhold"), st.tuples(st.sampled_from(["subject_a", "subject_b"]), st.integers(1, 6))),
    st.tuples(st.just("wait"), st.floats(0, 50)),
    st.tuples(st.just("step"), st.floats(-5_000, 5_000)),
    st.tuples(st.just("beat"), st.none()),
    st.tuples(
        st.just("send"),
        st.tuples(
            st.sampled_from(["subject_a", "subject_b"]),
            st.integers(1, 6),
            st.lists(
                st.builds(
                    lambda number, there, at: replace(an_item(f"item_{number}", effective=at), standing=there),
                    st.integers(0, 3),
                    standings,
                    st.sampled_from([0, 20, 60, 100]),
                ),
                max_size=3,
                unique_by=lambda item: item.id,
            ),
            st.none() | st.just(Frozen(models=("m1",), tools=())),
        ),
    ),
)
asked = st.builds(
    Request,
    identity=st.sampled_from(["subject_a", "subject_b", "stranger"]),
    model=st.sampled_from([None, "m1", "m2"]),
    tools=st.sampled_from([None, (), ("search",)]),
)


@given(st.lists(st.tuples(an_op, asked), max_size=15), st.sampled_from(["allow", "guarded", "refuse"]))
def test_the_dense_gate_answers_like_the_plain_law(steps: list, on_stale: str) -> None:
    """Packed, remembered and looked up, every verdict is what judge says of what admit holds at that time."""
    policy = a_policy(on_stale=on_stale)
    bench = Bench(policy=policy)
    model: dict[str, Held] = {}
    for (kind, value), request in steps:
        if kind == "wait":
            bench.wait(value)
        elif kind == "step":
            bench.wall += value
        elif kind == "beat":
            bench.receive(bench.heartbeat())
        elif kind == "withhold":
            version, subject = value[1], value[0]
            bench.withhold(version, subject)
            now = bench.gate.tick(**bench.times)
            model[subject] = withhold(model.get(subject), a_withheld(version, subject), now=now)
        else:
            subject, version, items, frozen = value
            entry = an_entry(*items, subject=subject, version=version, frozen=frozen)
            bench.send(entry)
            now = bench.gate.tick(**bench.times)
            model[subject] = admit(model.get(subject), _arrived(entry, bench, now), (), None, now=now).held
        verdict = bench.gate.check(request, **bench.times)
        now = bench.gate.tick(**bench.times)
        model = {subject: mark(held, now=now) for subject, held in model.items()}
        held = model.get(request.identity)
        reach = bench.gate.status(**bench.times).reach
        fallen = held.fallen if held else frozenset()
        known, withheld = (held.entry, held.withheld > 0) if held else (None, False)
        wanted = judge(known, request, now, policy, contact=reach, fallen=fallen, withheld=withheld)
        assert verdict == wanted
        assert bench.gate.status(**bench.times).withheld == sum(one.withheld > 0 for one in model.values())


def _arrived(entry: Entry, bench: Bench, now: datetime) -> Entry:
    """Give the entry as it arrives where the store's time is the wall's: see `left` in the wire format."""
    return decode(encode(entry, now=after(bench.wall)), received=now)
