"""The contract of acts: what is appended is there, what is undone never was, and nobody overtakes anybody."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from answerable.core import fold
from answerable.core.cases import Files
from answerable.core.facts import (
    ActId,
    CaseId,
    CaseOpened,
    CaseViewed,
    Hazard,
    Recorded,
    Refused,
    SubjectId,
    SubjectSeen,
    stream_of,
)
from answerable.errors import BadInput, Conflict
from answerable.ledger import verify
from answerable.ledger.export import write_export
from answerable.store.protocol import Store
from answerable_gate import Level
from tests.core.builders import ALMA, BELA, HER, RITA, SECOND, SUBJECT, a_world
from tests.storage.worlds import THIRD, VKEY, a_stored_world, assert_sound, seal, undone


def test_what_an_act_appends_is_read_back_as_it_was(store: Store) -> None:
    """Facts come back equal, in the order of the tree, with their leaf indexes (L7)."""
    world = a_stored_world(store).with_flag().with_notice()
    waiting, since = store.pending()
    assert (waiting, since) in ((0, None), (len(world.facts), world.facts[0].at))
    grown = store.integrate()
    assert grown == waiting
    assert store.pending() == (0, None)
    assert _unplaced(store.all_recorded()) == _unplaced(world.facts)
    assert [one.index for one in store.all_recorded()] == list(range(store.size())) == list(range(len(world.facts)))
    assert grown or [one.index for one in world.facts] == list(range(store.size()))


def _unplaced(recorded: Iterable[Recorded]) -> list[Recorded]:
    """Return facts without their place in the tree, which a store may give them later."""
    return [replace(one, index=None) for one in recorded]


def test_a_world_on_a_store_is_the_world_of_the_core(store: Store) -> None:
    """The same verbs write the same facts whether or not a store keeps them."""
    plain, stored = a_world(), a_stored_world(store)
    for world in (plain, stored):
        world.with_flag(hazard=Hazard.THREAT).with_notice().fast_forward(hours=30)
    store.integrate()
    written = [(one.stream, one.seq, one.at, type(one.fact)) for one in store.all_recorded()]
    # Tokens differ, for the store's acts mint their own names; everything that the laws decide is the same.
    assert [row[2:] for row in written] == [(one.at, type(one.fact)) for one in plain.facts]


def test_tree_tables_folds_and_feed_follow_from_the_facts(store: Store) -> None:
    """Through flags, notices, lapses, decisions, links and lifts, everything kept equals its fold (L7)."""
    world = a_stored_world(store, is_sealing=True)
    case = world.flag(hazard=Hazard.THREAT, act=True, identified=True)
    world.with_notice().with_flag(SECOND).fast_forward(hours=2)
    assert_sound(store)
    world.view(case)
    world.decide(case, Level.SUSPENDED)
    link = world.link("email", "phone")
    assert_sound(store)
    world.confirm_link(link)
    world.fast_forward(days=3)
    assert_sound(store)


def test_an_export_is_verified_by_the_verifier_alone(store: Store, tmp_path: Path) -> None:
    """What a store exports, `verify.py` finds whole in a process of its own (L8)."""
    a_stored_world(store).with_flag().with_notice().fast_forward(days=9)
    seal(store)
    count = write_export(
        tmp_path / "export", store.entries(0, store.size()), [(one.size, one.note) for one in store.checkpoints()]
    )
    assert count == store.size()
    done = subprocess.run(
        [sys.executable, verify.__file__, str(tmp_path / "export"), "--key", VKEY], capture_output=True, check=False
    )
    assert done.stdout.startswith(b"VERIFIED"), done.stdout


def test_an_act_that_raises_leaves_no_trace(store: Store) -> None:
    """After an exception entries, tables, feed, texts, outbox and answers are as before (L17)."""
    world = a_stored_world(store)
    world.with_flag()
    before = (store.size(), store.root(), store.tables(), store.feed_head(), store.high_water())
    blob = b"a file"
    with undone(store.act()) as tx:
        tx.append([_seen(SECOND, 1, world.facts[-1])])
        address = tx.put_blob(blob)
        tx.post(world.outgoing("never"))
        tx.remember("source", "key", b"answer")
        tx.gate_aliases(SUBJECT, ["0" * 32])
    assert (store.size(), store.root(), store.tables(), store.feed_head(), store.high_water()) == before
    with store.act() as tx:
        assert tx.blob(address) is None
        assert tx.remembered("source", "key") is None
    assert store.claim(world.now, world.now, 10) == []
    world.with_flag(SECOND)
    assert_sound(store)


def test_a_batch_keeps_what_succeeded_and_drops_what_raised(store: Store) -> None:
    """Inside a batch an act is a savepoint: one that raises takes only itself along."""
    world = a_stored_world(store)
    with store.batch():
        world.with_flag()
        size = store.size()
        with undone(store.act()) as tx:
            tx.append([_seen(SECOND, 1, world.facts[-1])])
        assert store.size() == size
        world.with_notice()
    store.integrate()
    assert store.size() > size
    assert_sound(store)


def test_a_batch_that_raises_drops_every_act(store: Store) -> None:
    """A batch is durable as a whole or not at all, and the folds it left behind are not used."""
    world = a_stored_world(store)
    before = len(world.facts)
    with undone(store.batch()):
        world.with_flag()
    store.integrate()
    assert store.size() == before
    del world.facts[before:]
    world.with_flag().with_notice()
    assert_sound(store)
    assert _unplaced(store.all_recorded()) == _unplaced(world.facts)


def test_a_stale_fact_is_a_conflict(store: Store) -> None:
    """A fact that does not follow its stream's last one is refused, and nothing of its act stays."""
    world = a_stored_world(store)
    known = world.facts[-1]
    assert known.stream == "subject:su_first"
    size = store.size()
    for stale in (replace(known, index=None), replace(known, seq=known.seq + 2, index=None)):
        with undone(store.act(), Conflict) as tx:
            tx.append([_seen(SECOND, 1, known), stale])
    assert store.size() == size
    assert_sound(store)


def test_an_act_that_goes_on_after_a_failed_append_is_undone(store: Store) -> None:
    """Whoever catches a conflict and leaves the act as if nothing were wrong keeps nothing of it."""
    world = a_stored_world(store)
    size = store.size()
    with pytest.raises(Conflict), store.act() as tx:  # noqa: PT012
        tx.put_blob(b"a file")
        with suppress(Conflict):
            tx.append([_seen(SECOND, 1, world.facts[-1]), _seen(SECOND, 7, world.facts[-1])])
    assert store.size() == size
    world.with_flag()
    assert_sound(store)


def test_facts_without_a_journal_are_folded_by_the_store(store: Store) -> None:
    """An append that no journal folded changes tables and folds all the same, once."""
    world = a_stored_world(store).with_flag()
    seen = _seen(SECOND, 1, world.facts[-1])
    with store.act() as tx:
        assert _unplaced(tx.append([seen])) == [seen]
        assert tx.files([SECOND]).subject(SECOND).found
    assert_sound(store)


def test_what_a_caller_folded_and_did_not_append_is_forgotten(store: Store) -> None:
    """Files with facts that were never stored do not come back in a later act."""
    world = a_stored_world(store).with_flag()
    with store.act() as tx:
        files = tx.files([SUBJECT])
        fold.evolve(files, _seen(SUBJECT, files.subject(SUBJECT).seq + 1, world.facts[-1]))
    assert_sound(store)


def test_a_fact_of_an_account_that_was_not_locked_is_a_conflict(store: Store) -> None:
    """Whoever folds into a file that the act never asked for is refused where that account has facts already."""
    world = a_stored_world(store).with_flag()
    with undone(store.act(), Conflict) as tx:
        files = tx.files([SECOND])
        fact = _seen(SUBJECT, 1, world.facts[-1])
        fold.evolve(files, fact)
        tx.append([fact])
    assert_sound(store)


def test_a_pair_has_one_case(store: Store) -> None:
    """Two cases of one account and one person are refused by the tables themselves (DESIGN section 3)."""
    world = a_stored_world(store)
    case = world.flag()
    opened = next(one for one in world.facts if one.stream == f"case:{case.id}")
    assert isinstance(opened.fact, CaseOpened)
    with undone(store.act(), Conflict) as tx:
        twin = replace(opened.fact, case=CaseId("case_twin"))
        tx.append([Recorded(stream=stream_of(twin), seq=1, at=opened.at, by=opened.by, act=ActId("act_x"), fact=twin)])
    assert_sound(store)


def test_interleaved_verbs_on_two_cases_of_one_account(store: Store) -> None:
    """Acts that alternate between two cases of an account see each other's facts, and the chains stay whole."""
    world = a_stored_world(store)
    world.with_notice(person=ALMA).with_notice(person=BELA)
    one, other = world.case(0), world.case(1)
    for _ in range(3):
        world.view(one)
        world.view(other)
    world.decide(one, Level.GUARDED)
    world.decide(other, Level.GUARDED)
    assert_sound(store)
    assert store.case_row(one.id).yardstick >= Level.GUARDED  # type: ignore[union-attr]


def test_a_linked_account_is_loaded_and_a_weak_link_is_followed_one_step(store: Store) -> None:
    """Asking for one account loads all that strong links tie to it, and the far ends of its weak ones."""
    world = a_stored_world(store)
    world.see(SECOND).see(SubjectId("su_third"))
    world.link("email", "phone")
    world.link("email", one=SECOND, other=SubjectId("su_third"))
    with store.act() as tx:
        assert set(tx.files([SUBJECT]).subjects) == {SUBJECT, SECOND}
    with store.act() as tx:
        assert set(tx.files([SubjectId("su_third")]).subjects) == {SUBJECT, SECOND, "su_third"}


def test_each_of_many_has_the_files_that_an_act_about_it_alone_has(store: Store) -> None:
    """Its own, those of whoever is tied to it, a weak link's other end, and of nobody else; one append keeps them."""
    world = a_stored_world(store).see(SECOND).see(THIRD).with_flag().with_flag(THIRD)
    world.link("email")
    with store.act() as tx:
        found = tx.apart([THIRD, SUBJECT])
        assert {one: sorted(_files(files).subjects) for one, files in found.items()} == {
            SUBJECT: sorted([SUBJECT, SECOND]), THIRD: [THIRD],
        }  # fmt: skip
        written = []
        for number, (subject, files) in enumerate(found.items()):
            (case,) = _files(files).subjects[subject].cases.values()
            fact = CaseViewed(subject=subject, case=case.id, staff=RITA, purpose="review", opened=())
            seen = replace(world.facts[-1], act=ActId(f"act-{number}"), stream=stream_of(fact), fact=fact)
            written.append(replace(seen, seq=case.seq + 1, index=None))
        assert len(tx.append(written)) == 2
    assert_sound(store)
    assert [one.fact for one in store.all_recorded()][-2:] == [one.fact for one in written]


def _files(found: object) -> Files:
    assert isinstance(found, Files)
    return found


def test_an_act_asks_for_more_files_as_it_goes(store: Store) -> None:
    """A second call adds to the same files, and what was asked for first keeps what the act wrote."""
    world = a_stored_world(store).with_flag().with_flag(SECOND)
    with store.act() as tx:
        files = tx.files([SUBJECT])
        case = next(iter(files.subject(SUBJECT).cases.values()))
        fact = CaseViewed(subject=SUBJECT, case=case.id, staff=RITA, purpose="review", opened=case.evidence)
        viewed = replace(world.facts[-1], stream=stream_of(fact), seq=case.seq + 1, fact=fact, index=None)
        tx.append([viewed])
        assert tx.files([SECOND]) is files
        assert case.opened_by == {RITA: set(case.evidence)}
        assert files.subject(SECOND).cases
    assert_sound(store)


def test_a_fact_that_no_reader_would_take_is_refused_whole(store: Store) -> None:
    """Text with half a surrogate pair never reaches the record."""
    world = a_stored_world(store)
    size = store.size()
    with pytest.raises(BadInput):
        world.see(SubjectId("su_\ud800"))
    assert store.size() == size
    assert_sound(store)


def test_high_water_never_goes_back(store: Store) -> None:
    """An act with an earlier time leaves the latest time where it is."""
    assert store.high_water() is None
    world = a_stored_world(store).with_flag()
    latest = world.now
    world.now = latest.replace(year=latest.year - 1)
    world.see(SECOND)
    assert store.high_water() == latest
    with store.act() as tx:
        assert tx.high_water() == latest


def test_in_a_batch_an_act_that_was_undone_has_moved_no_time_and_counts_as_no_effect(store: Store) -> None:
    """What an act asks of the record is what stands, whoever asked before in the same transaction (L3, L13)."""
    world = a_stored_world(store)
    with store.batch():
        world.with_notice(danger_now=True)
        first, kept = world.now, world.facts[-1]
        with store.act() as tx:
            assert (tx.high_water(), tx.effects_since(first)) == (first, [first])
        world.now = first + timedelta(minutes=1)
        with undone(store.act()) as tx:
            tx.append([replace(_seen(SECOND, 1, kept), at=world.now)])
            assert tx.high_water() == world.now
        with store.act() as tx:
            assert (tx.high_water(), tx.effects_since(first)) == (first, [first])
        world.with_notice(THIRD, danger_now=True)
        with store.act() as tx:
            assert (tx.high_water(), tx.effects_since(first)) == (world.now, [first, world.now])


def test_a_refused_verb_is_kept_as_the_core_wrote_it(store: Store) -> None:
    """A refusal is returned, and what the core recorded of the attempt stays."""
    world = a_stored_world(store)
    world.with_notice(person=HER, danger_now=True)
    case = world.case()
    world.decide(case, Level.SUSPENDED)
    refused = world.decide(case, Level.NONE)
    assert isinstance(refused, Refused)
    assert_sound(store)


def _seen(subject: SubjectId, seq: int, like: Recorded) -> Recorded:
    fact = SubjectSeen(subject=subject, commit="00", found=True)
    return replace(like, stream=stream_of(fact), seq=seq, act=ActId("act_seen"), fact=fact, index=None)
