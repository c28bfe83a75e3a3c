"""A record in PostgreSQL for the programs of the simulated house, in a database of its own that ends with the run.

Law: at every statement of an act another program may commit; which one does, the seed alone decides (L16).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from answerable.edge import Mint, RandomMint
from answerable.errors import ConfigError
from answerable.simulation.grounds import MARK, ORIGIN, Ground
from answerable.store import postgres
from answerable.store.postgres_opening import PgConnection, connect, known_faults
from answerable.store.protocol import Store
from answerable.store.sql_tx import Cursor

try:
    import psycopg
    from psycopg import conninfo
except ImportError as error:  # pragma: no cover - the tests have it
    raise ConfigError("a record in PostgreSQL needs: pip install answerable[postgres]") from error

WAITING = "SELECT bytes FROM pending JOIN fact ON fact.id = pending.fact ORDER BY fact.id"
# Whoever waits here waits for somebody who goes on only once it has given up.
PATIENCE = "SET lock_timeout = '25ms'"


@contextmanager
def own_database(server: str, mint: Mint | None = None) -> Iterator[str]:
    """Give the address of an empty database on a server whose user may create one; it is dropped at the end."""
    name = (mint or RandomMint()).token("rehearsal")
    _admin(server, f'CREATE DATABASE "{name}"')
    try:
        yield conninfo.make_conninfo(server, dbname=name)
    finally:
        _admin(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _admin(server: str, statement: str) -> None:
    with known_faults(), closing(psycopg.connect(server, autocommit=True)) as admin:
        admin.execute(statement.encode())


class InDatabase(Ground):
    """A record in a database that is made here and dropped at the end."""

    grows_later = True

    def __init__(self, server: str) -> None:
        """Take the address of a server whose user may create databases, and begin an empty record there."""
        with ExitStack() as begun:
            self.dsn = begun.enter_context(own_database(server))
            keys = Path(begun.enter_context(tempfile.TemporaryDirectory()))
            postgres.create_store(self.dsn, keys=keys, origin=ORIGIN, mark=MARK).close()
            self._reader = begun.enter_context(closing(connect(self.dsn)))
            self._ends = begun.pop_all()

    def open(self, between: Callable[[str], None] | None = None) -> Store:
        """Open the record once more."""
        return _Crossed(self.dsn, between)

    def waiting(self) -> list[bytes]:
        """Return the entries that are committed and not in the tree yet, in the order in which they will enter it."""
        with known_faults():
            return [data for (data,) in self._reader.execute(WAITING)]

    def close(self) -> None:
        """Drop the database."""
        self._ends.close()


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
