"""Where a record may lie, each place with what begins and opens it; the parts for a database are loaded when asked for.

Law: a program that keeps its record in a file needs no part of any database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from answerable.errors import ConfigError
from answerable.store import sqlite
from answerable.store.copying import Side
from answerable.store.inspecting import Inspection, SqliteInspection
from answerable.store.opening import RECORD
from answerable.store.protocol import Store
from answerable.store.rebuilding import SqliteTables, Tables
from answerable.store.sqlite_copying import SqliteSide


class Make(Protocol):
    """Begins or opens a record, for a keyring (its folder and its mark)."""

    def __call__(self, *, keys: Path, origin: str, mark: str) -> Store:
        """Return the store; raise where the record is missing, another's, or a newer program's."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place for one record: a folder, or the address of a database."""

    where: Path | str
    is_begun: Callable[[], bool]
    create: Make
    open: Make
    inspect: Callable[[], Inspection]
    tables: Callable[[], Tables]
    side: Callable[[], Side]

    @classmethod
    def of_folder(cls, folder: Path) -> Place:
        """Return the place of a record in SQLite's files."""
        return cls(
            where=folder,
            is_begun=(folder / RECORD).exists,
            create=partial(sqlite.create_store, folder),
            open=partial(sqlite.open_store, folder),
            inspect=partial(SqliteInspection, folder),
            tables=partial(SqliteTables, folder),
            side=partial(SqliteSide, folder),
        )

    @classmethod
    def of_database(cls, dsn: str) -> Place:
        """Return the place of a record in PostgreSQL. Raise `ConfigError` where its parts are not installed."""
        try:
            from answerable.store import (  # noqa: PLC0415 - whoever has no database has not its parts either
                postgres,
                postgres_copying,
                postgres_inspecting,
                postgres_opening,
                postgres_rebuilding,
            )
        except ImportError as error:
            raise ConfigError("a record in PostgreSQL needs: pip install answerable[postgres]") from error
        return cls(
            where=dsn,
            is_begun=partial(postgres_opening.is_begun, dsn),
            create=partial(postgres.create_store, dsn),
            open=partial(postgres.open_store, dsn),
            inspect=partial(postgres_inspecting.PgInspection, dsn),
            tables=partial(postgres_rebuilding.PgTables, dsn),
            side=partial(postgres_copying.PgSide, dsn),
        )
