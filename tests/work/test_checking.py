"""The worker's check.

Law: what it finds is told to two people and shown, pass after pass, and stops nobody (L1).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from answerable.app.checking import Check
from answerable.core.facts import Role, StaffEnrolled, StaffId
from answerable.core.roster import Roster
from answerable.errors import StoreUnavailable
from answerable.ports.notifier import FileNotifier
from answerable.store.inspecting import SqliteInspection
from answerable.store.opening import RECORD
from answerable.store.protocol import Beat
from answerable.store.sqlite import SqliteStore
from answerable.work.checking import EVERY_S, Checking, check_step, watchers
from answerable.work.outbox import deliver
from answerable.work.signs import CHECK, last_check
from tests.app.kept import SqliteKept, begin
from tests.postgres import database
from tests.work.memory import InMemory

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'answerable'
"""


class Worker:
    """A worker's check over a record on disk."""

    def __init__(self, folder: Path) -> None:
        """Begin a record that holds a case."""
        self.house: InMemory
        self.house, kept = begin(folder)
        assert isinstance(kept, SqliteKept)
        self.kept = kept
        self.house.warn("one")
        self.house.answerable.seal()
        self.record = self.kept.where
        self.begun = 0
        self.checking = Checking(self.house.answerable, self.begin)

    def begin(self) -> Check:
        """Begin a pass."""
        self.begun += 1
        return Check(SqliteInspection(self.record), self.kept.trusted)

    def run(self) -> None:
        """Do slices until the pass has ended."""
        begun = self.begun
        while self.begun == begun or self.checking._check is not None:
            assert self.checking.step() is False

    def letters(self) -> list[str]:
        """Carry what waits and return to whom the pages about the record went, and what they say."""
        path = self.record / "letters.jsonl"
        deliver(self.house.answerable, (FileNotifier(path),))
        found = [json.loads(line) for line in path.read_text().splitlines()]
        return [f"{one['to']}: {one['body']}" for one in found if "record altered" in one["subject"]]


def test_a_sound_record_pages_nobody(tmp_path: Path) -> None:
    """It is noted when it was last checked; the next pass comes after six hours and not before."""
    worker = Worker(tmp_path)
    worker.run()
    found = last_check(worker.house.store)
    assert found is not None
    assert (found.verdict, found.first) == ("VERIFIED", None)
    assert worker.letters() == []
    assert worker.checking.step() is False
    assert worker.begun == 1
    worker.checking._next_at -= EVERY_S
    worker.run()
    assert worker.begun == 2


def test_an_altered_record_pages_lead_and_partner_every_time(tmp_path: Path) -> None:
    """Both are named the first bad thing; the pages themselves are no fault; people and machines go on."""
    worker = Worker(tmp_path)
    with sqlite3.connect(worker.record / RECORD) as file:
        file.execute("DELETE FROM gate_alias")
    worker.run()
    found = last_check(worker.house.store)
    assert found is not None
    assert found.verdict == "FAILED"
    assert found.first is not None
    assert "gate_alias" in found.first
    told = worker.letters()
    assert [one.split(":")[0] for one in told] == ["lead-1", "partner-1"]
    assert all("gate_alias" in one for one in told)
    assert worker.house.flag("two", "user-8").case is not None
    worker.checking._next_at -= EVERY_S
    worker.house.clock.advance(timedelta(hours=6))
    worker.run()
    assert len(worker.letters()) == 4
    assert "outgoing" not in str(worker.kept.check().findings)


def test_a_pass_that_breaks_off_is_begun_again_in_its_time(tmp_path: Path) -> None:
    """A store that fails for a moment ends one pass and no other, and the loop hears of it."""
    worker = Worker(tmp_path)

    class Broken(Check):
        def slices(self) -> Iterator[None]:
            raise ZeroDivisionError

    broken = lambda: Broken(SqliteInspection(worker.record), worker.kept.trusted)  # noqa: E731
    checking = Checking(worker.house.answerable, broken)
    with pytest.raises(ZeroDivisionError):
        checking.step()
    assert checking._check is None
    assert checking.step() is False  # its time has not come again
    assert last_check(worker.house.store) is None


def test_a_record_in_postgresql_is_checked_as_well(tmp_path: Path) -> None:
    """Sound, it is noted; altered, two people hear of it; a server out of reach breaks the pass off."""
    with database() as dsn:
        house, kept = begin(tmp_path, dsn)
        house.warn("one")
        house.answerable.seal()
        house.warn("waits")
        checks: list[Check] = []

        def begin_one() -> Check:
            checks.append(Check(kept.inspection(), kept.trusted))
            return checks[-1]

        checking = Checking(house.answerable, begin_one)
        for wanted in ("VERIFIED", "FAILED"):
            checking._next_at = 0
            while not checks or checking._check is not None:
                checking.step()
            checks.clear()
            found = last_check(house.store)
            assert found is not None
            assert found.verdict == wanted, found
            with psycopg.connect(dsn) as admin:
                admin.execute("DELETE FROM answerable.gate_alias")
        posted = {one.outgoing.body.get("to") for one in house.store.claim(house.clock.now(), house.clock.now(), 1000)}
        assert {"lead-1", "partner-1"} <= posted
        checking._next_at = 0
        checking.step()
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(CUT)
        with pytest.raises(StoreUnavailable):
            checking.step()
        assert checking._check is None
        house.store.close()


def test_a_roster_that_cannot_be_read_still_gets_a_letter_out(tmp_path: Path) -> None:
    """Who altered the system stream keeps the log and the outbox from nothing."""
    worker = Worker(tmp_path)
    worker.kept.edit("UPDATE fact SET bytes = CAST('{}' AS BLOB) WHERE idx = 0")
    assert isinstance(worker.house.store, SqliteStore)
    worker.house.store._folds.clear()
    worker.run()
    found = last_check(worker.house.store)
    assert found is not None
    assert found.verdict == "FAILED"
    assert [one.split(":")[0] for one in worker.letters()] == ["nobody"]


def test_who_is_told() -> None:
    """The first lead and the first outside approver; without them whoever may decide; else nobody by name."""
    roster = Roster()
    assert watchers(roster) == ["nobody"]
    for name, role in (("a", Role.REVIEWER), ("b", Role.LEAD), ("c", Role.LEAD), ("d", Role.PARTNER)):
        one = StaffEnrolled(staff=StaffId(name), role=role, duty=False, superior=None, commit="00")
        roster.staff[one.staff] = one
        assert watchers(roster) == {"a": ["a"], "b": ["b"], "c": ["b"], "d": ["b", "d"]}[name]


def test_what_is_no_note_is_no_check(tmp_path: Path) -> None:
    """A note that cannot be read says nothing."""
    worker = Worker(tmp_path)
    for text in ("", "[]", "{}", "null"):
        worker.house.store.beat([Beat(kind=CHECK, name="last", at=worker.house.clock.now(), note=text)])
        assert last_check(worker.house.store) is None
    with pytest.raises(StoreUnavailable):
        SqliteInspection(tmp_path / "none")
    assert check_step(worker.house.answerable, lambda: 1 / 0).name == "check"  # type: ignore[arg-type, return-value]
