"""The two SQLite files: made once beside their keys, and opened only as what they were made as.

Law: a record is never begun twice, never on a disk that others write to unseen, never by an older program.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from answerable.errors import (
    AnswerableError,
    BadInput,
    ConfigError,
    Conflict,
    Corrupt,
    KeyFault,
    NewerVersion,
    StoreUnavailable,
)

RECORD, BULK, INCEPTION = "record.db", "bulk.db", "record.json"
SCHEMA = 2
FIRST, NEWEST = "0001_post", f"{SCHEMA:04}_post"
STATE = "state"
BUSY_MS = 10_000
MOUNTS = Path("/proc/self/mountinfo")

# WAL keeps its index in shared memory, which only processes of one machine share: on these a record tears apart.
NETWORK_FILE_SYSTEMS = {
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs",
    "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs",
}  # fmt: skip
_REVISION = re.compile(r"([0-9]{4})_(pre|post)")
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which record this is: its log's origin, and the mark of the keyring that its texts are sealed under."""

    origin: str
    mark: str


@contextmanager
def known_faults() -> Iterator[None]:
    """Turn what SQLite raises into the house's errors."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Conflict(f"the record refuses this: {error}") from error
    except sqlite3.Error as error:
        raise _fault(error) from error
    except UnicodeEncodeError as error:
        raise BadInput("half a surrogate pair cannot be stored") from error


def _fault(error: sqlite3.Error) -> AnswerableError:
    # The lower byte is the plain code; the rest tells which kind of it.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _CORRUPT:
        return Corrupt(f"the database is damaged: {error}")
    hint = "free space on its disk" if code == sqlite3.SQLITE_FULL else None
    return StoreUnavailable(f"the store failed, nothing was accepted: {error}", hint=hint)


def create(folder: Path, keys: Path, identity: Identity) -> None:
    """Begin a record in a folder, for keys that have none yet.

    Raise Conflict where a record stands, KeyFault where these keys began one that is not here.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_network(folder)
    if _is_begun(folder / RECORD):
        raise Conflict(f"a record stands in {folder} already")
    if (keys / INCEPTION).exists():
        hint = "restore the record; to begin another one, make other keys"
        raise KeyFault(f"a record was begun with these keys, and it is not in {folder}", hint=hint)
    # The record comes last: a folder without it has not begun, whatever else a crash left there.
    for name, schema in ((BULK, "bulk.sql"), (RECORD, "record.sql")):
        make(folder / name, schema, identity)
        _compare(folder / name, identity)
    _sync(folder)
    note_inception(keys, identity)


def check(folder: Path, keys: Path, identity: Identity) -> None:
    """Raise unless both files of the record are here, of this identity, and not of a newer program."""
    refuse_network(folder)
    if not _is_begun(folder / RECORD):
        begun = (keys / INCEPTION).exists()
        hint = "restore it from your backup: an empty one would forget every warning" if begun else "create it first"
        raise StoreUnavailable(f"there is no record in {folder}", hint=hint)
    if not _is_begun(folder / BULK):
        raise StoreUnavailable(f"{BULK} is missing beside {RECORD}", hint="restore it from your backup")
    for name in (RECORD, BULK):
        _compare(folder / name, identity)
    note_inception(keys, identity)


def connect(path: Path) -> sqlite3.Connection:
    """Open a file that exists; statements run outside of transactions unless one was begun."""
    with known_faults():
        found = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            timeout=BUSY_MS / 1000,
        )
        found.execute("PRAGMA journal_mode=WAL")
        found.execute("PRAGMA synchronous=FULL")
        found.execute("PRAGMA foreign_keys=ON")
        found.execute("PRAGMA trusted_schema=OFF")
        found.execute("PRAGMA cache_size=-16000")
    return found


def refuse_network(folder: Path) -> None:
    """Raise ConfigError where a folder lies on a file system that other machines write to."""
    try:
        mounts = MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:  # no Linux: nothing to read it from
        return
    kind = file_system(folder.resolve(), mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        hint = "keep it on a local disk; for several machines use PostgreSQL"
        raise ConfigError(f"{folder} is on a network file system ({kind})", hint=hint)


def file_system(path: Path, mounts: str) -> str | None:
    """Return the type of the file system that holds a path, from the text of /proc/self/mountinfo."""
    best, kind = -1, None
    for line in mounts.splitlines():
        mount, _, source = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) < 5 or not source:
            continue
        # The kernel writes a blank as \040. Of two mounts on one place the later one is on top.
        at = fields[4].replace("\\040", " ")
        if path.is_relative_to(at) and len(at) >= best:
            best, kind = len(at), source.split(" ")[0]
    return kind


def _is_begun(path: Path) -> bool:
    """Tell whether a file holds a schema; an empty one is what a crash in `create` leaves."""
    if not path.exists() or not path.stat().st_size:
        return False
    with closing(connect(path)) as found, known_faults():
        return _schema_of(found) > 0


def _schema_of(found: sqlite3.Connection) -> int:
    return int(found.execute("PRAGMA user_version").fetchone()[0])


def revision_of(found: sqlite3.Connection) -> str:
    """Return the last migration of a file; version 1 kept no list of them."""
    if not found.execute("SELECT 1 FROM sqlite_master WHERE name = 'migration'").fetchone():
        return FIRST
    return str((found.execute("SELECT version_num FROM migration").fetchone() or (FIRST,))[0])


def programs(revision: str) -> tuple[int, int]:
    """Return the oldest and the newest version of the program that may run on a record after a migration.

    `0003_pre` has added what version 3 needs and taken nothing from version 2; `0003_post` ends version 2.
    """
    found = _REVISION.fullmatch(revision)
    if found is None:
        raise Corrupt(f"{revision!r} is no name of a migration")
    newest = int(found[1])
    return newest - (found[2] == "pre"), newest


def make(path: Path, schema: str, identity: Identity, *, state: str | None = None) -> None:
    """Make one file of a record in one transaction; where a state is given nobody opens it until that is gone."""
    path.touch(mode=0o600)
    rows = [("origin", identity.origin), ("mark", identity.mark), *([(STATE, state)] if state else [])]
    with closing(connect(path)) as made, known_faults():
        made.execute("BEGIN IMMEDIATE")
        if _schema_of(made):
            made.execute("ROLLBACK")  # what an earlier, broken-off `create` made; `_compare` will judge it
        else:
            for statement in statements(resources.files("answerable.store").joinpath(schema).read_text("utf-8")):
                made.execute(statement)
            made.executemany("INSERT INTO meta VALUES (?, ?)", rows)
            made.execute("INSERT INTO migration VALUES (?)", (NEWEST,))
            made.execute(f"PRAGMA user_version={SCHEMA}")
            made.execute("COMMIT")


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script, those with statements inside in one piece."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    assert not statement.strip(), "a script ends with a whole statement"


def _compare(path: Path, identity: Identity) -> None:
    with closing(connect(path)) as found, known_faults():
        schema = _schema_of(found)
        if schema > SCHEMA:
            raise NewerVersion(f"{path} was written by a newer program (schema {schema}, {SCHEMA} is known here)")
        meta = dict(found.execute("SELECT key, value FROM meta").fetchall())
        refuse_other(str(path), identity, meta, revision_of(found))


def refuse_other(where: str, identity: Identity, meta: Mapping[str, str], revision: str) -> None:
    """Raise unless a database is this record's, at a version that this program may run on, and not closed by a copy."""
    oldest, newest = programs(revision)
    if oldest > SCHEMA:
        raise NewerVersion(f"{where} is for newer programs (schema {oldest}, {SCHEMA} is known here)")
    if meta.get("origin") != identity.origin:
        raise ConfigError(f"{where} belongs to the log {meta.get('origin')}, and the configuration names another")
    if meta.get("mark") != identity.mark:
        raise KeyFault(f"{where} was begun with other keys", hint="restore the keys that belong to it")
    if newest < SCHEMA:
        raise StoreUnavailable(f"{where} has schema {newest}, and {SCHEMA} is needed", hint="answerable migrate")
    refuse_closed(where, meta)


def refuse_closed(where: str, meta: Mapping[str, str]) -> None:
    """Raise where a record was moved, or is a copy beside the record: two that go on would fork the log."""
    kind, _, _ = meta.get(STATE, "").partition(" ")
    if kind == "moved":
        raise StoreUnavailable(f"{where} was moved to another place", hint="name that place in the configuration")
    if kind == "copying":
        hint = "run `answerable copy` again: it begins anew"
        raise StoreUnavailable(f"{where} is a copy that was broken off", hint=hint)
    if kind:
        hint = "answerable copy --move: then this one opens, and that one no more"
        raise StoreUnavailable(f"{where} is a copy, and the record is where it was copied from", hint=hint)


def note_inception(keys: Path, identity: Identity) -> None:
    """Note beside the keys that they have a record, so that none is silently begun in place of a lost one."""
    path = keys / INCEPTION
    if path.exists():
        return
    descriptor, fresh = tempfile.mkstemp(dir=keys, prefix=".record-")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump({"v": 1, "origin": identity.origin, "mark": identity.mark}, file)
        file.flush()
        os.fsync(file.fileno())
    Path(fresh).replace(path)
    _sync(keys)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
