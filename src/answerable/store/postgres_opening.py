"""The database of a record in PostgreSQL: made once beside its keys, and opened only as what it was made as.

Law: a record is never begun twice, never on a server that may forget what it acknowledged, never by an older program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from importlib import resources
from pathlib import Path

import psycopg
from psycopg import conninfo, errors
from psycopg.pq import TransactionStatus

from answerable.errors import (
    AnswerableError,
    BadInput,
    Busy,
    ConfigError,
    Conflict,
    Corrupt,
    KeyFault,
    StoreUnavailable,
)
from answerable.store.opening import FIRST, INCEPTION, NEWEST, Identity, note_inception, refuse_other
from answerable.store.sql_tx import Cursor

OLDEST_SERVER = 140000
APPLICATION = "answerable"

# A server that cannot be reached is given up in seconds, not in the quarter of an hour that TCP would wait.
PATIENCE: Mapping[str, str | int] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": APPLICATION,
}
# No setting of the server may weaken a commit (L17), and no stopped process keeps others waiting for long.
# Every list is one walk along one index: a guess at its rows must not turn it into reading and sorting a table.
SESSION = """
SELECT set_config('search_path', 'answerable, answerable_bulk', false), set_config('synchronous_commit', 'on', false),
  set_config('lock_timeout', '5s', false), set_config('idle_in_transaction_session_timeout', '15s', false),
  set_config('enable_sort', 'off', false), set_config('enable_seqscan', 'off', false),
  set_config('enable_bitmapscan', 'off', false), set_config('jit', 'off', false)
"""
FACTS_OF_SERVER = """
SELECT current_setting('server_version_num')::int, current_setting('fsync'), current_setting('full_page_writes'),
  current_setting('server_encoding'), pg_is_in_recovery()
"""
_BUSY = (errors.DeadlockDetected, errors.LockNotAvailable, errors.SerializationFailure)


class PgConnection:
    """A connection that takes the house's SQL: question marks for values, and the house's errors."""

    def __init__(self, raw: psycopg.Connection) -> None:
        """Take an open connection."""
        self.raw = raw

    def execute(self, asked: str, values: object = (), /) -> Cursor:
        """Run one statement."""
        return self.raw.execute(_spelled(asked), values, binary=True)  # type: ignore[call-overload, no-any-return]

    def executemany(self, asked: str, rows: Iterable[object], /) -> Cursor:
        """Run one statement for each row, in one round trip."""
        cursor = self.raw.cursor()
        cursor.executemany(_spelled(asked), rows)  # type: ignore[arg-type]
        return cursor

    @property
    def is_open(self) -> bool:
        """Tell whether the connection can still be used."""
        return not self.raw.closed and not self.raw.broken

    @property
    def is_in_transaction(self) -> bool:
        """Tell whether a transaction is open and sound."""
        return self.raw.info.transaction_status == TransactionStatus.INTRANS

    def close(self) -> None:
        """Close it."""
        self.raw.close()


@cache
def _spelled(asked: str) -> str:
    return asked.replace("?", "%s")


@contextmanager
def known_faults() -> Iterator[None]:
    """Turn what PostgreSQL raises into the house's errors."""
    try:
        yield
    except _BUSY as error:
        raise Busy(f"somebody else is writing there: {error}") from error
    except psycopg.IntegrityError as error:
        raise Conflict(f"the record refuses this: {error}") from error
    except psycopg.DataError as error:
        raise BadInput(f"this cannot be stored: {error}") from error
    except psycopg.Error as error:
        raise _fault(error) from error
    except UnicodeEncodeError as error:
        raise BadInput("half a surrogate pair cannot be stored") from error


def _fault(error: psycopg.Error) -> AnswerableError:
    if isinstance(error, errors.DataCorrupted | errors.IndexCorrupted):
        return Corrupt(f"the database is damaged: {error}")
    hint = None
    if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn | errors.InvalidSchemaName):
        hint = "answerable migrate"
    if isinstance(error, errors.DiskFull):
        hint = "free space on its disk"
    if isinstance(error, errors.OutOfMemory):
        hint = "raise max_locks_per_transaction"
    return StoreUnavailable(f"the store failed, nothing was accepted: {error}", hint=hint)


def connect(dsn: str) -> PgConnection:
    """Connect to a record's database; statements run outside of transactions unless one was begun."""
    with known_faults():
        try:
            given = conninfo.conninfo_to_dict(dsn)
        except psycopg.ProgrammingError as error:
            raise ConfigError(f"this is no address of a PostgreSQL database: {error}") from error
        patient = {key: value for key, value in PATIENCE.items() if key not in given}
        raw = psycopg.connect(dsn, autocommit=True, **patient)  # type: ignore[arg-type]
        found = PgConnection(raw)
        try:
            found.execute(SESSION)
        except BaseException:
            raw.close()
            raise
        return found


def create(dsn: str, keys: Path, identity: Identity) -> None:
    """Begin a record in a database, for keys that have none yet.

    Raise Conflict where a record stands, KeyFault where these keys began one that is not here.
    """
    with closing(connect(dsn)) as made, known_faults():
        refuse_unsafe(made)
        if _is_begun(made):
            raise Conflict("a record stands in this database already")
        if (keys / INCEPTION).exists():
            hint = "restore the record; to begin another one, make other keys"
            raise KeyFault("a record was begun with these keys, and it is not in this database", hint=hint)
        made.execute("BEGIN")
        # The schema's own name is the lock: of two who begin at once the second fails here, and nothing is half made.
        made.raw.execute(script())
        rows = [("origin", identity.origin), ("mark", identity.mark)]
        made.executemany("INSERT INTO answerable.meta VALUES (?, ?)", rows)
        made.execute("INSERT INTO answerable.migration VALUES (?)", (NEWEST,))
        made.execute("COMMIT")
    note_inception(keys, identity)


def check(dsn: str, keys: Path, identity: Identity) -> None:
    """Raise unless the record is in this database, of this identity, and not of a newer program."""
    with closing(connect(dsn)) as found, known_faults():
        refuse_unsafe(found)
        if not _is_begun(found):
            begun = (keys / INCEPTION).exists()
            hint = "restore your backup: an empty one would forget every warning" if begun else "create it first"
            raise StoreUnavailable("there is no record in this database", hint=hint)
        meta = dict(found.execute("SELECT key, value FROM meta").fetchall())
        refuse_other("the database", identity, meta, revision_of(found))
    note_inception(keys, identity)


def is_begun(dsn: str) -> bool:
    """Tell whether a database holds a record."""
    with closing(connect(dsn)) as found, known_faults():
        return _is_begun(found)


def refuse_unsafe(found: PgConnection) -> None:
    """Raise ConfigError where the server may lose what it acknowledged, or cannot hold the record at all."""
    version, fsync, full_pages, encoding, is_standby = found.execute(FACTS_OF_SERVER).fetchone()
    if version < OLDEST_SERVER:
        raise ConfigError(f"PostgreSQL {version // 10000} is too old: 14 or later is needed")
    if "off" in (fsync, full_pages):
        raise ConfigError("this server may lose what it acknowledged", hint="set fsync and full_page_writes to on")
    if encoding != "UTF8":
        raise ConfigError(f"the database is encoded as {encoding}, and UTF8 is needed")
    if is_standby:
        hint = "name the primary, or several hosts and target_session_attrs=read-write"
        raise StoreUnavailable("this server is a standby and takes no writing", hint=hint)


def _is_begun(found: PgConnection) -> bool:
    return found.execute("SELECT to_regclass('answerable.meta') IS NOT NULL").fetchone()[0]  # type: ignore[no-any-return]


def revision_of(found: PgConnection) -> str:
    """Return the last migration of the database."""
    if not found.execute("SELECT to_regclass('answerable.migration') IS NOT NULL").fetchone()[0]:
        return FIRST
    return str((found.execute("SELECT version_num FROM migration").fetchone() or (FIRST,))[0])


def script() -> str:
    """Return the statements that make the newest schema."""
    return resources.files("answerable.store").joinpath("postgres.sql").read_text("utf-8")
