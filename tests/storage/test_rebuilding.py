"""The read tables made anew.

Law L7: whatever was done to them, afterwards they hold what the facts make, and the check finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from time import sleep

import pytest

from answerable.core.facts import DefaultArmed, SubjectId
from answerable.errors import Busy, StoreUnavailable
from answerable.store.places import Place
from answerable.store.rebuilding import AT_ONCE, Rebuilt, rebuild
from answerable.store.rows import tables_of
from tests.app.kept import Kept, begin
from tests.postgres import database
from tests.work.memory import InMemory


@pytest.fixture(params=["sqlite", "postgres"])
def begun(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[InMemory, Kept]]:
    """Give a record with cases, open look-backs and releases, and the house that writes to it."""
    with database() as dsn:
        house, kept = begin(tmp_path, dsn if request.param == "postgres" else None)
        house.warn("one")
        house.warn("two", "user-8")
        house.flag("three", "user-9")
        house.answerable.seal()
        house.clock.advance(timedelta(hours=30))
        house.flag("four", "user-8")
        house.answerable.seal()
        yield house, kept
        house.store.close()


def _rebuild(kept: Kept) -> Rebuilt:
    place = Place.of_database(kept.where) if isinstance(kept.where, str) else Place.of_folder(kept.where)
    with closing(place.tables()) as tables:
        return rebuild(tables)


def _do(kept: Kept, *statements: str) -> None:
    place = Place.of_database(kept.where) if isinstance(kept.where, str) else Place.of_folder(kept.where)
    with closing(place.tables()) as tables:
        for statement in statements:
            assert tables.connection.execute(statement).rowcount, statement


STRAY_CASE = """
INSERT INTO case_row SELECT 'case_x', 'su_x', person, tier, closed, owner, deputy, opened_at, decide_due, wake_at,
  yardstick, barred, policy FROM case_row LIMIT 1
"""
DAMAGE = {
    "nothing": (),
    "emptied": ("DELETE FROM case_row", "DELETE FROM look_back"),
    "changed": ("UPDATE case_row SET tier = tier + 1, owner = NULL", "UPDATE look_back SET started_at = 1"),
    "another's": ("UPDATE case_row SET subject = 'su_x' WHERE case_id = (SELECT min(case_id) FROM case_row)",),
    "renamed": ("UPDATE case_row SET case_id = case_id || 'x'", "UPDATE look_back SET notice = notice || 'x'"),
    "strays": (
        STRAY_CASE,
        "INSERT INTO look_back SELECT 'case_x', notice, subject, started_at FROM look_back LIMIT 1",
        "INSERT INTO effect SELECT 'act_x', case_id, 1 FROM case_row LIMIT 1",
        "INSERT INTO effect VALUES ('act_y', 'case_y', 1)",
        "INSERT INTO releasing VALUES (1, 'su_x')",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_tables_are_made_right(begun: tuple[InMemory, Kept], name: str) -> None:
    """Damage is found by the check, mended by the rebuilding, and then nothing is found; a sound table is not written.
    """
    house, kept = begun
    _do(kept, *DAMAGE[name])
    assert kept.check().verdict == ("FAILED" if DAMAGE[name] else "VERIFIED")
    rebuilt = _rebuild(kept)
    assert (rebuilt.rows > 0, rebuilt.unread) == (bool(DAMAGE[name]), [])
    assert kept.check().findings == ()
    assert house.store.tables() == tables_of(house.store.all_recorded())
    assert _rebuild(kept).rows == 0


def test_effects_and_releases_come_back(begun: tuple[InMemory, Kept]) -> None:
    """Each fact that counted, or that a checkpoint will prove, has its row again."""
    house, kept = begun
    effects = [one for one in house.store.all_recorded() if isinstance(one.fact, DefaultArmed) and one.fact.by_notice]
    before = house.store.tables()
    assert effects
    assert before["effects"]
    _do(kept, "DELETE FROM effect")
    if before["releasing"]:
        _do(kept, "DELETE FROM releasing")
    assert _rebuild(kept).rows >= len(before["effects"])
    assert house.store.tables() == before


def test_it_runs_beside_a_writer(begun: tuple[InMemory, Kept]) -> None:
    """Acts come in while it works, about new accounts and about those under its hand: nothing of theirs is lost."""
    house, kept = begun
    for number in range(AT_ONCE + 20):
        house.flag(f"before-{number}", f"user-b{number}")
    _do(kept, "UPDATE case_row SET tier = tier + 1")
    found: list[Rebuilt] = []
    thread = Thread(target=lambda: found.append(_rebuild(kept)))
    thread.start()
    number = 0
    while thread.is_alive():
        number += 1
        with suppress(Busy, StoreUnavailable):  # whoever meets it for too long tries again
            house.flag(f"beside-{number}", f"user-b{number % 50}")
            house.warn(f"new-{number}", f"user-n{number}")
        sleep(0.005)  # a file keeps no queue of those who wait
    thread.join()
    assert found[0].unread == []
    house.answerable.seal()
    assert house.store.tables() == tables_of(house.store.all_recorded())
    assert kept.check().findings == ()


def test_an_account_that_cannot_be_read_is_left_alone(begun: tuple[InMemory, Kept], tmp_path: Path) -> None:
    """It is named, and the others are mended all the same."""
    house, kept = begun
    subject = SubjectId(house.store.feed(0, 1)[0].entry.subject)
    garbage = "convert_to('{}', 'UTF8')" if isinstance(kept.where, str) else "CAST('{}' AS BLOB)"
    change = f"UPDATE fact SET bytes = {garbage} WHERE subject = '{subject}'"
    with kept.edited(tmp_path / "copy", change, "DELETE FROM case_row") as damaged:
        rebuilt = _rebuild(damaged)
    assert [one.split(":")[0] for one in rebuilt.unread] == [subject]
    assert rebuilt.rows
