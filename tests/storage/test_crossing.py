"""Several stores on one record in a database: what one of them commits between two acts of another's group.

Law: whoever holds a subject knows of everything that was written about it, and of when (L3).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from answerable.core.cases import Files
from answerable.core.facts import StaffLeft
from answerable.errors import Busy
from tests.core.builders import RITA, SECOND, START, SUBJECT
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


def test_who_takes_many_waits_for_nobody_and_knows_what_those_before_wrote(postgres: OpenPostgres) -> None:
    """Whom somebody else holds is passed over; of the others everything is known, and the latest time too (L3)."""
    one, other = postgres(), postgres()
    world = a_stored_world(one).see(SECOND)
    later = Stored(
        store=other, policies=world.policies, mint=world.mint, locks=[SECOND], now=START + timedelta(hours=2)
    )
    later.with_flag(SECOND)
    with other.act() as held:
        held.files([SUBJECT])
        with one.act() as tx:
            found = tx.apart([SECOND, SUBJECT])
            assert tx.high_water() == later.now
    files = found[SECOND]
    assert isinstance(files, Files) and list(files.subjects) == [SECOND]
    assert files.subjects[SECOND] == later.files.subjects[SECOND]
    assert isinstance(found[SUBJECT], Busy)


def test_staff_and_policy_change_between_acts_and_never_beside_one(postgres: OpenPostgres) -> None:
    """Who leaves while somebody is deciding has left after that decision: no act stands on rules that are gone (L4)."""
    one, other = postgres(), postgres()
    world = a_stored_world(one)
    left = replace(world.facts[0], seq=len(world.roster.staff) + 2, fact=StaffLeft(staff=RITA), index=None)

    def leave() -> None:
        with other.act() as tx:
            other._own.execute("SET lock_timeout = '60s'")
            tx.append([left])

    with ThreadPoolExecutor(1) as aside:
        with one.batch():
            with one.act() as tx:
                assert RITA in tx.roster().deciders()
            leaving = aside.submit(leave)
            with pytest.raises(TimeoutError):
                leaving.result(timeout=0.3)
            with one.act() as tx:
                assert RITA in tx.roster().deciders()
        leaving.result(timeout=60)
    with one.act() as tx:
        assert RITA not in tx.roster().deciders()
