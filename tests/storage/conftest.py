"""The stores that one contract holds for.

Law: a test that takes `store` passes on every one of them unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from answerable.store.memory import MemoryStore
from answerable.store.postgres import PostgresStore
from answerable.store.postgres import create_store as create_postgres
from answerable.store.postgres import open_store as open_postgres
from answerable.store.protocol import Store
from answerable.store.sqlite import SqliteStore, create_store, open_store
from tests.postgres import database
from tests.storage.worlds import MARK, ORIGIN

Open = Callable[[], SqliteStore]
OpenPostgres = Callable[[], PostgresStore]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Give a function that opens one SQLite record, made at its first call; every call is a store of its own."""
    stores: list[SqliteStore] = []
    keys = tmp_path / "keys"
    keys.mkdir()

    def open_one() -> SqliteStore:
        make = open_store if stores else create_store
        stores.append(make(tmp_path / "record", keys=keys, origin=ORIGIN, mark=MARK))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[OpenPostgres]:
    """Give a function that opens one record in PostgreSQL, made at its first call; every call is a store of its own."""
    stores: list[PostgresStore] = []
    keys = tmp_path / "keys-of-postgres"
    keys.mkdir()
    with database() as dsn:

        def open_one() -> PostgresStore:
            make = open_postgres if stores else create_postgres
            stores.append(make(dsn, keys=keys, origin=ORIGIN, mark=MARK))
            return stores[-1]

        yield open_one
        for store in stores:
            store.close()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    """Give an empty store of each kind."""
    if request.param == "memory":
        return MemoryStore(origin=ORIGIN)
    opened: Callable[[], Store] = request.getfixturevalue("opened" if request.param == "sqlite" else request.param)
    return opened()
