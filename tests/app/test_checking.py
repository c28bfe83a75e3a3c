"""The check of a record by itself.

Law: whoever edits a column, adds a row or takes one away is named; what is as it was begun is VERIFIED (L7, L8).
"""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from answerable.app import AccountIn, Identifier, IdentifierKind
from answerable.app.checking import NOT_SHOWN, Check, Checked, Trusted
from answerable.app.identifying import Index
from answerable.core.facts import CaseId, DefaultTookEffect, MeasureLifted, StaffId, SubjectId, SubjectSeen
from answerable.edge import SeededMint
from answerable.errors import StoreUnavailable
from answerable.ledger.verify import Checkpoint
from answerable.ports.signer import LocalSigner
from answerable.store.inspecting import SqliteInspection
from answerable.store.opening import RECORD
from answerable.store.sql_tx import CASE_COLUMNS
from answerable.store.sqlite import create_store
from answerable.vault.keys import make_keyring
from answerable.work.outbox import deliver
from tests.work.memory import InMemory, a_flag, a_notice, in_memory

PROGRESS = {("outgoing", "attempts"), ("outgoing", "next_at"), ("feed", "seq"), ("feed", "version")}
"""Columns that follow from no entry: NOT_SHOWN says so."""


@dataclass(frozen=True)
class Kept:
    """A record on disk, and what it is held against."""

    folder: Path
    trusted: Trusted

    def check(self, **otherwise: Any) -> Checked:
        """Check it."""
        inspection = SqliteInspection(self.folder)
        try:
            return Check(inspection, replace(self.trusted, **otherwise)).run()
        finally:
            inspection.close()

    def copied(self, to: Path) -> Kept:
        """Return a copy to be changed."""
        shutil.copytree(self.folder, to)
        return replace(self, folder=to)

    def edit(self, *statements: str) -> Kept:
        """Do what somebody does who has the file: the triggers go first and come back after."""
        with sqlite3.connect(self.folder / RECORD) as file:
            triggers = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                file.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                assert file.execute(statement).rowcount, statement
            for _, sql in triggers:
                file.execute(sql)
        return self


def begin(folder: Path) -> tuple[InMemory, Kept]:
    """Begin a record on disk, with two people and a policy."""
    for name in ("keys", "signer"):
        (folder / name).mkdir()
    keyring = make_keyring(SeededMint(7))
    store = create_store(folder / "record", keys=folder / "keys", origin="record/test", mark=keyring.mark)
    house = in_memory(folder / "signer", store)
    signer = house.answerable.signer
    assert isinstance(signer, LocalSigner)
    trusted = Trusted(
        origin="record/test", vkey=signer.vkey, index=Index(keyring=house.answerable.acts.keyring),
        signed=signer.signed_last(), now=house.clock.now,
    )  # fmt: skip
    return house, Kept(folder / "record", trusted)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Return a record with something in every table, the last entry signed."""
    house, kept = begin(tmp_path_factory.mktemp("check"))
    answerable = house.answerable
    taken = answerable.raise_signal(replace(a_flag("one"), evidence="I will find her.", label="a label of words"))
    house.warn("two")
    answerable.see_account(AccountIn(account="user-7", identifiers=(Identifier(IdentifierKind.EMAIL, "a@example.org"),),
                                     verified_at=house.clock.now()))  # fmt: skip
    answerable.receive_notice(replace(a_notice("three"), subject=(Identifier(IdentifierKind.EMAIL, "b@example.org"),)))
    answerable.seal()
    deliver(answerable, ())
    house.clock.advance(timedelta(hours=30))
    house.flag("four", "user-8")
    assert taken.case is not None
    case = CaseId(taken.case)
    answerable.view_case(case, staff=StaffId("lead-1"), purpose="review")
    with answerable.acts.open("lead-1", (subject := _subject(house, case),)) as act:
        lifts = tuple(act.journal.files.case(case).held)
        act.journal.write(MeasureLifted(subject=subject, case=case, proposal=None, lifts=lifts, staff=()))
    house.warn("five", "user-9")
    answerable.seal()
    assert isinstance(answerable.signer, LocalSigner)
    signed = answerable.signer.signed_last()
    facts = {type(one.fact) for one in house.store.all_recorded()}
    assert {DefaultTookEffect, SubjectSeen} <= facts
    house.store.close()
    return replace(kept, trusted=replace(kept.trusted, signed=signed))


def _subject(house: InMemory, case: CaseId) -> SubjectId:
    with house.store.act() as tx:
        found = tx.subject_of(case)
    assert found is not None
    return found


def test_a_record_as_it_was_written_is_verified(original: Kept) -> None:
    """Nothing found, nothing left out, and what a check cannot show is said."""
    checked = original.check()
    assert checked.findings == ()
    assert (checked.verdict, checked.exit_code) == ("VERIFIED", 0)
    assert checked.entries == checked.sealed == original.trusted.signed.size
    assert checked.not_shown == NOT_SHOWN
    assert min(checked.subjects, checked.texts, checked.checkpoints) >= 2


TABLES = {
    "meta": ("key", "value"),
    "migration": ("version_num",),
    "fact": ("idx", "subject", "high_water", "nodes", "bytes"),
    "checkpoint": ("size", "note"),
    "text": ("token", "case_id", "author", "slot", "wrapped_key", "nonce", "ciphertext", "commitment"),
    "author_key": ("case_id", "author", "wrapped"),
    "blob": ("address", "content"),
    "outgoing": ("idem", "topic", "body", "not_before", "next_at", "attempts", "done"),
    "feed": ("subject", "seq", "version"),
    "gate_alias": ("subject", "alias"),
    "case_row": CASE_COLUMNS,
    "look_back": ("case_id", "notice", "subject", "started_at"),
    "effect": ("act", "case_id", "at"),
    "releasing": ("idx", "subject"),
}
EDITS = [(table, column) for table, all_columns in TABLES.items() for column in all_columns]


def test_every_table_is_thought_of(original: Kept) -> None:
    """A table or column that comes later is edited here, or said not to be shown."""
    with sqlite3.connect(original.folder / RECORD) as file:
        names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: tuple(row[1] for row in file.execute(f"PRAGMA table_info({name})")) for name in names}
    assert found.pop("alias")
    assert found.pop("answer")
    assert found == TABLES


@pytest.mark.parametrize(("table", "column"), [one for one in EDITS if one not in PROGRESS])
def test_an_edited_column_is_named(original: Kept, tmp_path: Path, table: str, column: str) -> None:
    """Whatever column of the first and of the last row somebody changes, the table is named."""
    for order in ("ASC", "DESC"):
        kept = original.copied(tmp_path / order).edit(_edit(original, table, column, order))
        checked = kept.check()
        assert (checked.verdict, checked.exit_code) == ("FAILED", 1)
        assert any(_names(table) & set(one.replace(":", " ").split()) for one in checked.findings), checked.findings


def _names(table: str) -> set[str]:
    return {table, "facts", "signed"} if table in ("fact", "checkpoint") else {table}


def _edit(kept: Kept, table: str, column: str, order: str) -> str:
    """Return a statement that changes one column of the first or last row and keeps its type."""
    with sqlite3.connect(kept.folder / RECORD) as file:
        keys = [row[1] for row in file.execute(f"PRAGMA table_info({table})") if row[5]]
        which = " AND ".join(f"{key} = quoted.{key}" for key in keys)
        kind = next(row[2] for row in file.execute(f"PRAGMA table_info({table})") if row[1] == column)
        picked = f"SELECT {', '.join(keys)} FROM {table} ORDER BY {', '.join(f'{key} {order}' for key in keys)} LIMIT 1"
        values = file.execute(picked).fetchone()
        assert values is not None, f"the record has no row in {table}"
        given = file.execute(f"SELECT {', '.join('quote(?)' for _ in values)}", values).fetchone()
    which = " AND ".join(f"{key} = {value}" for key, value in zip(keys, given, strict=True))
    changed = {
        "INTEGER": f"CASE WHEN {column} = 9223372036854775807 THEN 0 ELSE ifnull({column}, 0) + 1000 END",
        "TEXT": f"ifnull({column}, '') || 'x'",
        "BLOB": f"CAST({column} || x'20' AS BLOB)",
    }[kind]
    if (table, column) == ("outgoing", "done"):
        changed = "1, attempts = 0"
    return f"UPDATE {table} SET {column} = {changed} WHERE {which}"


GONE = {
    "fact": "DELETE FROM fact WHERE idx = (SELECT max(idx) FROM fact)",
    "facts": "DELETE FROM fact WHERE idx = 3",
    "case_row": "DELETE FROM case_row WHERE case_id = (SELECT min(case_id) FROM case_row)",
    "text": "DELETE FROM text WHERE token = (SELECT min(token) FROM text WHERE slot = 'notice')",
    "author_key": "DELETE FROM author_key WHERE author = (SELECT author FROM text WHERE slot = 'notice' LIMIT 1)",
    "blob": "DELETE FROM blob",
    "outgoing": "DELETE FROM outgoing WHERE topic = 'receipt'",
    "feed": "DELETE FROM feed WHERE seq = (SELECT min(seq) FROM feed)",
    "gate_alias": "DELETE FROM gate_alias WHERE alias = (SELECT min(alias) FROM gate_alias)",
    "look_back": "DELETE FROM look_back",
    "effect": "DELETE FROM effect",
    "releasing": "DELETE FROM releasing",
    "alias": "DELETE FROM alias WHERE kind = 'account'",
    "answer": "DELETE FROM answer WHERE source = 'account_of'",
    "notice_entry": "DELETE FROM answer WHERE source = 'notice_entry'",
}


@pytest.mark.parametrize("table", GONE)
def test_a_row_taken_away_is_named(original: Kept, tmp_path: Path, table: str) -> None:
    """What is missing is missed; a record cut off at its end is held against its signatures."""
    checked = original.copied(tmp_path / "record").edit(GONE[table]).check()
    assert checked.verdict == "FAILED"
    assert any(table in one.split(":")[0] for one in checked.findings), checked.findings


MORE = {
    "case_row": "INSERT INTO case_row SELECT 'case_x', 'sub_x', person, tier, closed, owner, deputy, opened_at,"
    " decide_due, wake_at, yardstick, barred, policy FROM case_row LIMIT 1",
    "case_row case_x": "INSERT INTO case_row SELECT 'case_x', subject, 'person_x', tier, closed, owner, deputy,"
    " opened_at, decide_due, wake_at, yardstick, barred, policy FROM case_row LIMIT 1",
    "effect": "INSERT INTO effect VALUES ('act_x', 'case_x', 1)",
    "releasing": "INSERT INTO releasing SELECT 0, subject FROM feed LIMIT 1",
    "gate_alias": "INSERT INTO gate_alias SELECT subject, '00' FROM feed LIMIT 1",
    "outgoing": "INSERT INTO outgoing VALUES ('case:x:1', 'page', '{}', 1, 1, 0, 0)",
    "trigger": "CREATE TRIGGER more AFTER INSERT ON feed BEGIN SELECT 1; END",
}


@pytest.mark.parametrize("table", MORE)
def test_a_row_that_follows_from_no_fact_is_named(original: Kept, tmp_path: Path, table: str) -> None:
    """A list shows nothing that nobody recorded, and nothing runs in the file but what was begun there."""
    kept = original.copied(tmp_path / "record")
    with sqlite3.connect(kept.folder / RECORD) as file:
        file.execute(MORE[table])
    checked = kept.check()
    assert checked.verdict == "FAILED"
    assert any(one.startswith(table) for one in checked.findings), checked.findings


ATTACKS: dict[str, tuple[str, ...]] = {
    "case_row": ("UPDATE case_row SET closed = 1, wake_at = NULL",),
    "trigger": ("DROP TRIGGER fact_stays",),
    "outgoing": ("UPDATE outgoing SET done = 1 WHERE attempts = 0",),
    "outgoing ": ("UPDATE outgoing SET next_at = next_at + 864000000000 WHERE attempts > 0",),
    "fact": ("DELETE FROM checkpoint", "DELETE FROM fact WHERE idx > 20"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_the_file_is_seen(original: Kept, tmp_path: Path, name: str) -> None:
    """A queue emptied, a letter silenced, a record cut back: none passes."""
    kept = original.copied(tmp_path / "record")
    with sqlite3.connect(kept.folder / RECORD) as file:
        if name == "fact":
            file.execute("DROP TRIGGER fact_is_kept")
        for statement in ATTACKS[name]:
            file.execute(statement)
    checked = kept.check()
    assert checked.verdict == "FAILED"
    assert any(one.startswith(name.strip()) for one in checked.findings), checked.findings


def test_another_signature_or_another_key_fails(original: Kept) -> None:
    """What the signer remembers and the key it signs with are held against the record."""
    other = Checkpoint(original.trusted.origin, original.trusted.signed.size, bytes(32))
    assert "the signer signed other entries" in str(original.check(signed=other).findings)
    assert original.check(origin="record/other").verdict == "FAILED"


def test_without_a_checkpoint_it_is_not_verified(tmp_path: Path) -> None:
    """Entries that nobody signed are NOT CHECKED, and never VERIFIED."""
    house, kept = begin(tmp_path)
    house.flag("one")
    checked = kept.check()
    assert (checked.verdict, checked.exit_code, checked.first) == ("NOT CHECKED", 3, None)
    house.store.close()


def test_it_runs_beside_a_writer(tmp_path: Path) -> None:
    """Between any two slices acts may come in, lift the record's end and its tables: that is no fault."""
    house, kept = begin(tmp_path)
    for number in range(30):
        house.flag(f"before-{number}", f"user-{number}")
    inspection = SqliteInspection(kept.folder)
    check = Check(inspection, kept.trusted)
    for number, _ in enumerate(check.slices()):
        if number > 8:  # accounts that come in while it reads are read too
            continue
        house.flag(f"during-{number}", f"user-{number}")
        house.warn(f"beside-{number}", f"new-{number}")
        house.clock.advance(timedelta(hours=1))
        house.answerable.settle(SubjectId(house.store.feed(0, 1)[0].entry.subject))
        house.answerable.seal()
        deliver(house.answerable, ())
    inspection.close()
    assert check.result().findings == ()
    house.store.close()


def test_it_cannot_write(original: Kept) -> None:
    """The check has a connection that refuses every change."""
    inspection = SqliteInspection(original.folder)
    with pytest.raises(StoreUnavailable, match="readonly"):
        inspection.rows("DELETE FROM feed")
    inspection.close()
