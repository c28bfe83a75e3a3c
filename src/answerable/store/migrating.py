"""Migrations: the steps from an older schema to this program's, in two phases, each as a whole or not at all.

Law: `pre` takes nothing from programs of the version before; `post` comes only once none of them runs.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module, resources
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from answerable.edge import parse_time
from answerable.errors import AnswerableError, Conflict, StoreUnavailable
from answerable.store.opening import BULK, FIRST, RECORD, connect, known_faults, programs
from answerable.store.rows import moment

HERE = "answerable.store:migrations"
ALIVE = timedelta(minutes=2)
LOCK = 0x616E7377_0002
STEPS_KEPT = "CREATE TABLE IF NOT EXISTS migration (version_num {text} PRIMARY KEY){strict}"
BEATS = "SELECT name, at, note FROM beat WHERE kind = 'process' ORDER BY name"


@dataclass(frozen=True, slots=True)
class Step:
    """One migration: its name as `0002_pre`, and what it does in one sentence."""

    name: str
    says: str


class Base(ABC):
    """One database that has a schema; `part` tells the steps which one it is."""

    part: str

    @abstractmethod
    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction in which no other migration runs."""

    @abstractmethod
    def keep_steps(self, connection: Connection) -> None:
        """Make the table in which the last step is noted, where there is none."""

    @abstractmethod
    def has(self, connection: Connection, table: str) -> bool:
        """Tell whether there is a table."""

    @abstractmethod
    def finish(self, connection: Connection, revision: str) -> None:
        """Note what else tells the version."""


class SqliteBase(Base):
    """One of the two files."""

    def __init__(self, path: Path, part: str) -> None:
        """Take a file that exists."""
        self.part = part
        # The driver begins no transaction before a change of the schema by itself, so it is told to at every begin.
        self._engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=NullPool)
        event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction that holds the whole file."""
        with known_faults(), _plain_faults(), self._engine.begin() as connection:
            yield connection

    def keep_steps(self, connection: Connection) -> None:
        """Make the table in which the last step is noted, where there is none."""
        connection.exec_driver_sql(STEPS_KEPT.format(text="TEXT", strict=" STRICT, WITHOUT ROWID"))

    def has(self, connection: Connection, table: str) -> bool:
        """Tell whether there is a table."""
        asked = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return connection.exec_driver_sql(asked, (table,)).first() is not None

    def finish(self, connection: Connection, revision: str) -> None:
        """Note the oldest program that may open the file where version 1 looks for it."""
        connection.exec_driver_sql(f"PRAGMA user_version={programs(revision)[0]}")


class PgBase(Base):
    """A database of PostgreSQL."""

    part = "postgres"

    def __init__(self, dsn: str) -> None:
        """Take the address of a database that holds a record."""
        self._opening = import_module("answerable.store.postgres_opening")
        self._dsn = dsn
        self._engine: Engine = create_engine("postgresql+psycopg://", creator=self._connect, poolclass=NullPool)

    def _connect(self) -> Any:  # noqa: ANN401 - a connection of a driver that need not be installed
        raw = self._opening.connect(self._dsn).raw
        raw.autocommit = False
        return raw

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction that one process has at a time; a step that others keep waiting for 5 s is given up."""
        with self._opening.known_faults(), _plain_faults(), self._engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
            yield connection

    def keep_steps(self, connection: Connection) -> None:
        """Make the table in which the last step is noted, where there is none."""
        connection.exec_driver_sql(STEPS_KEPT.format(text='text COLLATE "C"', strict=""))

    def has(self, connection: Connection, table: str) -> bool:
        """Tell whether there is a table."""
        return bool(connection.exec_driver_sql("SELECT to_regclass(%s) IS NOT NULL", (table,)).scalar())

    def finish(self, connection: Connection, revision: str) -> None:
        """Leave it at that."""


@contextmanager
def _plain_faults() -> Iterator[None]:
    """Raise what the driver raised, for the house's errors are made from that."""
    try:
        yield
    except DBAPIError as error:
        if error.orig is None:
            raise
        raise error.orig from error


def bases(place: Path | str) -> list[Base]:
    """Return the databases of a record: a folder's two files, the record last, or the one of an address.

    Raise StoreUnavailable where there is no record.
    """
    if isinstance(place, str):
        if not import_module("answerable.store.postgres_opening").is_begun(place):
            raise StoreUnavailable("there is no record in this database", hint="restore your backup")
        return [PgBase(place)]
    missing = next((name for name in (RECORD, BULK) if not (place / name).exists()), None)
    if missing is not None:
        raise StoreUnavailable(f"{missing} is missing in {place}", hint="restore it from your backup")
    return [SqliteBase(place / BULK, "bulk"), SqliteBase(place / RECORD, "record")]


@dataclass(slots=True)
class Migration:
    """The steps that a record has yet to take; `more` are folders of steps beyond the program's own."""

    place: Path | str
    more: Sequence[Path] = ()

    def pending(self, *, post: bool) -> list[Step]:
        """Return what `run` would do, and change nothing."""
        found: dict[str, Step] = {}
        for base in bases(self.place):
            with base.transaction() as connection:
                found |= {one.name: one for one in self._pending(base, connection, post=post)}
        return list(found.values())

    def run(self, *, post: bool, now: datetime) -> list[Step]:
        """Take the steps of a phase and return them: those of `pre` up to the first `post`, or with `post` all.

        Raise `Conflict` where a `post` would end programs that still run.
        """
        found: dict[str, Step] = {}
        if post:
            self._refuse_older(now)
        for base in bases(self.place):
            with base.transaction() as connection:
                steps = self._pending(base, connection, post=post)
                if steps:
                    self._upgrade(base, connection, steps[-1].name)
                found |= {one.name: one for one in steps}
        return list(found.values())

    def _upgrade(self, base: Base, connection: Connection, revision: str) -> None:
        base.keep_steps(connection)
        config = self._config()
        config.attributes.update(connection=connection, part=base.part)
        command.upgrade(config, revision)
        base.finish(connection, revision)

    def _pending(self, base: Base, connection: Connection, *, post: bool) -> list[Step]:
        walked = ScriptDirectory.from_config(self._config()).walk_revisions()
        line = [Step(one.revision, one.doc) for one in walked][::-1]
        at = _revision(base, connection)
        names = [one.name for one in line]
        if at not in names:
            raise StoreUnavailable(f"a newer program migrated the record to {at}")
        ahead = line[names.index(at) + 1 :]
        if post:
            return ahead
        until = next((place for place, one in enumerate(ahead) if one.name.endswith("_post")), len(ahead))
        if any(one.name.endswith("_pre") for one in ahead[until:]):
            hint = "end every process of the record, then: answerable migrate --post"
            raise Conflict("the record is more than one version behind: it cannot be done beside them", hint=hint)
        return ahead[:until]

    def _config(self) -> Config:
        config = Config()
        config.set_main_option("script_location", HERE)
        config.set_main_option("path_separator", "newline")
        own = resources.files("answerable.store") / "migrations" / "versions"
        config.set_main_option("version_locations", "\n".join(str(one) for one in (own, *self.more)))
        return config

    def _refuse_older(self, now: datetime) -> None:
        steps = self.pending(post=True)
        if steps and (found := older(self.place, programs(steps[-1].name)[0], now=now)):
            hint = "end them first; one that was killed is forgotten after two minutes"
            raise Conflict(f"programs of an older version run on this record: {', '.join(found)}", hint=hint)


def _revision(base: Base, connection: Connection) -> str:
    if not base.has(connection, "migration"):
        return FIRST
    return connection.exec_driver_sql("SELECT version_num FROM migration").scalar() or FIRST


def older(place: Path | str, version: int, *, now: datetime) -> list[str]:
    """Return the processes of older programs that have given a sign of life on a record within two minutes."""
    found = []
    for base in bases(place):
        with base.transaction() as connection:
            if base.part != "record" and base.has(connection, "beat"):
                rows = connection.exec_driver_sql(BEATS).all()
                found += [name for name, at, note in rows if now - moment(at) < ALIVE and _schema(note) < version]
    if isinstance(place, Path) and _has_worker_of_version_1(place, now=now):
        found.append("answerable work of version 1")
    return found


def _schema(note: str) -> int:
    """Return the schema that a process was made for, or a very large one where it has said that it ended."""
    try:
        read = json.loads(note)
    except ValueError:
        return 2**31
    return int(read.get("schema", 1))


def _has_worker_of_version_1(folder: Path, *, now: datetime) -> bool:
    try:
        return now - parse_time((folder / "work.beat").read_text("ascii").strip()) < ALIVE
    except (OSError, ValueError, AnswerableError):
        return False
