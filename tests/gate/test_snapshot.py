"""Snapshots: nothing that a gate must not forget is lost over a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable_gate import Gate, Level, Malformed, NotOurFeed, Pinned, Request, snapshot
from answerable_gate.io.proofs import NotUnsealed, sealer, unsealer
from tests.gate.build import GATE_KEY, Bench, a_policy, after, an_entry, an_item

KEY = b"s" * 32


def plain(data: bytes) -> bytes:
    """Seal nothing."""
    return data


def a_bench() -> Bench:
    """Build a gate with a fallen default, a measure, and a policy from its feed."""
    bench = Bench()
    bench.receive(bench.hello(policy=a_policy(version=2)))
    bench.send(an_entry(an_item("item_d", Level.PAUSED, effective=60), an_item("item_e", Level.SUSPENDED, 600)))
    bench.send(an_entry(an_item(), subject="subject_b"))
    bench.withhold(2, "subject_b")
    bench.withhold(1, "subject_c")
    bench.receive(bench.heartbeat(size=5))
    bench.wait(60)
    bench.gate.tick(**bench.times)
    return bench


def written_by(bench: Bench) -> bytes:
    """Write a snapshot without seal."""
    return snapshot.write(bench.gate, plain, **bench.times)


def restarted(bench: Bench, written: bytes, unseal: snapshot.Unseal = plain) -> Bench:
    """Restart the gate with a monotonic clock that begins anew."""
    fresh = Bench(wall=bench.wall)
    fresh.gate.restore(snapshot.read(written, unseal), **fresh.times)
    return fresh


def test_a_restart_forgets_nothing() -> None:
    """Entries, marks, cursor, policy and time are the same, and so are the bytes of the next snapshot."""
    bench = a_bench()
    written = snapshot.write(bench.gate, plain, **bench.times)
    fresh = restarted(bench, written)
    assert fresh.gate.save(**fresh.times) == bench.gate.save(**bench.times)
    assert snapshot.write(fresh.gate, plain, **fresh.times) == written
    assert fresh.gate.next_due == after(600)
    status = fresh.gate.status(**fresh.times)
    assert (status.reach, status.withheld) == ("stale", 2)


def test_a_clock_set_back_over_the_restart_lifts_nothing() -> None:
    """What was due before the restart is due after it, and what comes is not late."""
    bench = a_bench()
    written = snapshot.write(bench.gate, plain, **bench.times)
    bench.wall -= 86_400
    fresh = restarted(bench, written)
    request = Request(identity="subject_a", model=None, tools=None)
    assert fresh.gate.check(request, **fresh.times).level == Level.PAUSED
    fresh.wait(540)
    assert fresh.gate.check(request, **fresh.times).level == Level.SUSPENDED


def test_what_fell_due_while_it_was_down_is_due_at_once() -> None:
    """A gate that was off when the limit passed applies the default with its first answer."""
    bench = a_bench()
    written = snapshot.write(bench.gate, plain, **bench.times)
    bench.wait(3600)
    fresh = restarted(bench, written)
    held = fresh.gate.held("subject_a")
    assert held is not None
    assert held.fallen == {"item_d", "item_e"}


def test_a_newer_policy_in_hand_is_kept() -> None:
    """A snapshot does not bring an older policy back."""
    bench = a_bench()
    saved = snapshot.read(snapshot.write(bench.gate, plain, **bench.times), plain)
    gate = Gate(gate_key=GATE_KEY, pinned=bench.log.pinned, policy=a_policy(version=3), **bench.times)
    gate.restore(saved, **bench.times)
    assert gate.policy.version == 3


def test_a_snapshot_of_another_gate_key_is_refused() -> None:
    """Under another key every subject would be a stranger."""
    bench = a_bench()
    saved = snapshot.read(snapshot.write(bench.gate, plain, **bench.times), plain)
    gate = Gate(gate_key=b"other", pinned=bench.log.pinned, policy=a_policy(), **bench.times)
    with pytest.raises(NotOurFeed):
        gate.restore(saved, **bench.times)


@pytest.mark.parametrize("change", [{"origin": "other.example"}, {"key": "other+00000000+AQ=="}])
def test_a_snapshot_of_another_log_is_refused(change: dict) -> None:
    """Its places in the feed would mean nothing here; and nothing of it is taken up."""
    bench = a_bench()
    fresh = Bench(wall=bench.wall)
    with pytest.raises(NotOurFeed):
        fresh.gate.restore(replace(bench.gate.save(**bench.times), **change), **fresh.times)
    status = fresh.gate.status(**fresh.times)
    assert (status.subjects, status.reach, status.after) == (0, "cold", 0)


def test_what_came_while_it_was_written_is_whole_or_comes_again() -> None:
    """A gate goes on between two parts: every record is one that it held, and the place is from the beginning."""
    bench = a_bench()
    parts = snapshot.parts(bench.gate, **bench.times)
    begun = [next(parts), next(parts)]
    bench.send(an_entry(an_item("item_z", Level.SUSPENDED), version=4, subject="subject_b"))
    bench.send(an_entry(an_item(), subject="subject_z"))
    fresh = restarted(bench, snapshot.sealed([*begun, *parts], plain))
    assert fresh.gate.after == bench.gate.after - 2
    for subject in ("subject_a", "subject_b", "subject_c", "subject_z"):
        assert fresh.gate.held(subject) == bench.gate.held(subject)


def test_only_what_a_snapshot_keeps_is_a_change() -> None:
    """The same line twice is none, nor a heartbeat; a line, a fallen default and a policy are."""
    bench = a_bench()
    for act, changes in (
        (lambda: bench.send(an_entry(an_item(), subject="subject_x"), seq=9), True),
        (lambda: bench.send(an_entry(an_item(), subject="subject_x"), seq=9), False),
        (lambda: bench.receive(bench.heartbeat(size=5)), False),
        (lambda: bench.receive(bench.hello(policy=a_policy(version=3))), True),
        (lambda: bench.gate.tick(after(600), bench.monotonic + 540), True),
        (lambda: bench.withhold(7), True),
    ):
        before = bench.gate.changes
        act()
        assert (bench.gate.changes > before) == changes


def test_a_sealed_snapshot_opens_only_under_its_key() -> None:
    """Sealed, nothing of it can be read or changed."""
    bench = a_bench()
    written = snapshot.write(bench.gate, sealer(KEY), **bench.times)
    assert b"subject_a" not in written
    fresh = restarted(bench, written, unsealer(KEY))
    assert fresh.gate.save(**fresh.times) == bench.gate.save(**bench.times)
    changed = written[:-1] + bytes([written[-1] ^ 1])
    for broken, key in ((written, b"t" * 32), (changed, KEY), (written[:40], KEY), (written[:30], KEY)):
        with pytest.raises(NotUnsealed):
            snapshot.read(broken, unsealer(key))


@given(st.integers(0), st.binary(max_size=3))
def test_a_damaged_snapshot_is_malformed_or_itself(place: int, bytes_there: bytes) -> None:
    """Whatever bytes stand there, reading gives a snapshot or says that it is none."""
    written = bytearray(written_by(a_bench()))
    written[place % len(written) : place % len(written) + 1] = bytes_there
    try:
        saved = snapshot.read(bytes(written), plain)
    except Malformed:
        return
    assert len(list(saved.records)) <= 3


def test_the_place_is_read_alone() -> None:
    """Of this log; another log's places mean nothing here, and what is damaged is said to be."""
    bench = a_bench()
    written = written_by(bench)
    assert snapshot.place(written, plain, bench.log.pinned) == bench.gate.after
    assert snapshot.place(written, plain, Pinned(origin="other.example", key=bench.log.key)) == 0
    for broken in (b"", snapshot.MAGIC, snapshot.MAGIC + b"\1", snapshot.MAGIC + b"\1\0\0\0", written[:60]):
        with pytest.raises(Malformed):
            snapshot.place(broken, plain, bench.log.pinned)


def test_cut_and_foreign_snapshots_are_malformed() -> None:
    """An empty file, another version, a cut record and a record written otherwise are refused."""
    written = written_by(a_bench())
    record = next(iter(snapshot.read(written, plain).records))
    renamed = written.replace(record, record[:1] + b"\x05" + record[2:])
    for broken in (b"", b"answerable-gate-snapshot 1\n", written[:-1], snapshot.MAGIC, renamed):
        with pytest.raises(Malformed):
            snapshot.read(broken, plain)
