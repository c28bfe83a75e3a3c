"""What is read beside an act: what is committed, and in a database nobody who writes is waited for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from answerable.core.facts import Role, StaffEnrolled, StaffId
from answerable.store.protocol import Store
from tests.core.builders import STAFFED
from tests.storage.worlds import a_stored_world

WAITED_S = 60
NEW = StaffEnrolled(staff=StaffId("staff_new"), role=Role.REVIEWER, duty=True, superior=None, commit="00")


def read(store: Store, address: str) -> tuple[Any, ...]:
    """Return what is asked for to tell the policy and to find a receipt."""
    roster = store.roster()
    return roster.policies, NEW.staff in roster.staff, store.blob(address), store.remembered("source", "key")


def test_what_is_read_is_what_acts_have_left(store: Store) -> None:
    """The roster grows with the system stream; a blob and an answer are found outside of the act that kept them."""
    assert read(store, "0" * 64) == ([], False, None, None)
    world = a_stored_world(store)
    with store.act() as tx:
        address = tx.put_blob(b"a text")
        tx.remember("source", "key", b"an answer")
    assert read(store, address) == ([STAFFED.version], False, b"a text", b"an answer")
    world.write(NEW)
    assert read(store, address)[1]


@pytest.mark.parametrize("kind", ["opened", "postgres"])
def test_readers_wait_for_no_writer(kind: str, request: pytest.FixtureRequest) -> None:
    """While an act is open, a policy and a receipt are read beside it, as they were before: gates wait for both."""
    opened: Callable[[], Store] = request.getfixturevalue(kind)
    store = opened()
    a_stored_world(store)
    with ThreadPoolExecutor(1) as aside:
        with store.act() as tx:
            address = tx.put_blob(b"a text")
            tx.remember("source", "key", b"an answer")
            found = aside.submit(read, store, address).result(WAITED_S)
        assert found == ([STAFFED.version], False, None, None)
        assert aside.submit(read, store, address).result(WAITED_S)[2:] == (b"a text", b"an answer")
