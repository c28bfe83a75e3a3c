"""A record that a check is held to, in each kind of database, and what somebody does to it who has the database.

Law: whoever edits has all the rights there are; nothing stops them but being found.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from psycopg import sql

from answerable.app.checking import Check, Checked, Trusted
from answerable.app.identifying import Index
from answerable.edge import SeededMint
from answerable.ports.signer import LocalSigner
from answerable.store.inspecting import Inspection, SqliteInspection
from answerable.store.opening import RECORD
from answerable.store.places import Place
from answerable.store.postgres_inspecting import PgInspection
from answerable.vault.keys import make_keyring
from tests.work.memory import InMemory, in_memory

ORIGIN = "record/test"


@dataclass(frozen=True)
class Kept(ABC):
    """A record, and what it is held against."""

    where: Any
    trusted: Trusted
    CHANGED: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def inspection(self) -> Inspection:
        """Return a reader."""

    @abstractmethod
    def columns(self) -> dict[str, dict[str, str]]:
        """Return the columns of every table of the record with their types."""

    @abstractmethod
    def edited(self, folder: Path, *statements: str) -> AbstractContextManager[Kept]:
        """Give a record in which somebody has run these statements."""

    @abstractmethod
    def which(self, table: str, order: str) -> str:
        """Return the condition that only the first or last row of a table meets."""

    def check(self, **otherwise: Any) -> Checked:
        """Check it."""
        inspection = self.inspection()
        try:
            return Check(inspection, replace(self.trusted, **otherwise)).run()
        finally:
            inspection.close()

    def change(self, table: str, column: str, order: str) -> str:
        """Return a statement that changes one column of the first or last row and keeps its type."""
        changed = self.CHANGED[self.columns()[table][column]].format(column)
        if (table, column) == ("outgoing", "done"):
            changed = "1, attempts = 0"
        return f"UPDATE {table} SET {column} = {changed} WHERE {self.which(table, order)}"


class SqliteKept(Kept):
    """A record in a folder."""

    where: Path
    CHANGED: ClassVar[dict[str, str]] = {
        "INTEGER": "CASE WHEN {0} = 9223372036854775807 THEN 0 ELSE ifnull({0}, 0) + 1000 END",
        "TEXT": "ifnull({0}, '') || 'x'",
        "BLOB": "CAST({0} || x'20' AS BLOB)",
    }

    def inspection(self) -> Inspection:
        """Return a reader."""
        return SqliteInspection(self.where)

    @contextmanager
    def edited(self, folder: Path, *statements: str) -> Iterator[Kept]:
        """Give a copy in which somebody has run these statements."""
        yield self.copied(folder).edit(*statements)

    def copied(self, to: Path) -> SqliteKept:
        """Return a copy to be changed."""
        shutil.copytree(self.where, to)
        return replace(self, where=to)

    def edit(self, *statements: str) -> SqliteKept:
        """Do what somebody does who has the file: the triggers go first and come back after."""
        with closing(sqlite3.connect(self.where / RECORD)) as file, file:
            triggers = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                file.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                assert file.execute(statement).rowcount, statement
            for _, sql in triggers:
                file.execute(sql)
        return self

    def columns(self) -> dict[str, dict[str, str]]:
        """Return the columns of every table of the record with their types."""
        with closing(sqlite3.connect(self.where / RECORD)) as file, file:
            names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: {row[1]: row[2] for row in file.execute(f"PRAGMA table_info({name})")} for name in names}

    def which(self, table: str, order: str) -> str:
        """Return the condition that only the first or last row of a table meets."""
        with closing(sqlite3.connect(self.where / RECORD)) as file, file:
            keys = [row[1] for row in file.execute(f"PRAGMA table_info({table})") if row[5]]
            by = ", ".join(f"{key} {order}" for key in keys)
            values = file.execute(f"SELECT {', '.join(keys)} FROM {table} ORDER BY {by} LIMIT 1").fetchone()
            assert values is not None, f"the record has no row in {table}"
            given = file.execute(f"SELECT {', '.join('quote(?)' for _ in values)}", values).fetchone()
        return " AND ".join(f"{key} = {value}" for key, value in zip(keys, given, strict=True))


class PgKept(Kept):
    """A record in a database."""

    where: str
    CHANGED: ClassVar[dict[str, str]] = {
        "bigint": "CASE WHEN {0} = 9223372036854775807 THEN 0 ELSE coalesce({0}, 0) + 1000 END",
        "integer": "coalesce({0}, 0) + 1000",
        "text": "coalesce({0}, '') || 'x'",
        "bytea": r"{0} || '\x20'::bytea",
    }

    def inspection(self) -> Inspection:
        """Return a reader."""
        return PgInspection(self.where)

    @contextmanager
    def _superuser(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.where, options="-c search_path=answerable") as admin:
            admin.execute("SET session_replication_role = replica")
            yield admin

    @contextmanager
    def edited(self, folder: Path, *statements: str) -> Iterator[Kept]:
        """Let a superuser run these statements, and put every row back afterwards."""
        tables = [one for one in self.columns() if re.search(rf"\b{one}\b", " ".join(statements))]
        with self._superuser() as admin:
            for table in tables:
                admin.execute(f"CREATE TABLE public.saved_{table} AS TABLE {table}")
            for statement in statements:
                assert admin.execute(statement).rowcount, statement
        try:
            yield self
        finally:
            with self._superuser() as admin:
                for table in tables:
                    admin.execute(f"DELETE FROM {table}")
                    admin.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE public.saved_{table}")
                    admin.execute(f"DROP TABLE public.saved_{table}")

    def columns(self) -> dict[str, dict[str, str]]:
        """Return the columns of every table of the record with their types."""
        asked = """
SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'answerable'
ORDER BY table_name, ordinal_position
"""
        found: dict[str, dict[str, str]] = {}
        with psycopg.connect(self.where) as admin:
            for table, column, kind in admin.execute(asked):
                found.setdefault(table, {})[column] = kind
        return found

    def which(self, table: str, order: str) -> str:
        """Return the condition that only the first or last row of a table meets."""
        asked = """
SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
WHERE indrelid = %s::regclass AND indisprimary ORDER BY attnum
"""
        with self._superuser() as admin:
            keys = [key for (key,) in admin.execute(asked, (table,))]
            by = ", ".join(f"{key} {order}" for key in keys)
            values = admin.execute(f"SELECT {', '.join(keys)} FROM {table} ORDER BY {by} LIMIT 1").fetchone()
            assert values is not None, f"the record has no row in {table}"
            given = [sql.Literal(value).as_string(admin) for value in values]
        return " AND ".join(f"{key} = {value}" for key, value in zip(keys, given, strict=True))


def begin(folder: Path, dsn: str | None = None) -> tuple[InMemory, Kept]:
    """Begin a record with two people and a policy, in a folder or in the database of an address."""
    for name in ("keys", "signer"):
        (folder / name).mkdir()
    keyring = make_keyring(SeededMint(7))
    place = Place.of_folder(folder / "record") if dsn is None else Place.of_database(dsn)
    store = place.create(keys=folder / "keys", origin=ORIGIN, mark=keyring.mark)
    house = in_memory(folder / "signer", store)
    signer = house.answerable.signer
    assert isinstance(signer, LocalSigner)
    trusted = Trusted(
        origin=ORIGIN, vkey=signer.vkey, index=Index(keyring=house.answerable.acts.keyring),
        signed=signer.signed_last(), now=house.clock.now,
    )  # fmt: skip
    if dsn is None:
        return house, SqliteKept(folder / "record", trusted)
    return house, PgKept(dsn, trusted)
