"""A record in PostgreSQL for the programs of the simulated house, in a database of its own that ends with the run.

Law: at every statement of an act another program may commit; which one does, the seed alone decides (L16).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import psycopg
from psycopg import conninfo

from answerable.edge import Mint, RandomMint
from answerable.simulation.grounds import MARK, ORIGIN, Ground
from answerable.store import postgres
from answerable.store.postgres_opening import PgConnection, connect, known_faults
from answerable.store.protocol import Store
from answerable.store.sql_tx import Cursor

WAITING = "SELECT bytes FROM pending JOIN fact ON fact.id = pending.fact ORDER BY fact.id"
# Whoever waits here waits for somebody who goes on only once it has given up.
PATIENCE = "SET lock_timeout = '25ms'"


class InDatabase(Ground):
    """A record in a database that is made here and dropped at the end."""

    grows_later = True

    def __init__(self, dsn: str, mint: Mint | None = None) -> None:
        """Take the address of a server whose user may create databases, and begin an empty record there."""
        self._server = dsn
        self._name = (mint or RandomMint()).token("simulation")
        self._keys = tempfile.TemporaryDirectory()
        self._admin(f'CREATE DATABASE "{self._name}"')
        self.dsn = conninfo.make_conninfo(dsn, dbname=self._name)
        postgres.create_store(self.dsn, keys=Path(self._keys.name), origin=ORIGIN, mark=MARK).close()
        self._reader = connect(self.dsn)

    def open(self, between: Callable[[str], None] | None = None) -> Store:
        """Open the record once more."""
        return _Crossed(self.dsn, between)

    def waiting(self) -> list[bytes]:
        """Return the entries that are committed and not in the tree yet, in the order in which they will enter it."""
        with known_faults():
            return [data for (data,) in self._reader.execute(WAITING)]

    def close(self) -> None:
        """Drop the database."""
        self._reader.close()
        self._admin(f'DROP DATABASE "{self._name}" WITH (FORCE)')
        self._keys.cleanup()

    def _admin(self, statement: str) -> None:
        with known_faults(), closing(psycopg.connect(self._server, autocommit=True)) as admin:
            admin.execute(statement.encode())


class _Crossed(postgres.PostgresStore):
    """A store whose acts others may cross."""

    def __init__(self, dsn: str, between: Callable[[str], None] | None) -> None:
        super().__init__(dsn, origin=ORIGIN)
        self._between = between

    def _begin(self) -> None:
        if self._between is not None and (self._write is None or not self._write.is_open):
            self._write = _Crossable(connect(self._dsn), self._between)
        super()._begin()


class _Crossable(PgConnection):
    """A connection at each of whose statements something else may happen first."""

    def __init__(self, found: PgConnection, between: Callable[[str], None]) -> None:
        super().__init__(found.raw)
        found.execute(PATIENCE)
        self._between = between

    def execute(self, asked: str, values: object = (), /) -> Cursor:
        """Run one statement."""
        self._between(asked)
        return super().execute(asked, values)

    def executemany(self, asked: str, rows: Iterable[object], /) -> Cursor:
        """Run one statement for each row."""
        self._between(asked)
        return super().executemany(asked, rows)
