"""The contract of lists and outbox: the queue, what is due, look-backs, leases; and of what is kept as it comes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from answerable.core.facts import ActorId, CaseId, LookBackResult, SubjectId
from answerable.errors import Conflict, NotFound
from answerable.store.protocol import Alias, Exchange, Span, Store
from answerable.vault.texts import AuthorKey, SealedText
from tests.core.builders import ALMA, BELA, HER, RITA, SECOND, STAFFED, START, SUBJECT
from tests.storage.worlds import THIRD, a_stored_world, assert_sound, undone


def test_the_queue_is_by_urgency_then_by_due_time(store: Store) -> None:
    """Open cases come by tier and decide_due, closed ones behind them all, and only where asked for."""
    world = a_stored_world(store)
    world.with_flag(THIRD)
    world.fast_forward(hours=1)
    world.with_notice(SECOND, person=ALMA, danger_now=True)
    world.with_notice(SUBJECT, person=BELA)
    world.with_flag(SUBJECT)
    rows = store.cases(after=None, limit=10)
    assert [row.tier for row in rows] == sorted(row.tier for row in rows)
    assert rows[0].subject == SECOND
    by_tier = [(row.tier, row.decide_due) for row in rows]
    assert by_tier == sorted(by_tier)
    case = next(row for row in rows if row.subject == THIRD)
    world.answer_all()
    assert world.close(world.files.case(case.case)) is None
    assert case.case not in [row.case for row in store.cases(after=None, limit=10)]
    everything = store.cases(after=None, limit=10, only_open=False)
    assert everything[-1].case == case.case
    assert not everything[-1].is_open
    assert store.cases(after=case.case, limit=10) == []


def test_pages_join_up_to_the_whole_queue(store: Store) -> None:
    """Page after page gives every case once, whatever the size of a page."""
    world = a_stored_world(store)
    world.locks = [SubjectId(f"su_{number}") for number in range(7)]
    for subject in world.locks:
        world.with_flag(subject)
    for only_open in (True, False):
        whole = store.cases(after=None, limit=100, only_open=only_open)
        assert len(whole) == 7
        for size in (1, 3, 7, 8):
            pages, after = [], None
            while page := store.cases(after=after, limit=size, only_open=only_open):
                pages += page
                after = page[-1].case
            assert pages == whole
    with pytest.raises(NotFound):
        store.cases(after=CaseId("case_none"), limit=1)


def test_a_barred_person_never_sees_the_case(store: Store) -> None:
    """Whoever a notice bars does not find its case in any page; everybody else does (L6)."""
    world = a_stored_world(store)
    world.with_notice(barred=(RITA,)).with_flag(SECOND)
    for only_open in (True, False):
        seen = store.cases(after=None, limit=10, only_open=only_open, hidden_from=ActorId(RITA))
        assert [row.subject for row in seen] == [SECOND]
        assert len(store.cases(after=None, limit=10, only_open=only_open, hidden_from=ActorId("rit"))) == 2
    case = world.case().id
    row = store.case_row(case)
    assert row is not None
    assert row.barred == (RITA,)
    assert store.case_row(CaseId("case_none")) is None
    with store.act() as tx:
        assert tx.subject_of(case) == SUBJECT
        assert tx.subject_of(CaseId("case_none")) is None


def test_whom_a_new_policy_has_not_reached_is_found_until_it_has(store: Store) -> None:
    """Every subject with an open case that goes by another version, once, and no closed one (L3)."""
    world = a_stored_world(store)
    world.with_flag(SUBJECT).with_flag(SUBJECT, ALMA).with_flag(SECOND).with_flag(THIRD)
    world.answer_all()
    assert world.close(next(iter(world.files.subject(THIRD).cases.values()))) is None
    assert store.behind(STAFFED.version, 10) == []
    for version in ("a", "z"):
        assert sorted(store.behind(version, 10)) == [SUBJECT, SECOND]
        assert len(store.behind(version, 1)) == 1
    world.adopt(STAFFED)
    assert store.behind(world.roster.policy, 10) == []
    assert_sound(store)


def test_what_is_due_comes_longest_overdue_first_and_once(store: Store) -> None:
    """A subject is due when the first of its cases is, and after settling no longer."""
    world = a_stored_world(store)
    world.with_notice(SECOND, person=ALMA).with_notice(SECOND, person=BELA)
    world.fast_forward(minutes=1)
    world.with_notice(THIRD)
    assert store.due(world.now, 10) == [THIRD]  # what takes effect at once is due in the same moment
    world.fast_forward()
    assert store.due(world.now, 10) == []
    later = world.now + timedelta(days=30)
    assert store.due(later, 10) == [SECOND, THIRD]
    assert store.due(later, 1) == [SECOND]
    world.now = later
    while store.due(world.now, 10):
        world.fast_forward(seconds=1)
    assert_sound(store)


def test_a_look_back_is_listed_until_it_ended(store: Store) -> None:
    """A started look-back is found by whoever has to read history, until its result is in."""
    world = a_stored_world(store)
    notice = world.notice()
    case = world.case()
    assert store.look_backs(10) == [(SUBJECT, case.id, notice)]
    assert store.look_backs(0) == []
    world.look_back(case, notice, LookBackResult.NOTHING)
    assert store.look_backs(10) == []
    assert_sound(store)


def test_effects_of_notices_are_counted_once_for_each_act_and_case(store: Store) -> None:
    """The hourly bound finds the time of every automatic effect that rests on a notice, and no others (L13)."""
    world = a_stored_world(store)
    world.with_notice(danger_now=True)
    first = world.now
    world.fast_forward(minutes=5)
    world.with_flag(SECOND, act=True, identified=True)
    world.with_notice(THIRD, danger_now=True)
    with store.act() as tx:
        assert tx.effects_since(START - timedelta(days=1)) == [first, world.now]
        assert tx.effects_since(world.now) == [world.now]
        assert tx.effects_since(world.now + timedelta(seconds=1)) == []


def test_a_message_is_delivered_at_least_once(store: Store) -> None:
    """A claimed message is nobody else's until its lease runs out; then it is taken again, with one attempt more."""
    now, lease = START, START + timedelta(minutes=1)
    world = a_stored_world(store)
    with store.act() as tx:
        for name in ("one", "one", "two"):
            tx.post(world.outgoing(name, text=name))
    assert store.claim(now - timedelta(seconds=1), lease, 10) == []
    taken = store.claim(now, lease, 10)
    assert [(one.outgoing.idem, one.attempts, one.outgoing.body) for one in taken] == [
        ("one", 1, {"text": "one"}),
        ("two", 1, {"text": "two"}),
    ]
    assert store.claim(now, lease, 10) == []
    assert [one.attempts for one in store.claim(lease, lease + timedelta(minutes=1), 1)] == [2]
    with store.act() as tx:
        tx.post(world.outgoing("one", text="another"))
    assert store.claim(now, lease, 10) == []


def test_a_delivered_message_never_comes_again_and_a_failed_one_when_planned(store: Store) -> None:
    """Done is done; a retry comes at its time; with neither, the lease decides."""
    now, lease = START, START + timedelta(minutes=1)
    world = a_stored_world(store)
    with store.act() as tx:
        for name in ("done", "later", "open"):
            tx.post(world.outgoing(name))
    store.claim(now, lease, 10)
    retry = lease + timedelta(hours=1)
    store.settle_outgoing("done", done=True, retry_at=None)
    store.settle_outgoing("later", done=False, retry_at=retry)
    store.settle_outgoing("open", done=False, retry_at=None)
    assert [one.outgoing.idem for one in store.claim(lease, retry, 10)] == ["open"]
    assert [one.outgoing.idem for one in store.claim(retry, retry, 10)] == ["later", "open"]
    with pytest.raises(NotFound):
        store.settle_outgoing("none", done=True, retry_at=None)


def test_an_idempotency_key_has_one_answer(store: Store) -> None:
    """The same answer may be given twice, another one is a conflict; sources do not share their keys."""
    with store.act() as tx:
        assert tx.remembered("a", "1") is None
        tx.remember("a", "1", b"yes")
        tx.remember("a", "1", b"yes")
        tx.remember("b", "1", b"no")
        assert (tx.remembered("a", "1"), tx.remembered("b", "1")) == (b"yes", b"no")
    with undone(store.act(), Conflict) as tx:
        tx.remember("a", "1", b"no")


def test_texts_keys_and_files_come_back_and_are_never_replaced(store: Store) -> None:
    """A second text under a token or a second key of an author is a conflict; the same one again is not."""
    key = AuthorKey(case="case_1", author="pe_her", wrapped=b"k")
    text = SealedText(
        token="text_1", case="case_1", author="pe_her", slot="notice", wrapped_key=b"w", nonce=b"n", ciphertext=b"c",
        commit="00",
    )  # fmt: skip
    content = bytes(range(256))
    with store.act() as tx:
        for _ in range(2):
            tx.put_author_key(key)
            tx.put_text(text)
            assert tx.put_blob(content) == hashlib.sha256(content).hexdigest()
    with store.act() as tx:
        assert tx.author_key("case_1", "pe_her") == key
        assert tx.author_key("case_1", "pe_other") is None
        assert tx.text("text_1") == text
        assert tx.text("text_2") is None
        assert tx.blob(hashlib.sha256(content).hexdigest()) == content
        assert tx.blob("00") is None
        with pytest.raises(Conflict):
            tx.put_author_key(AuthorKey(case="case_1", author="pe_her", wrapped=b"other"))
        with pytest.raises(Conflict):
            tx.put_text(replace(text, ciphertext=b"other"))


def test_an_alias_finds_its_tokens_and_a_token_its_aliases(store: Store) -> None:
    """Spaces are apart, one identifier may have several tokens, and a date is only ever renewed."""
    late, early = START, START - timedelta(days=9)

    def alias(blind: str, token: str, at: object = None) -> Alias:
        return Alias(blind=blind, kind="email", token=token, verified_at=at)  # type: ignore[arg-type]

    with store.act() as tx:
        tx.put_alias("subject", alias("b1", "su_2", early))
        tx.put_alias("subject", alias("b1", "su_1"))
        tx.put_alias("subject", alias("b0", "su_1"))
        tx.put_alias("person", alias("b1", "pe_1"))
        for at in (late, None, early):
            tx.put_alias("subject", alias("b1", "su_2", at))
    with store.act() as tx:
        assert tx.find_alias("subject", "b1") == (alias("b1", "su_1"), alias("b1", "su_2", late))
        assert tx.find_alias("person", "b1") == (alias("b1", "pe_1"),)
        assert tx.find_alias("person", "b0") == ()
        assert tx.aliases_of("subject", "su_1") == (alias("b0", "su_1"), alias("b1", "su_1"))


def _exchange(number: int, subject: SubjectId = SUBJECT) -> Exchange:
    return Exchange(
        id=f"ex_{subject}_{number}", subject=subject, at=START + timedelta(seconds=number), gate="gate_1",
        conversation=None, model="m", answer="allow", level=0, standing=1, tokens=12, digest="00",
        complete=bool(number % 2),
    )  # fmt: skip


def test_exchanges_are_kept_once_and_read_in_order_of_time(store: Store) -> None:
    """A second delivery changes nothing and counts for nothing; a span begins where it is asked to."""
    rows = [_exchange(number) for number in range(1, 1202)]
    assert store.put_exchanges(rows[600:]) == 601
    assert store.put_exchanges(rows) == 600
    assert store.put_exchanges([]) == 0
    store.put_exchanges([_exchange(3, SECOND)])
    assert list(store.exchanges(SUBJECT)) == rows
    assert list(store.exchanges(SUBJECT, since=rows[700].at)) == rows[700:]
    assert list(store.exchanges(THIRD)) == []


def test_what_a_gate_could_count_is_kept_beside_the_row_and_what_it_could_not_stays_unknown(store: Store) -> None:
    """None, nothing, and something are three answers, in every reading; a second delivery changes none."""
    counted = [(None, None), (0, None), (None, 2), (3, 0)]
    rows = [replace(_exchange(n), documents=d, mentions=m) for n, (d, m) in enumerate(counted)]
    assert store.put_exchanges(rows) == 4
    assert store.put_exchanges([replace(one, documents=9, mentions=9) for one in rows]) == 0
    assert list(store.exchanges(SUBJECT)) == rows
    assert store.unsealed(10) == {SUBJECT: rows}
    store.assign_block(SUBJECT, [one.id for one in rows], "root")
    assert store.pending_blocks() == {"root": rows}


def _spans(*numbers: int, subject: SubjectId = SUBJECT) -> list[Span]:
    return [
        Span(
            id=f"sp_{subject}_{number}",
            subject=subject,
            at=START + timedelta(minutes=number),
            until=START + timedelta(days=number),
            kind="threat",
            text=SealedText(
                token=f"text_{number}", case=subject, author=subject, slot="span", wrapped_key=b"k\0", nonce=b"n",
                ciphertext=b"c\xff", commit="00",
            ),
        )
        for number in numbers
    ]  # fmt: skip


def test_spans_are_kept_once_and_read_the_latest_last(store: Store) -> None:
    """Whole, by subject; of too many the latest; a second reading changes nothing."""
    kept = _spans(1, 2, 3)
    assert store.put_spans(kept[::-1]) == 3
    assert store.put_spans([*kept, *_spans(1, subject=SECOND)]) == 1
    assert store.put_spans([replace(one, kind="other") for one in kept]) == 0
    assert store.put_spans([]) == 0
    assert store.spans(SUBJECT, 10) == kept
    assert store.spans(SUBJECT, 2) == kept[1:]
    assert store.spans(THIRD, 10) == []


def test_spans_whose_time_is_over_are_found_and_erased_or_kept_longer(store: Store) -> None:
    """Each account on its own; keeping only ever makes it longer."""
    store.put_spans([*_spans(1, 2, 9), *_spans(1, subject=SECOND), *_spans(8, subject=THIRD)])
    now = START + timedelta(days=2)
    assert sorted(store.spans_over(now, 10)) == sorted([SUBJECT, SECOND])
    assert len(store.spans_over(now, 1)) == 1
    store.keep_spans(SECOND, START + timedelta(days=5))
    assert store.spans_over(now, 10) == [SUBJECT]
    assert store.drop_spans(SUBJECT, now) == 2
    assert store.drop_spans(SUBJECT, now) == 0
    assert [one.id for one in store.spans(SUBJECT, 10)] == [f"sp_{SUBJECT}_9"]
    store.keep_spans(SUBJECT, START)
    assert store.spans(SUBJECT, 10) == _spans(9)
    (one,) = _spans(1, subject=SECOND)
    assert store.spans(SECOND, 10) == [replace(one, until=START + timedelta(days=5))]


def test_an_exchange_goes_into_one_block_for_ever(store: Store) -> None:
    """Unassigned rows wait by subject; a block waits until its fact stands; nothing moves to a second block."""
    rows = [_exchange(number) for number in range(4)]
    store.put_exchanges([*reversed(rows), _exchange(1, SECOND)])
    assert store.unsealed(3) == {SUBJECT: rows[:3]}
    store.assign_block(SUBJECT, [one.id for one in rows[:2]], "root_1")
    for more in (rows[1].id, _exchange(1, SECOND).id, "ex_none"):
        with pytest.raises(Conflict):
            store.assign_block(SUBJECT, [rows[2].id, more], "root_2")
    assert store.unsealed(10) == {SECOND: [_exchange(1, SECOND)], SUBJECT: rows[2:]}
    store.assign_block(SUBJECT, [rows[2].id], "root_2")
    assert store.pending_blocks() == {"root_1": rows[:2], "root_2": rows[2:3]}
    store.block_sealed("root_1")
    assert store.pending_blocks() == {"root_2": rows[2:3]}
    with pytest.raises(Conflict):
        store.assign_block(SUBJECT, [rows[0].id], "root_3")
    assert "root_3" not in store.pending_blocks()


def test_a_person_named_keeps_one_case(store: Store) -> None:
    """A case that learns its person keeps its row, and the pair's place is free for nobody else."""
    world = a_stored_world(store).with_flag()
    world.with_notice(person=HER)
    (row,) = store.cases(after=None, limit=10)
    assert row.person == HER
    world.with_flag()
    assert len(store.cases(after=None, limit=10)) == 2
    assert_sound(store)
