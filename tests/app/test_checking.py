"""The check of a record by itself.

Law: whoever edits a column, adds a row or takes one away is named; what is as it was begun is VERIFIED (L7, L8).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from answerable.app import AccountIn, Identifier, IdentifierKind
from answerable.app.checking import NOT_SHOWN, Check
from answerable.core.facts import CaseId, DefaultTookEffect, MeasureLifted, StaffId, SubjectId, SubjectSeen
from answerable.edge import ManualClock
from answerable.errors import StoreUnavailable
from answerable.ledger.verify import Checkpoint
from answerable.ports.signer import LocalSigner
from answerable.store.opening import RECORD
from answerable.store.sql_tx import CASE_COLUMNS
from answerable.work.outbox import deliver
from answerable.work.ticker import sweep
from tests.app.kept import Kept, PgKept, SqliteKept, begin
from tests.postgres import database
from tests.work.memory import InMemory, a_flag, a_notice

KINDS = ("sqlite", "postgres")
PROGRESS = {("outgoing", "attempts"), ("outgoing", "next_at"), ("feed", "seq"), ("feed", "version")}
"""Columns that follow from no entry: NOT_SHOWN says so."""


@pytest.fixture(scope="module")
def in_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Return a record in a folder with something in every table, the last entry signed."""
    return _filled(*begin(tmp_path_factory.mktemp("check")))


@pytest.fixture(scope="module")
def in_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Give the same record in a database."""
    with database() as dsn:
        yield _filled(*begin(tmp_path_factory.mktemp("check"), dsn))


@pytest.fixture
def original(request: pytest.FixtureRequest, kind: str) -> Kept:
    """Return the record in the kind of database that a test is about."""
    kept: Kept = request.getfixturevalue(f"in_{kind}")
    return kept


@pytest.fixture
def begun(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Iterator[tuple[InMemory, Kept]]:
    """Give a record that has only begun, with the house that writes to it."""
    if kind == "sqlite":
        house, kept = begin(tmp_path)
        yield house, kept
        house.store.close()
        return
    with database() as dsn:
        house, kept = begin(tmp_path, dsn)
        yield house, kept
        house.store.close()


def _filled(house: InMemory, kept: Kept) -> Kept:
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


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_as_it_was_written_is_verified(original: Kept) -> None:
    """Nothing found, nothing left out, and what a check cannot show is said."""
    checked = original.check()
    assert checked.findings == ()
    assert (checked.verdict, checked.exit_code) == ("VERIFIED", 0)
    assert checked.entries == checked.sealed == original.trusted.signed.size
    assert checked.not_shown == NOT_SHOWN
    assert min(checked.subjects, checked.texts, checked.checkpoints) >= 2


class Ticking(ManualClock):
    """A clock at which each who looks finds it a little later, as in service."""

    def now(self) -> datetime:
        """Return the wall time, a moment after what it was."""
        return self.advance(timedelta(milliseconds=1))


@pytest.mark.parametrize("kind", KINDS)
def test_what_fell_due_at_once_is_verified(begun: tuple[InMemory, Kept]) -> None:
    """What is due about many is written together, each with a time of its own."""
    house, kept = begun
    for number in range(5):
        house.flag(f"s{number}", f"user-{number}")
    house.clock.advance(timedelta(days=8))
    house.answerable.acts.clock = Ticking(house.clock.now())
    sweep(house.answerable)
    house.clock.advance(timedelta(seconds=1))
    house.answerable.seal()
    fell = [one.at for one in house.store.all_recorded() if isinstance(one.fact, DefaultTookEffect)]
    assert len(set(fell)) == 5
    assert isinstance(house.answerable.signer, LocalSigner)
    signed = house.answerable.signer.signed_last()
    assert kept.check(signed=signed).findings == ()


ALIKE = {
    "meta": ("key", "value"),
    "migration": ("version_num",),
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
}
TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "sqlite": ALIKE
    | {"fact": ("idx", "subject", "high_water", "nodes", "bytes"), "releasing": ("idx", "subject")},
    "postgres": ALIKE
    | {
        "fact": ("id", "subject", "pos", "stream", "seq", "at", "bytes"),
        "leaf": ("idx", "fact", "nodes"),
        "subject": ("id", "pos"),
        "tree": ("one", "size"),
        "feed_head": ("one", "seq"),
        "releasing": ("fact", "subject"),
    },
}
FIXED = {("fact", "id"), ("tree", "one"), ("feed_head", "one"), ("feed_head", "seq")}
"""Columns that PostgreSQL lets nobody change, and a place that may well be higher than any that was given out."""
EDITS = [
    (kind, table, column)
    for kind, tables in TABLES.items()
    for table, all_columns in tables.items()
    for column in all_columns
    if (table, column) not in PROGRESS | FIXED
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_table_is_thought_of(original: Kept, kind: str) -> None:
    """A table or column that comes later is edited here, or said not to be shown."""
    found = {name: tuple(columns) for name, columns in original.columns().items()}
    assert found.pop("alias")
    assert found.pop("answer")
    assert found.pop("pending", ("fact",)) == ("fact",)  # empty but for moments: it has tests of its own
    assert found == TABLES[kind]


@pytest.mark.parametrize(("kind", "table", "column"), EDITS)
def test_an_edited_column_is_named(original: Kept, tmp_path: Path, table: str, column: str) -> None:
    """Whatever column of the first and of the last row somebody changes, the table is named."""
    for order in ("ASC", "DESC"):
        with original.edited(tmp_path / order, original.change(table, column, order)) as kept:
            checked = kept.check()
        assert (checked.verdict, checked.exit_code) == ("FAILED", 1)
        assert any(_names(table) & set(one.replace(":", " ").split()) for one in checked.findings), checked.findings


def _names(table: str) -> set[str]:
    return {table, "fact", "facts", "signed"} if table in ("fact", "leaf", "tree", "checkpoint") else {table}


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


IN_POSTGRES = {
    "fact": "DELETE FROM leaf WHERE idx = (SELECT max(idx) FROM leaf)",
    "facts": "DELETE FROM leaf WHERE idx = 3",
    "tree": "DELETE FROM tree",
    "feed_head": "UPDATE feed_head SET seq = 1",
    "subject": "DELETE FROM subject WHERE id = (SELECT min(subject) FROM feed)",
}
GONE_WHERE = [("sqlite", name) for name in GONE] + [("postgres", name) for name in GONE | IN_POSTGRES]


@pytest.mark.parametrize(("kind", "table"), GONE_WHERE)
def test_a_row_taken_away_is_named(original: Kept, tmp_path: Path, kind: str, table: str) -> None:
    """What is missing is missed; a record cut off at its end is held against its signatures."""
    statement = (GONE if kind == "sqlite" else GONE | IN_POSTGRES)[table]
    with original.edited(tmp_path / "record", statement) as kept:
        checked = kept.check()
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
}


@pytest.mark.parametrize("table", MORE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_follows_from_no_fact_is_named(original: Kept, tmp_path: Path, table: str) -> None:
    """A list shows nothing that nobody recorded."""
    with original.edited(tmp_path / "record", MORE[table]) as kept:
        checked = kept.check()
    assert checked.verdict == "FAILED"
    assert any(one.startswith(table) for one in checked.findings), checked.findings


ATTACKS: dict[str, tuple[str, ...]] = {
    "case_row": ("UPDATE case_row SET closed = 1, wake_at = NULL",),
    "outgoing": ("UPDATE outgoing SET done = 1 WHERE attempts = 0",),
    "outgoing ": ("UPDATE outgoing SET next_at = next_at + 864000000000 WHERE attempts > 0",),
    "fact": ("DELETE FROM checkpoint", "DELETE FROM fact WHERE idx > 20"),
}
CUT_BACK = (
    "DELETE FROM checkpoint",
    "DELETE FROM releasing WHERE fact IN (SELECT fact FROM leaf WHERE idx > 20)",
    "DELETE FROM fact WHERE id IN (SELECT fact FROM leaf WHERE idx > 20)",
    "DELETE FROM leaf WHERE idx > 20",
    "UPDATE tree SET size = 21",
)


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_attack_on_the_rows_is_seen(original: Kept, tmp_path: Path, kind: str, name: str) -> None:
    """A queue emptied, a letter silenced, a record cut back: none passes."""
    statements = CUT_BACK if (kind, name) == ("postgres", "fact") else ATTACKS[name]
    with original.edited(tmp_path / "record", *statements) as kept:
        checked = kept.check()
    assert checked.verdict == "FAILED"
    assert any(one.startswith(name.strip()) for one in checked.findings), checked.findings


ACTING = {
    "sqlite": {
        "trigger more": "CREATE TRIGGER more AFTER INSERT ON feed BEGIN SELECT 1; END",
        "trigger fact_stays": "DROP TRIGGER fact_stays",
    },
    "postgres": {
        "function more": "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "trigger more": "CREATE TRIGGER more AFTER INSERT ON feed FOR EACH ROW EXECUTE FUNCTION refuse()",
        "trigger fact_stays": "ALTER TABLE fact DISABLE TRIGGER fact_stays",
        "trigger leaf_stays": "DROP TRIGGER leaf_stays ON leaf",
        "trigger RI_": "ALTER TABLE pending DISABLE TRIGGER ALL",
        "function refuse": "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NEW; END'",
        "rule silent": "CREATE RULE silent AS ON INSERT TO outgoing DO INSTEAD NOTHING",
        "policy of fact": "ALTER TABLE fact ENABLE ROW LEVEL SECURITY",
    },
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in ACTING.items() for name in names])
def test_nothing_acts_there_but_what_was_begun(begun: tuple[InMemory, Kept], kind: str, name: str) -> None:
    """A trigger, a function or a rule that is new, changed, gone or switched off is named."""
    _, kept = begun
    if isinstance(kept, SqliteKept):
        with closing(sqlite3.connect(kept.where / RECORD)) as file:
            file.execute(ACTING[kind][name])
    else:
        with psycopg.connect(kept.where, options="-c search_path=answerable") as admin:
            admin.execute(ACTING[kind][name])
    checked = kept.check()
    assert checked.verdict == "FAILED"
    assert any(one.startswith(name) for one in checked.findings), checked.findings


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_taken_away_is_a_fault(begun: tuple[InMemory, Kept]) -> None:
    """What cannot be read because it is gone is no database out of reach."""
    house, kept = begun
    house.warn("one")
    house.answerable.seal()
    if isinstance(kept, SqliteKept):
        with closing(sqlite3.connect(kept.where / RECORD)) as file:
            file.execute("DROP TABLE look_back")
    else:
        with psycopg.connect(kept.where) as admin:
            admin.execute("DROP TABLE answerable.look_back")
    assert kept.check().verdict == "FAILED"


@pytest.mark.parametrize("kind", ["postgres"])
def test_facts_not_yet_in_the_tree_are_no_fault(begun: tuple[InMemory, Kept], tmp_path: Path) -> None:
    """They are counted and said, what follows from them is held against them, and what waits for nothing is a fault."""
    house, kept = begun
    house.flag("one")
    house.answerable.seal()
    house.warn("two")
    house.clock.advance(timedelta(hours=30))
    house.flag("three")
    checked = kept.check()
    assert (checked.verdict, checked.findings) == ("VERIFIED", ())
    assert checked.waiting > 10
    assert isinstance(kept, PgKept)
    for name, statement in {
        "outgoing": "DELETE FROM outgoing WHERE not_before = (SELECT max(not_before) FROM outgoing)",
        "case_row": "DELETE FROM case_row",
        "fact": "DELETE FROM pending WHERE fact = (SELECT max(fact) FROM pending)",
        "fact waiting": "UPDATE fact SET at = at + 1 WHERE id = (SELECT max(fact) FROM pending)",
    }.items():
        with kept.edited(tmp_path, statement):
            found = kept.check()
        assert any(one.startswith(name) for one in found.findings), (name, found.findings)
    house.store.integrate()
    assert kept.check().waiting == 0


@pytest.mark.parametrize("kind", KINDS)
def test_another_signature_or_another_key_fails(original: Kept) -> None:
    """What the signer remembers and the key it signs with are held against the record."""
    other = Checkpoint(original.trusted.origin, original.trusted.signed.size, bytes(32))
    assert "the signer signed other entries" in str(original.check(signed=other).findings)
    assert original.check(origin="record/other").verdict == "FAILED"


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_checkpoint_it_is_not_verified(begun: tuple[InMemory, Kept]) -> None:
    """Entries that nobody signed are NOT CHECKED, and never VERIFIED."""
    house, kept = begun
    house.flag("one")
    house.store.integrate()
    checked = kept.check()
    assert (checked.verdict, checked.exit_code, checked.first) == ("NOT CHECKED", 3, None)


@pytest.mark.parametrize("kind", KINDS)
def test_it_runs_beside_a_writer(begun: tuple[InMemory, Kept]) -> None:
    """Between any two slices acts may come in, lift the record's end and its tables: that is no fault."""
    house, kept = begun
    for number in range(30):
        house.flag(f"before-{number}", f"user-{number}")
    house.answerable.seal()
    house.warn("waits", "user-1")
    inspection = kept.inspection()
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


@pytest.mark.parametrize("kind", KINDS)
def test_it_cannot_write(original: Kept) -> None:
    """The check has a connection that refuses every change."""
    inspection = original.inspection()
    with pytest.raises(StoreUnavailable, match=r"read-?only"):
        inspection.rows("DELETE FROM feed")
    inspection.close()
