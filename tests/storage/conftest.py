"""The stores that one contract holds for; PostgreSQL joins by one more name here.

Law: a test that takes `store` passes on every one of them unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from answerable.store.memory import MemoryStore
from answerable.store.protocol import Store
from answerable.store.sqlite import SqliteStore, create_store, open_store
from tests.storage.worlds import MARK, ORIGIN

Open = Callable[[], SqliteStore]


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


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest) -> Store:
    """Give an empty store of each kind."""
    if request.param == "memory":
        return MemoryStore(origin=ORIGIN)
    opened: Open = request.getfixturevalue("opened")
    return opened()
