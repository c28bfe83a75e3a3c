"""The contract of the feed: every change of an entry is carried, with the proofs that a gate lowers by."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest

from answerable.core.facts import LoweringKind, SignalKind, SubjectId
from answerable.errors import BadInput, TooLarge
from answerable.ledger.verify import parse_checkpoint, parse_note
from answerable.store import record
from answerable.store.protocol import Checkpointed, FeedLine, Store
from answerable_gate import Level, admit, proven
from tests.core.builders import RITA, SECOND, SUBJECT
from tests.storage.worlds import a_stored_world, assert_sound, checkpoint, seal, undone

ALIAS = "0" * 32


def _lines(store: Store, after: int = 0) -> dict[str, Any]:
    return {line.entry.subject: line for line in store.feed(after, 100)}


def _verify(note: str) -> tuple[int, bytes] | None:
    signed = parse_checkpoint(parse_note(note.encode()).text)
    return signed.size, signed.root


def test_a_subject_comes_into_the_feed_with_its_first_case(store: Store) -> None:
    """An account only seen is not in the feed; one with a case is, with a version and its items."""
    world = a_stored_world(store)
    assert store.feed(0, 10) == []
    assert store.feed_head() == 0
    world.with_notice(danger_now=True)
    line = _lines(store)[SUBJECT]
    assert (line.entry.subject, line.entry.open, line.entry.version) == (SUBJECT, True, 1)
    assert line.entry.items
    assert store.feed_head() == line.seq


def test_the_feed_gives_each_subject_once_at_its_latest_place(store: Store) -> None:
    """A subject that changes moves to the head, with a higher version; nothing beyond `after` is left out."""
    world = a_stored_world(store).with_flag().with_flag(SECOND)
    first = store.feed_head()
    world.with_notice(danger_now=True)
    lines = store.feed(0, 10)
    assert [line.entry.subject for line in lines] == [SECOND, SUBJECT]
    assert [line.seq for line in lines] == sorted({line.seq for line in lines})
    assert [line.entry.subject for line in store.feed(first, 10)] == [SUBJECT]
    assert lines[1].entry.version > 1
    assert [line.entry.subject for line in store.feed(0, 1)] == [SECOND]


def test_no_entry_changes_without_a_new_place_in_the_feed(store: Store) -> None:
    """After every verb, an entry that differs from before stands beyond the head of before (L1)."""
    world = a_stored_world(store, is_sealing=True)

    def steps() -> Iterator[object]:
        yield world.with_flag(act=True, identified=True)
        yield world.see(SECOND)
        link = world.link("email", "phone")
        yield link
        yield world.with_notice(SECOND, danger_now=True)
        yield world.confirm_link(link)
        yield world.fast_forward(hours=25)
        for case in list(world.files.cases()):
            yield world.view(case)
            yield world.decide(case, Level.SUSPENDED)
        yield world.lower(world.case(), LoweringKind.LIFT, to=world.case_level(-1))
        yield world.lower(world.case(), LoweringKind.WITHDRAW_LINK, link=link)
        yield world.with_notice()

    head = store.feed_head()
    before: dict[str, FeedLine] = {}
    for _ in steps():
        lines = _lines(store)
        for subject, line in lines.items():
            known = before.get(subject)
            if known is None or known.entry != line.entry:
                assert line.seq > head
                assert known is None or line.entry.version > known.entry.version
        head, before = store.feed_head(), lines
    assert_sound(store)


def test_linked_accounts_are_carried_together(store: Store) -> None:
    """A default armed in one account moves everybody who is tied to it, for their entries hold it too (L2)."""
    world = a_stored_world(store)
    world.see(SECOND).link("email", "phone")
    before = store.feed_head()
    world.with_notice(danger_now=True)
    assert set(_lines(store, before)) == {SUBJECT, SECOND}


def test_what_only_a_reader_did_moves_nothing(store: Store) -> None:
    """Opening a case is a fact, and no news to a gate."""
    world = a_stored_world(store).with_flag()
    before = store.feed_head()
    world.view(world.case())
    assert store.feed_head() == before


def test_a_lift_leaves_the_entry_only_when_sealed_and_with_its_proof(store: Store) -> None:
    """An unsealed lift changes no entry; the checkpoint that seals it brings the subject back, with a proof (L4)."""
    world = a_stored_world(store)
    world.with_flag(act=True, identified=True).fast_forward(days=8)
    case = world.case()
    world.view(case)
    world.decide(case, Level.PAUSED)
    seal(store)
    held = {item.id for item in _lines(store)[SUBJECT].entry.items}
    world.lower(world.case(), LoweringKind.LIFT, to=world.case_level(-1))
    assert held <= {item.id for item in _lines(store)[SUBJECT].entry.items}
    head = store.feed_head()
    seal(store)
    line = _lines(store, head)[SUBJECT]
    gone = held - {item.id for item in line.entry.items}
    assert gone
    released = [proven(release, _verify) for release in line.releases]
    assert gone <= {item for one in released if one for item in one.lifts}
    # A proof is made anew for the newest checkpoint, and goes on holding.
    world.with_flag(SECOND)
    seal(store)
    assert all(proven(release, _verify) for release in _lines(store)[SUBJECT].releases)
    assert_sound(store)


def test_a_withdrawn_link_frees_both_ends_when_sealed(store: Store) -> None:
    """Both accounts come again when the withdrawal is sealed, each with the proof of its own side."""
    world = a_stored_world(store)
    world.with_flag(act=True, identified=True).see(SECOND)
    link = world.link("email", "phone")
    assert any(item.of == SUBJECT for item in _lines(store)[SECOND].entry.items)
    world.lower(world.case(), LoweringKind.WITHDRAW_LINK, link=link)
    assert any(item.of == SUBJECT for item in _lines(store)[SECOND].entry.items)
    head = store.feed_head()
    seal(store)
    lines = _lines(store, head)
    assert set(lines) == {SUBJECT, SECOND}
    assert not any(item.of == SUBJECT for item in lines[SECOND].entry.items)
    freed = [proven(release, _verify) for release in lines[SECOND].releases]
    assert any(one.foreign and one.subject == SECOND for one in freed if one)


def test_a_gate_lets_go_of_all_that_came_over_a_withdrawn_link(store: Store) -> None:
    """Also a third account's, also what was settled since; and what is armed before the sealing never comes over."""
    third = SubjectId("su_third")
    world = a_stored_world(store)
    world.with_flag(kind=SignalKind.TRAJECTORY).see(SECOND).see(third)
    link = world.link("email", "phone")
    world.link("phone", "card", one=SECOND, other=third)
    seal(store)
    gates = {one: admit(None, _lines(store)[one].entry, (), _verify, now=world.now).held for one in (SECOND, third)}
    assert all(any(item.of == SUBJECT for item in gate.entry.items) for gate in gates.values())
    world.answer_all().decide(world.case(), Level.GUARDED)
    world.lower(world.case(), LoweringKind.WITHDRAW_LINK, link=link)
    world.with_notice(danger_now=True)
    for one, gate in gates.items():
        gates[one] = admit(gate, _lines(store)[one].entry, (), _verify, now=world.now).held
    seal(store)
    for one, gate in gates.items():
        line = _lines(store)[one]
        admitted = admit(gate, line.entry, line.releases, _verify, now=world.now)
        assert (admitted.refused, admitted.held.entry.items) == ((), ())
    assert_sound(store)


def test_of_more_proofs_than_a_line_holds_the_newest_are_sent(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that no gate takes cuts off all behind it; where an old proof is missing, a gate only stays stricter."""
    world = a_stored_world(store, is_sealing=True)
    for _ in range(3):
        world.with_flag().answer_all()
        assert world.close(world.case()) is None
    full = _lines(store)[SUBJECT].releases
    assert len(full) == 3
    monkeypatch.setattr(record, "RELEASES_BYTES", 3_000)
    assert _lines(store)[SUBJECT].releases == full[1:]


def test_a_checkpoint_of_anything_else_is_refused(store: Store) -> None:
    """No note of another log, size or root, and nothing that is no note, ever seals a lift (L4)."""
    world = a_stored_world(store).with_flag()
    good = checkpoint(store)
    others = [
        Checkpointed(size=good.size, note="no note"),
        Checkpointed(size=good.size - 1, note=good.note),
        checkpoint(store, origin="other.example/log"),
    ]
    world.with_flag(SECOND)
    forged = checkpoint(store)
    root_line, other_line = good.note.split("\n")[2], forged.note.split("\n")[2]
    others.append(Checkpointed(size=good.size, note=good.note.replace(root_line, other_line)))
    for bad in others:
        with pytest.raises(BadInput):
            store.put_checkpoint(bad)
    assert store.newest_checkpoint() is None
    for one in (good, forged):
        store.put_checkpoint(one)
    store.put_checkpoint(good)
    assert list(store.checkpoints()) == [good, forged]
    assert store.newest_checkpoint() == forged
    with store.act() as tx:
        assert tx.sealed_size() == forged.size


def test_aliases_travel_with_the_entry_and_only_add_up(store: Store) -> None:
    """New aliases of a carried subject move it, known ones do not; before its first case they wait."""
    world = a_stored_world(store)
    with store.act() as tx:
        tx.gate_aliases(SUBJECT, [ALIAS])
    assert store.feed_head() == 0
    world.with_flag()
    assert _lines(store)[SUBJECT].entry.aliases == (ALIAS,)
    head = store.feed_head()
    with store.act() as tx:
        tx.gate_aliases(SUBJECT, [ALIAS])
    assert store.feed_head() == head
    with store.act() as tx:
        tx.gate_aliases(SUBJECT, ["1" * 32])
    assert _lines(store, head)[SUBJECT].entry.aliases == (ALIAS, "1" * 32)
    with undone(store.act(), TooLarge) as tx:
        tx.gate_aliases(SUBJECT, [f"{number:032x}" for number in range(1025)])


def test_a_writer_reads_its_own_feed_and_an_undone_act_leaves_none_of_it(store: Store) -> None:
    """Within a batch the feed shows what the batch wrote, and after it was undone, what stood before."""
    world = a_stored_world(store).with_flag()
    before = store.feed(0, 10)
    with undone(store.batch()):
        world.with_notice(danger_now=True)
        assert store.feed(0, 10) != before
    assert store.feed(0, 10) == before
    world.with_flag(SECOND)
    assert_sound(store)


def test_a_waiting_reader_is_woken_by_a_change(store: Store) -> None:
    """A wait ends when the head passes, at once where it has passed already, and with False when nothing comes."""
    world = a_stored_world(store).with_flag()
    head = store.feed_head()
    assert store.wait_for_change(head - 1, 0)
    assert not store.wait_for_change(head, 0.01)
    woken: list[bool] = []
    waiting = Thread(target=lambda: woken.append(store.wait_for_change(head, 30)))
    waiting.start()
    world.with_flag(SubjectId("su_third"))
    waiting.join()
    assert woken == [True]


def test_what_a_person_did_is_proved_to_her_by_the_tree(store: Store) -> None:
    """The nodes of a store give the root that the next checkpoint signs, at every size."""
    world = a_stored_world(store)
    for _ in range(5):
        world.with_flag()
        seal(store)
        newest = store.newest_checkpoint()
        assert newest is not None
        assert _verify(newest.note) == (store.size(), store.root())
    assert world.view(world.case(), RITA) is None
