"""Several stores on one record in a database: what one of them commits between two acts of another's group.

Law: whoever holds a subject knows of everything that was written about it, and of when (L3).
"""

from __future__ import annotations

from datetime import timedelta

from tests.core.builders import SECOND, START, SUBJECT
from tests.storage.conftest import OpenPostgres
from tests.storage.worlds import Stored, a_stored_world


def test_a_group_hears_what_was_written_before_it_held_a_subject(postgres: OpenPostgres) -> None:
    """A group that has read the time asks again once it holds one more subject: its clock may be the slower one."""
    one, other = postgres(), postgres()
    world = a_stored_world(one).see(SECOND)
    later = Stored(
        store=other, policies=world.policies, mint=world.mint, locks=[SECOND], now=START + timedelta(hours=2)
    )
    with one.batch():
        with one.act() as tx:
            tx.files([SUBJECT])
            assert tx.high_water() == START
        later.with_flag(SECOND)
        with one.act() as tx:
            tx.files([SECOND])
            assert tx.high_water() == later.now
