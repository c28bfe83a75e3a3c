"""What only the SQLite store can break: plans, other connections and processes, full disks, newer and damaged files."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from answerable.core.facts import LoweringKind, SubjectId
from answerable.errors import Conflict, Corrupt, NewerVersion, StoreUnavailable
from answerable.ledger.entries import Envelope, encode
from answerable.ledger.verify import leaf_hash
from answerable.store import bulk, sql_lists, sqlite
from answerable.store.folds import Folds
from answerable.store.protocol import Exchange
from answerable.store.sqlite import SqliteStore
from answerable_gate import Entry, Withheld
from tests.core.builders import ALMA, BELA, SECOND, START, SUBJECT
from tests.storage.conftest import Open
from tests.storage.worlds import MARK, ORIGIN, a_stored_world, assert_sound, seal, undone

Plan = tuple[str, tuple[object, ...], str]
RECORD_PLANS: list[Plan] = [
    (sql_lists.OPEN_CASES, (1, 0, "", "", 10), "USING INDEX case_queue (closed=? AND"),
    (sql_lists.ALL_CASES, (0, 1, 0, "", "", 10), "USING INDEX case_queue ("),
    (sql_lists.DUE, (0,), "USING COVERING INDEX case_wake (wake_at<?)"),
    (sql_lists.LOOK_BACKS, (10,), "USING INDEX look_back_started"),
    (sql_lists.WAITING, (0, 10), "USING INDEX outgoing_waiting (next_at<?)"),
    (sql_lists.FEED, (0, 10), "USING INDEX sqlite_autoindex_feed_2 (seq>?)"),
]
BULK_PLANS: list[Plan] = [
    (bulk.PAGE, ("s", 0, "", 10), "USING INDEX exchange_of_subject (subject=? AND"),
    (bulk.UNSEALED, (10,), "USING INDEX exchange_unsealed"),
    (bulk.PENDING, (), "USING INDEX exchange_pending"),
]


def _plan(connection: sqlite3.Connection, asked: str, values: tuple[object, ...]) -> str:
    return "\n".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked}", values))


@pytest.mark.parametrize("is_analysed", [False, True])
def test_every_list_walks_one_index(opened: Open, *, is_analysed: bool) -> None:
    """Queue, due sweep, look-backs, outbox, feed and bulk use their index and sort nothing, ANALYZE or not."""
    store = opened()
    a_stored_world(store).with_flag().with_notice(SECOND)
    for connection, plans in ((store._write, RECORD_PLANS), (store._bulk._link._connection, BULK_PLANS)):  # type: ignore[attr-defined]
        if is_analysed:
            connection.execute("ANALYZE")
        for asked, values, index in plans:
            plan = _plan(connection, asked, values)
            assert index in plan
            assert "TEMP B-TREE" not in plan
            assert plan.count("\n") == 0


def test_whom_a_policy_has_not_reached_is_found_by_two_ends_of_one_index(opened: Open) -> None:
    """The question is asked twice a second for ever, so a million cases that are all reached must cost nothing."""
    store = opened()
    a_stored_world(store).with_flag()
    plan = _plan(store._write, sql_lists.BEHIND, ("v", "v"))
    assert [plan.count(f"USING INDEX case_policy (policy{way}?)") for way in "<>"] == [1, 1]


def test_two_stores_on_one_file_see_each_other(opened: Open) -> None:
    """Acts that alternate between two stores build on each other's facts; no fold is used after it went stale."""
    one, other = opened(), opened()
    world = a_stored_world(one)
    world.with_notice(person=ALMA).with_notice(person=BELA)
    first, second = list(world.files.cases())
    for turn in range(6):
        world.store = (one, other)[turn % 2]
        world.view((first, second)[turn % 3 % 2])
        world.fast_forward(hours=5)
    world.store = other
    world.with_flag(SECOND)
    for store in (one, other):
        assert_sound(store)
    assert one.tables() == other.tables()
    assert list(one.all_recorded()) == world.facts


def test_a_fold_rolled_back_elsewhere_is_not_kept(opened: Open) -> None:
    """After an act here was undone and another store wrote in its place, the other's facts hold here."""
    one, other = opened(), opened()
    world = a_stored_world(one)
    world.with_flag()
    with undone(one.batch()):
        world.with_notice(person=ALMA)
    world.store = other
    world.with_notice(person=BELA)
    assert_sound(one)
    world.store = one
    world.with_flag()
    assert_sound(other)


def test_readers_beside_a_writer_see_what_is_committed(opened: Open) -> None:
    """While an act is open, another store reads the state before it."""
    one, other = opened(), opened()
    world = a_stored_world(one)
    world.with_flag()
    before = (other.size(), other.feed_head(), other.tables())
    with one.batch():
        world.with_notice(danger_now=True)
        assert one.size() > other.size()
        assert (other.size(), other.feed_head(), other.tables()) == before
    assert other.size() == one.size()


_CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from answerable.store.sqlite import open_store
from tests.core.builders import START, SECOND
from tests.storage.worlds import STAFFED, Stored
from answerable.edge import SeededMint
store = open_store(Path(sys.argv[1]) / "record", keys=Path(sys.argv[1]) / "keys", origin=sys.argv[2], mark=sys.argv[3])
if sys.argv[4] == "write":
    world = Stored(store=store, policies={STAFFED.version: STAFFED}, mint=SeededMint(99), is_sealing=False)
    print("ready", flush=True)
    sys.stdin.readline()
    world.with_flag(SECOND)
else:
    print("ready", flush=True)
    print(store.wait_for_change(int(sys.argv[4]), 60), flush=True)
store.close()
"""


def _child(folder: Path, what: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    arguments = [sys.executable, "-c", _CHILD, str(folder), ORIGIN, MARK, what]
    child = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_two_processes_see_each_other(opened: Open, tmp_path: Path) -> None:
    """A wait here ends by an act of another process, a wait there by an act of this one."""
    store = opened()
    world = a_stored_world(store)
    world.with_flag()
    head = store.feed_head()
    with _child(tmp_path, "write") as writer:
        writer.communicate("go\n")
    assert writer.returncode == 0
    assert store.wait_for_change(head, 60)
    assert [line.entry.subject for line in store.feed(head, 10)] == [SECOND]
    with _child(tmp_path, str(store.feed_head())) as reader:
        world.with_flag(SubjectId("su_third"))
        told, _ = reader.communicate()
    assert told == "True\n"
    assert_sound(store)


def test_a_fact_of_a_newer_program_closes_its_subject_and_no_other(opened: Open) -> None:
    """An unknown kind makes its subject unreadable here; others go on, and gates keep what they hold of it."""
    store = opened()
    world = a_stored_world(store)
    world.with_flag().with_flag(SECOND)
    _append_unknown(store, SUBJECT)
    other = opened()
    with undone(other.act(), NewerVersion) as tx:
        tx.files([SUBJECT])
    with pytest.raises(NewerVersion):
        list(other.all_recorded())
    lines = {line.entry.subject: line.entry for line in other.feed(0, 10)}
    assert isinstance(lines[SECOND], Entry)
    assert isinstance(lines[SUBJECT], Withheld)
    world.store, world.locks = other, [SECOND]
    world.with_notice(SECOND)
    seal(other)
    assert other.root() == store.root()


def _append_unknown(store: SqliteStore, subject: SubjectId) -> None:
    """Write an entry as a newer program would: whole, chained, and of a kind that nobody here knows."""
    stream = f"subject:{subject}"
    written = zip(store.all_recorded(), store.entries(0, store.size()), strict=True)
    seq, leaf = [(one.seq, leaf_hash(data)) for one, data in written if one.stream == stream][-1]
    with store.act() as tx:
        data = encode(
            Envelope(
                stream=stream, seq=seq + 1, prev=leaf.hex(), act="act_new", at=START, by="app", kind="SomethingNewer",
                body={"subject": subject},
            ),
            ORIGIN,
        )  # fmt: skip
        index, (_, *inner) = store.size(), tx._edge.append(leaf_hash(data))  # type: ignore[attr-defined]
        nodes = b"".join(node for _, _, node in inner)
        store._write.execute("INSERT INTO fact VALUES (?, ?, 0, ?, ?)", (index, subject, nodes, data))


def _fill(store: SqliteStore, spare: int) -> None:
    pages = store._write.execute("PRAGMA page_count").fetchone()[0]
    store._write.execute(f"PRAGMA max_page_count={pages + spare}")


@pytest.mark.parametrize("spare", [0, 1, 2, 4])
def test_a_full_disk_leaves_nothing_half_written(opened: Open, spare: int) -> None:
    """Where no page can be had any more an act fails with a clear error, and everything is as before (L17)."""
    store = opened()
    world = a_stored_world(store)
    world.with_flag()
    _fill(store, spare)
    world.locks = [SubjectId(f"su_{number}") for number in range(40)]
    kept: list[tuple[int, object]] = []
    with pytest.raises(StoreUnavailable, match="full") as full:  # noqa: PT012
        for subject in world.locks:
            kept.append((store.size(), store.tables()))
            world.with_notice(subject)
    assert full.value.hint == "free space on its disk"
    assert (store.size(), store.tables()) == kept[-1]
    assert_sound(store)
    store._write.execute("PRAGMA max_page_count=1000000")
    world.with_notice(world.locks[0])
    assert_sound(store)


def test_a_batch_on_a_full_disk_is_undone_whole(opened: Open) -> None:
    """Where SQLite undid the batch for want of space, nothing goes on as if it had not."""
    store = opened()
    world = a_stored_world(store)
    before = (store.size(), store.tables())
    _fill(store, 2)
    world.locks = [SubjectId(f"su_{number}") for number in range(40)]
    failures = 0
    with pytest.raises(StoreUnavailable), store.batch():  # noqa: PT012
        for subject in world.locks:
            try:
                world.with_notice(subject)
            except StoreUnavailable:
                failures += 1
        assert failures
        if store._write.in_transaction:
            raise StoreUnavailable
    assert (store.size(), store.tables()) == before
    assert_sound(store)


def test_a_disk_that_fails_is_a_clear_error_and_the_store_goes_on(opened: Open) -> None:
    """A statement that SQLite breaks off fails the act and only it; the connection is used again."""
    store = opened()
    world = a_stored_world(store)
    world.with_flag()
    before = (store.size(), store.tables())
    store._write.set_progress_handler(lambda: 1, 50)
    with pytest.raises(StoreUnavailable):
        world.with_notice()
    store._write.set_progress_handler(None, 0)
    assert (store.size(), store.tables()) == before
    world.with_notice()
    assert_sound(store)


def test_a_rollback_that_fails_gives_the_connection_up(opened: Open) -> None:
    """Where even undoing fails, the connection is closed, which undoes, and a new one goes on."""
    store = opened()
    world = a_stored_world(store)
    world.with_flag()
    before = store.size()
    with undone(store.act()):
        store._write.set_authorizer(lambda *asked: sqlite3.SQLITE_DENY if "ROLLBACK" in asked else sqlite3.SQLITE_OK)
        store._write.execute("INSERT INTO blob VALUES ('00', x'00')")
    assert store.size() == before
    with store.act() as tx:
        assert tx.blob("00") is None
    world.with_notice()
    assert_sound(store)


def test_a_locked_record_is_unavailable(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another process holds the record for too long, nothing is accepted, and that is said."""
    store, other = opened(), opened()
    monkeypatch.setattr(sqlite, "BUSY_MS", 50)
    with store.act(), pytest.raises(StoreUnavailable, match="locked"), other.act():
        pass


def test_facts_are_never_changed_or_deleted(opened: Open) -> None:
    """The file itself refuses an UPDATE or DELETE of a fact (L8)."""
    store = opened()
    a_stored_world(store)
    for statement in ("UPDATE fact SET subject = 'x'", "DELETE FROM fact WHERE idx = 0"):
        with undone(store.act(), Conflict):
            store._write.execute(statement)


def test_a_missing_node_is_damage(opened: Open) -> None:
    """A tree with a hole is not papered over."""
    store = opened()
    a_stored_world(store).with_flag()
    with pytest.raises(Corrupt):
        store.node(60, 0)


def test_a_record_put_back_under_a_running_program_is_seen(opened: Open) -> None:
    """A subject with fewer facts than this process has folded is no state to build on."""
    store = opened()
    a_stored_world(store).with_flag()
    store._write.execute("DROP TRIGGER fact_is_kept")
    store._write.execute("DELETE FROM fact WHERE idx = (SELECT max(idx) FROM fact)")
    with undone(store.act(), Corrupt) as tx:
        tx.files([SUBJECT])


def test_exchanges_survive_a_failed_write(opened: Open) -> None:
    """A batch of exchanges that fails is kept not at all."""
    store = opened()
    rows = [
        Exchange(
            id=f"ex_{number}", subject=SUBJECT, at=START, gate="gate_1", conversation=None, model=None, answer="allow",
            level=0, standing=0, tokens=1, digest="00", complete=True,
        )
        for number in range(2_000)
    ]  # fmt: skip
    steps = iter(range(1_000))
    store._bulk._link._connection.set_progress_handler(lambda: next(steps, None) is None, 10)  # type: ignore[attr-defined]
    with pytest.raises(StoreUnavailable):
        store.put_exchanges(rows)
    store._bulk._link._connection.set_progress_handler(None, 0)  # type: ignore[attr-defined]
    assert list(store.exchanges(SUBJECT)) == []
    assert store.put_exchanges(rows) == len(rows)


def test_what_an_act_returned_survives_the_store(opened: Open) -> None:
    """A store opened anew has facts, tables, feed, high water, checkpoints and leases of the one before."""
    store = opened()
    world = a_stored_world(store, is_sealing=True)
    world.with_flag()
    with store.act() as tx:
        tx.post(world.outgoing("one"))
    store.claim(world.now, world.now + timedelta(hours=1), 10)
    again = opened()
    assert again.tables() == store.tables()
    assert again.feed(0, 10) == store.feed(0, 10)
    assert again.high_water() == world.now
    assert again.newest_checkpoint() == store.newest_checkpoint()
    assert again.claim(world.now, world.now, 10) == []
    assert_sound(again)


def test_a_small_cache_of_folds_is_only_slower(opened: Open) -> None:
    """Whatever leaves the cache is folded again from its facts."""
    store = opened()
    store._folds = Folds(limit=1)
    world = a_stored_world(store)
    for subject in (SUBJECT, SECOND, SUBJECT):
        world.with_flag(subject)
        world.with_notice(subject)
    assert len(store._folds._kept) == 1
    assert_sound(store)


def test_a_release_is_sealed_even_where_a_newer_program_wrote_since(opened: Open) -> None:
    """An account that this process cannot read holds up no checkpoint, and moves in the feed itself."""
    store = opened()
    world = a_stored_world(store)
    world.with_flag(act=True, identified=True)
    world.lower(world.case(), LoweringKind.LIFT, to=world.case_level(-1))
    _append_unknown(store, SUBJECT)
    other = opened()
    head = other.feed_head()
    seal(other)
    assert other.feed_head() > head
