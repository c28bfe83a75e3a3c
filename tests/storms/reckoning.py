"""The reckoning after a storm: what was promised is there once, and everything else follows from it (L1, L7, L8, L17).

Law: nothing here trusts what the storm's processes say of themselves but the answers that they gave.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import pytest

from answerable.api.shapes import NoticeBody
from answerable.app import Answerable
from answerable.core import facts as f
from answerable.core import fold
from answerable.errors import AnswerableError
from answerable.ledger import verify
from answerable.ledger.export import write_export
from answerable.ledger.proofs import read_receipt, verify_receipt
from answerable.ledger.verify import leaf_hash, parse_note, parse_vkey, verify_inclusion
from answerable.store.protocol import Store
from tests.storage.worlds import assert_sound
from tests.storms.ground import Ground
from tests.storms.weather import Storm, facts, notice

TELLING = (
    f.CaseAssigned, f.Escalated, f.DefaultTookEffect, f.DefaultStepped, f.DeadlineMissed, f.CountersignerDrawn,
    f.EffectsBounded, f.ClockSuspected, f.NoticeReceived, f.NoticeAnswered, f.AnswerLapsed, f.HoldOrdered,
    f.HoldUnconfirmed, f.HoldLapsed,
)  # fmt: skip
"""Facts of which somebody outside is told, each once."""
AT_ONCE = 100


def reckon(storm: Storm) -> None:
    """Assert that a storm has lost, doubled and torn nothing."""
    ground = storm.ground
    house = ground.house()
    try:
        store, desk = house.store, house.answerable()
        recorded = whole(store)
        assert_sound(store)
        promises_are_kept(storm, desk, recorded)
        assert storm.settled is not None
        what_was_due_came_once(ground, storm.settled, recorded)
        told_once(store, recorded, ground)
        receipt = partial(house.reading().receipt, shows_entry=True)
        proofs_hold(storm, receipt, store, house.signer.vkey)
        nobody_missed_a_line(storm, store)
        verified_by_a_stranger(ground, store, house.signer.vkey)
        nobody_met_a_fault_of_ours(ground)
    finally:
        house.close()


def whole(store: Store) -> list[f.Recorded]:
    """Assert that the tree holds every fact that was committed, each in one place, and return them."""
    assert store.size() == facts(store)
    recorded = list(store.all_recorded())
    assert [one.index for one in recorded] == list(range(store.size()))
    heads: dict[str, int] = {}
    for one in recorded:
        assert one.seq == heads.get(one.stream, 0) + 1
        heads[one.stream] = one.seq
    return recorded


def promises_are_kept(storm: Storm, desk: Answerable, recorded: list[f.Recorded]) -> None:
    """Assert that each notice is there once, under the id that its sender was told, and that it is told again."""
    received = Counter(one.fact.notice for one in recorded if isinstance(one.fact, f.NoticeReceived))
    assert set(received.values()) == {1}
    assert len(storm.answered) == storm.plan.notices
    assert set(received) == {answer["id"] for answer in storm.answered.values()}
    for first in range(0, storm.plan.notices, AT_ONCE):
        with desk.acts.store.batch():
            for number in range(first, min(first + AT_ONCE, storm.plan.notices)):
                again, told = resent(desk, number), storm.answered[number]
                assert (again.id, again.case, again.again) == (told["id"], told["case"], True)


def resent(desk: Answerable, number: int) -> Any:
    """Send a notice once more, as its client would, and return the answer."""
    body = msgspec.convert(notice(number), NoticeBody)
    return desk.receive_notice(body.taken_by("classifier-1", f"n{number}"))


def what_was_due_came_once(ground: Ground, now: datetime, recorded: list[f.Recorded]) -> None:
    """Assert that each default took effect once if its time had come, that no other did, and each lift counts once."""
    fired = Counter(one.fact.item for one in recorded if isinstance(one.fact, f.DefaultTookEffect))
    assert set(fired.values()) == {1}
    held = [one for case in fold.fold(recorded).cases() for one in case.held.values()]
    assert {one.fact.item for one in held if one.fell} == set(fired)
    assert [one for one in held if one.item.effective <= now and one.is_live and not one.fell
            and isinstance(one.fact, f.DefaultArmed)] == []  # fmt: skip
    first = [one.fact for one in recorded if isinstance(one.fact, f.DefaultArmed)][: len(ground.dues)]
    assert len(first) == len(ground.dues)
    # A notice about the account may have put a stricter one in its place; nothing else may.
    warned = {one.fact.subject for one in recorded if isinstance(one.fact, f.NoticeReceived)}
    replaced = {one.fact.item for one in held if not one.is_live}
    assert {one.item for one in first if one.item not in replaced or one.subject not in warned} <= set(fired)
    lifted = Counter(one.fact.proposal for one in recorded if isinstance(one.fact, f.MeasureLifted))
    assert lifted == dict.fromkeys((proposal for _, proposal in ground.lifts), 1)
    missed = Counter(one.fact.deadline for one in recorded if isinstance(one.fact, f.DeadlineMissed))
    assert set(missed.values()) == {1}


def told_once(store: Any, recorded: list[f.Recorded], ground: Ground) -> None:
    """Assert that the outbox holds one message for each fact that tells somebody, and that all have left."""
    rows = store._all("SELECT idem, done FROM outgoing")
    owed = {f"{one.stream}:{one.seq}" for one in recorded if isinstance(one.fact, TELLING)}
    assert {idem for idem, _ in rows} == owed
    assert {done for _, done in rows} == {1}
    letters = [json.loads(line) for line in next(ground.home.rglob("letters.jsonl")).read_text().splitlines()]
    by_id = {letter["id"]: letter for letter in letters}
    assert all(by_id[letter["id"]] == letter for letter in letters)
    orders = [one.fact for one in recorded if isinstance(one.fact, f.HoldOrdered | f.HoldLapsed)]
    assert len(by_id) == len(owed) - len(orders)
    kept = [json.loads(line) for line in next(ground.home.rglob("holds.jsonl")).read_text().splitlines()]
    assert Counter((one["hold"], one["released"]) for one in kept) == Counter(
        (one.hold, isinstance(one, f.HoldLapsed)) for one in orders
    )


def proofs_hold(storm: Storm, receipt: Callable[[f.NoticeId], object], store: Store, vkey: str) -> None:
    """Assert that every receipt, and every proof of a release in the feed, verifies under the log's key."""
    keys = [parse_vkey(vkey)]
    for answer in storm.answered.values():
        given = receipt(f.NoticeId(answer["id"]))
        assert isinstance(given, bytes), given
        found = read_receipt(given)
        verify_receipt(found, keys)
        assert found.entry is not None and answer["id"].encode() in found.entry
    proofs = [proof for line in store.feed(0, 1_000_000) for proof in line.releases]
    assert len({proof.index for proof in proofs}) >= len(storm.ground.lifts)
    for proof in proofs:
        root = verify.parse_checkpoint(parse_note(proof.note.encode()).text).root
        assert verify_inclusion(leaf_hash(proof.leaf), proof.index, proof.size, proof.path, root)


def nobody_missed_a_line(storm: Storm, store: Store) -> None:
    """Assert that who followed the feed all the while holds what a fresh reader gets."""
    fresh = {f.SubjectId(line.entry.subject): (line.seq, line.entry) for line in store.feed(0, 1_000_000)}
    assert storm.followed == fresh


def verified_by_a_stranger(ground: Ground, store: Store, vkey: str) -> None:
    """Assert that the verifier, alone with the export and the key, finds entries, chains and checkpoints consistent."""
    notes = [(one.size, one.note) for one in store.checkpoints()]
    write_export(ground.home / "export", store.entries(0, store.size()), notes)
    command = [sys.executable, verify.__file__, str(ground.home / "export"), "--key", vkey]
    assert subprocess.run(command, capture_output=True, check=False).stdout.startswith(b"VERIFIED")


def nobody_met_a_fault_of_ours(ground: Ground) -> None:
    """Assert that no process found the record altered, and no verb failed by anything but what was done to it."""
    lines = [line for log in (ground.home / "log").iterdir() for line in log.read_text().splitlines()]
    assert [line for line in lines if "a verb failed" in line or "is not what its entries" in line] == []


def expect_damage(look: Callable[[], None]) -> None:
    """Assert that a check fails: torn, refused, or wedged for ever."""
    try:
        look()
    except (AssertionError, AnswerableError, subprocess.TimeoutExpired):
        return
    pytest.fail("a broken store passed the storm: the check sees nothing")
