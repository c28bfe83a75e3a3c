"""The negative controls of what PostgreSQL promises here: three ways of doing it wrong, each found by the checks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from answerable.core.facts import SubjectId
from answerable.core.policy import Policy
from answerable.edge import SeededMint
from answerable.store import postgres_tx
from answerable.store.folds import Folds
from answerable.store.postgres import GROWN_AT_ONCE, PostgresStore, create_store
from answerable.store.postgres_opening import PgConnection
from answerable.store.postgres_tx import PgTx
from tests.core.builders import STAFFED
from tests.postgres import database
from tests.storage.worlds import MARK, ORIGIN, Stored, a_stored_world, assert_sound
from tests.storms.reckoning import expect_damage, whole

WRITERS, ACTS = 4, 40


class Torn(Exception):
    """A process dies here."""


class Autocommit(PostgresStore):
    """Every statement commits by itself, and nothing is ever undone."""

    def _begin(self) -> None:
        if self._write is None:
            super()._begin()
            self._own.execute("COMMIT")
        self._group = postgres_tx.Group()

    def _commit(self) -> None:
        self._flush()

    def _rollback(self) -> None:
        pass

    _save = _release = _rollback_to_save = _refuse_undone = _rollback


class ByHighestId(PostgresStore):
    """The tree is grown by whatever lies beyond the highest number seen, whoever has yet to commit below it."""

    def integrate(self) -> int:
        with self._writing_to() as connection:
            (size,) = connection.execute("SELECT size FROM tree FOR UPDATE").fetchone()
            seen = "SELECT coalesce(max(fact), 0) FROM leaf"
            beyond = f"SELECT id FROM fact WHERE id > ({seen}) ORDER BY id LIMIT {GROWN_AT_ONCE}"
            found = [one for (one,) in connection.execute(beyond).fetchall()]
            rows = [(size + n, fact, b"") for n, fact in enumerate(found)]
            connection.executemany("INSERT INTO leaf VALUES (?, ?, ?)", rows)
            connection.execute("UPDATE tree SET size = ?", (size + len(rows),))
            connection.execute("DELETE FROM pending WHERE fact = ANY(?)", (found,))
        return len(found)


class EarlyTx(PgTx):
    """Places in the feed are taken from a sequence as soon as something is written."""

    def _bump(self, subjects: Sequence[SubjectId]) -> None:
        put = """
        INSERT INTO feed VALUES (?, nextval('early'), 1)
        ON CONFLICT (subject) DO UPDATE SET seq = excluded.seq, version = feed.version + 1
        """
        for one in sorted(subjects):
            self._run(put, (one,))


class EarlyPlaces(PostgresStore):
    """The feed whose places are given out before the commit."""

    def _open_act(self, folds: Folds, edge: Any) -> PgTx:
        return EarlyTx(self._own, self._origin, folds, self._group)

    def feed_head(self) -> int:
        row = self._one("SELECT coalesce(max(seq), 0) FROM feed")
        return int(row[0]) if row else 0


Look = Callable[[], object]


class Follower:
    """Whoever follows the feed from place to place."""

    def __init__(self, store: PostgresStore) -> None:
        """Begin before the first place."""
        self._store, self._after = store, 0
        self.followed: dict[str, int] = {}

    def look(self) -> None:
        """Take what comes next."""
        for subject, seq, _, _ in self._store._feed_rows(self._after, 1000):
            self.followed[subject] = seq
            self._after = max(self._after, seq)


def storm(stores: list[PostgresStore], look: Look) -> None:
    """Let four write at once, each about accounts of its own, and somebody look meanwhile and once more at the end."""
    overtaken(stores[0], stores[1], look)
    over = threading.Event()
    threads = [threading.Thread(target=write, args=(store, n)) for n, store in enumerate(stores)]
    watch = threading.Thread(target=watching, args=(look, over))
    for thread in (*threads, watch):
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    watch.join()


def overtaken(one: PostgresStore, other: PostgresStore, look: Look) -> None:
    """Let one write first and commit last; in between the other writes, and somebody looks."""
    first, second = a_writer(one, 98), a_writer(other, 99)
    with one.batch():
        flagged(first, "su_first_and_last")
        flagged(second, "su_in_between")
        look()


def a_writer(store: PostgresStore, number: int) -> Stored:
    """Return the world of somebody who writes."""
    return Stored(store=store, policies=a_world_policies(), mint=SeededMint(100 + number), is_sealing=False)


def flagged(world: Stored, subject: str) -> None:
    """Flag one account in an act of its own."""
    world.locks = [SubjectId(subject)]
    world.with_flag(world.locks[0], act=True, identified=True)


def write(store: PostgresStore, number: int) -> None:
    """Flag accounts, two to a transaction, so that some commit later than others that began after them."""
    world = a_writer(store, number)
    for act in range(ACTS):
        with store.batch():
            for _ in range(1 + act % 3):
                flagged(world, f"su_{number}_{act}_{_}")


def a_world_policies() -> dict[str, Policy]:
    """Return the policy under which the worlds here stand."""
    return {STAFFED.version: STAFFED}


def watching(look: Look, over: threading.Event) -> None:
    """Look again and again until all is written, and once more."""
    is_last = False
    while not is_last:
        is_last = over.is_set()
        look()


@contextmanager
def opened(folder: Path, kind: type[PostgresStore], number: int) -> Iterator[list[PostgresStore]]:
    """Begin a record and open it so many times as this kind of store."""
    (folder / "keys").mkdir()
    with database() as dsn, ExitStack() as stack:
        first = create_store(dsn, keys=folder / "keys", origin=ORIGIN, mark=MARK)
        with closing(first):
            a_stored_world(first)
            first._link.get().execute("CREATE SEQUENCE answerable.early START 1000")
        yield [stack.enter_context(closing(kind(dsn, origin=ORIGIN))) for _ in range(number)]


def missed_facts(store: PostgresStore) -> int:
    """Return how many facts will never be in the tree."""
    row = store._one("SELECT count(*) FROM fact WHERE id NOT IN (SELECT fact FROM leaf)")
    assert row is not None
    return int(row[0])


def test_a_tree_grown_by_the_highest_number_misses_facts(tmp_path: Path) -> None:
    """Numbers are given out before commits: some facts would never be proved to anybody, and the check says so."""
    with opened(tmp_path, ByHighestId, WRITERS) as stores:
        storm(stores, stores[-1].integrate)
        missed, (written,) = missed_facts(stores[0]), stores[0]._one("SELECT count(*) FROM fact") or (0,)
        print(f"missed {missed} of {written} facts")
        assert missed
        expect_damage(lambda: sound(stores[0]))


def test_a_tree_grown_by_what_is_pending_misses_none(tmp_path: Path) -> None:
    """The same storm over the store as it is."""
    with opened(tmp_path, PostgresStore, WRITERS) as stores:
        storm(stores, stores[-1].integrate)
        assert missed_facts(stores[0]) == 0
        assert len(whole(stores[0])) == stores[0].size()


@pytest.mark.parametrize("kind", [PostgresStore, EarlyPlaces])
def test_places_given_before_the_commit_are_missed(tmp_path: Path, kind: type[PostgresStore]) -> None:
    """Who follows the feed misses lines where places come from a sequence, and none where they come with the commit."""
    with opened(tmp_path, kind, WRITERS + 1) as (follower, *stores):
        following = Follower(follower)
        storm(stores, following.look)
        fresh = {subject: seq for subject, seq, _, _ in follower._feed_rows(0, 10_000)}
        missed = fresh.keys() - following.followed.keys()
        print(f"{kind.__name__}: missed {len(missed)} of {len(fresh)} lines")
        assert bool(missed) == (kind is EarlyPlaces)


@pytest.mark.parametrize("kind", [PostgresStore, Autocommit])
def test_without_the_transaction_a_death_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[PostgresStore]
) -> None:
    """A death between any two writes leaves nothing; with every statement committing by itself the checks find it."""
    with opened(tmp_path, kind, 1) as (store,):
        world = a_writer(store, 99)
        for number in range(3):
            with monkeypatch.context() as patched, suppress(Torn):
                dies_after(patched, 1 + number)
                flagged(world, f"su_{number}")
                raise AssertionError("nobody died")
        if kind is PostgresStore:
            sound(store)
        else:
            expect_damage(lambda: sound(store))


def dies_after(monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    """Let the process die after so many statements that write; what it sends after that never arrives."""
    real, many, left = PgConnection.execute, PgConnection.executemany, [writes]

    def dying(connection: PgConnection, asked: str, values: Any, send: Any) -> Any:
        is_dead = left[0] == 0
        if is_dead and connection.is_in_transaction:
            connection.raw.close()
        if is_dead:
            raise Torn
        left[0] -= asked.split(maxsplit=1)[0] in ("WITH", "INSERT", "UPDATE")
        return send(connection, asked, values)

    monkeypatch.setattr(PgConnection, "execute", lambda c, asked, values=(), /: dying(c, asked, values, real))
    monkeypatch.setattr(PgConnection, "executemany", lambda c, asked, rows, /: dying(c, asked, rows, many))


def sound(store: PostgresStore) -> None:
    """Assert what a storm's check asserts: one tree of all facts, and all tables as these make them."""
    assert_sound(store)
    whole(store)
