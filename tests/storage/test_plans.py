"""What lists cost in a crowd: each walks one index and sorts nothing, with a million cases as with a thousand.

Law: nothing is timed; what a database means to do and what it reads is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from answerable.store.postgres import PostgresStore
from answerable.store.postgres import create_store as create_postgres
from answerable.store.sqlite import SqliteStore, create_store
from tests.postgres import database
from tests.storage import crowds
from tests.storage.conftest import OpenPostgres
from tests.storage.worlds import MARK, ORIGIN

FEW, MANY = 1_000, 20_000
SIZES = [MANY, pytest.param(1_000_000, marks=pytest.mark.long)]
MORE_PAGES = 20
# What looks a row up reads three pages (root, leaf, row) where there are few, and one more where the index is deeper.
DEEPER = 4 / 3

NewSqlite = Callable[[], SqliteStore]


@pytest.fixture
def new_sqlite(tmp_path: Path) -> Iterator[NewSqlite]:
    """Give a function that makes a record of its own at each call."""
    stores: list[SqliteStore] = []

    def new() -> SqliteStore:
        home = tmp_path / str(len(stores))
        (home / "keys").mkdir(parents=True)
        stores.append(create_store(home / "record", keys=home / "keys", origin=ORIGIN, mark=MARK))
        return stores[-1]

    yield new
    for store in stores:
        store.close()


@pytest.fixture
def few(tmp_path: Path) -> Iterator[PostgresStore]:
    """Give a store in PostgreSQL with few cases."""
    keys = tmp_path / "keys-of-few"
    keys.mkdir()
    with database() as dsn:
        store = create_postgres(dsn, keys=keys, origin=ORIGIN, mark=MARK)
        crowds.fill(store, FEW)
        yield store
        store.close()


def _faults(store: PostgresStore) -> dict[str, list[str]]:
    found = {}
    for name, (asked, values, indexes) in crowds.questions(store).items():
        if wrong := [fault for plan in crowds.plans(store, asked, values) for fault in crowds.faults(plan, indexes)]:
            found[name] = wrong
    return found


@pytest.mark.parametrize("is_analysed", [False, True])
@pytest.mark.parametrize("count", SIZES)
def test_every_list_walks_one_index_and_sorts_nothing(postgres: OpenPostgres, count: int, *, is_analysed: bool) -> None:
    """PostgreSQL plans no other way, whether it knows the values or not, and whatever it knows of the tables."""
    store = postgres()
    crowds.fill(store, count, analyse=is_analysed)
    assert _faults(store) == {}


def test_a_sort_is_found(postgres: OpenPostgres) -> None:
    """Without its index the queue sorts, and that is seen."""
    store = postgres()
    crowds.fill(store, FEW)
    store._link.get().raw.execute("DROP INDEX case_queue")
    assert {"queue", "queue_deep", "queue_hidden", "queue_all"} == _faults(store).keys()


@pytest.mark.parametrize("count", SIZES)
def test_a_crowd_in_postgres_reads_no_more_pages(postgres: OpenPostgres, few: PostgresStore, count: int) -> None:
    """Each list reads as many pages as with few cases, and some for the deeper index."""
    many = postgres()
    crowds.fill(many, count)
    assert {name: pair for name, pair in _read(few, many).items() if pair[1] > pair[0] * DEEPER + MORE_PAGES} == {}


def _read(few: PostgresStore, many: PostgresStore) -> dict[str, tuple[int, int]]:
    crowd = crowds.questions(many)
    found = {}
    for name, (asked, values, _) in crowds.questions(few).items():
        small = max(crowds.pages(plan) for plan in crowds.plans(few, asked, values, run=True))
        large = max(crowds.pages(plan) for plan in crowds.plans(many, asked, crowd[name][1], run=True))
        found[name] = (small, large)
    return found


@pytest.mark.parametrize("count", SIZES)
def test_a_crowd_in_sqlite_takes_no_more_steps(new_sqlite: NewSqlite, count: int) -> None:
    """Each list takes as many steps of SQLite's machine as with few cases."""
    few, many = new_sqlite(), new_sqlite()
    crowds.fill(few, FEW)
    crowds.fill(many, count)
    taken = {name: crowds.vm_steps(few, ask) for name, ask in crowds.lists(few).items()}
    crowd = {name: crowds.vm_steps(many, ask) for name, ask in crowds.lists(many).items()}
    assert {name: (taken[name], crowd[name]) for name in taken if crowd[name] > 1.5 * taken[name]} == {}
