"""The opening of a record: begun once, beside its keys, on a local disk, by no older program."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from answerable.errors import AnswerableError, ConfigError, Conflict, Corrupt, KeyFault, NewerVersion, StoreUnavailable
from answerable.store import opening
from answerable.store.opening import BULK, INCEPTION, RECORD, file_system, statements
from answerable.store.sqlite import LOOK_MS, SqliteStore, create_store, open_store
from tests.storage.worlds import MARK, ORIGIN, a_stored_world

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 22 0:44 / /mnt/case\\040files rw - nfs4 server:/files rw
32 22 0:45 / /mnt rw - tmpfs tmpfs rw
33 32 0:46 / /mnt/local rw - nfs server:/x rw
34 32 0:47 / /mnt/local rw master:3 - xfs /dev/vdb rw
a line that is none
"""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Give a folder of keys."""
    (tmp_path / "keys").mkdir()
    return tmp_path / "keys"


def _create(folder: Path, keys: Path, *, origin: str = ORIGIN, mark: str = MARK) -> SqliteStore:
    return create_store(folder, keys=keys, origin=origin, mark=mark)


def _open(folder: Path, keys: Path, *, origin: str = ORIGIN, mark: str = MARK) -> SqliteStore:
    return open_store(folder, keys=keys, origin=origin, mark=mark)


def test_a_record_is_readable_by_its_owner_alone(tmp_path: Path, keys: Path) -> None:
    """Nobody else on the machine reads the files of a record."""
    _create(tmp_path / "record", keys).close()
    assert stat.S_IMODE((tmp_path / "record").stat().st_mode) == 0o700
    assert [stat.S_IMODE((tmp_path / "record" / name).stat().st_mode) for name in (RECORD, BULK)] == [0o600, 0o600]


def test_a_record_is_durable_by_its_settings(tmp_path: Path, keys: Path) -> None:
    """Both files run in WAL with synchronous=FULL, foreign keys on, and wait for each other."""
    store = _create(tmp_path / "record", keys)
    waits = {store._write: LOOK_MS}
    for connection in (store._write, store._bulk._link._connection, store._reader()):  # type: ignore[attr-defined]
        found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
        assert found == ["wal", 2]
        assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == waits.get(connection, opening.BUSY_MS)
    store.close()


def test_a_record_is_never_begun_twice(tmp_path: Path, keys: Path) -> None:
    """Where one stands, or where these keys began one that is lost, no second log is begun in its place."""
    _create(tmp_path / "record", keys).close()
    with pytest.raises(Conflict):
        _create(tmp_path / "record", keys)
    with pytest.raises(KeyFault):
        _create(tmp_path / "other", keys)
    assert not (tmp_path / "other" / RECORD).exists()


def test_a_lost_record_is_not_replaced_by_an_empty_one(tmp_path: Path, keys: Path) -> None:
    """Opening says what is missing, and what to do about it."""
    with pytest.raises(StoreUnavailable) as never:
        _open(tmp_path / "record", keys)
    _create(tmp_path / "record", keys).close()
    (tmp_path / "record" / BULK).rename(tmp_path / BULK)
    with pytest.raises(StoreUnavailable, match=BULK):
        _open(tmp_path / "record", keys)
    (tmp_path / "record" / RECORD).unlink()
    with pytest.raises(StoreUnavailable) as lost:
        _open(tmp_path / "record", keys)
    assert (never.value.hint, lost.value.hint) == (
        "create it first",
        "restore it from your backup: an empty one would forget every warning",
    )


@pytest.mark.parametrize(
    ("name", "value", "error"), [("origin", "other.example/log", ConfigError), ("mark", "f", KeyFault)]
)
def test_another_log_or_other_keys_are_refused(
    tmp_path: Path, keys: Path, name: str, value: str, error: type[AnswerableError]
) -> None:
    """A record opens only under its own origin and the keyring that it was begun with."""
    _create(tmp_path / "record", keys).close()
    identity = {"origin": ORIGIN, "mark": MARK, name: value}
    with pytest.raises(error):
        _open(tmp_path / "record", keys, **identity)


def test_a_creation_broken_off_is_taken_up(tmp_path: Path, keys: Path) -> None:
    """Whatever a crash in `create` leaves behind: an empty file, one file of two, no note beside the keys."""
    folder = tmp_path / "record"
    folder.mkdir()
    (folder / RECORD).touch()
    _create(folder, keys).close()
    (folder / RECORD).unlink()
    (keys / INCEPTION).unlink()
    _create(folder, keys).close()
    (keys / INCEPTION).unlink()
    store = _open(folder, keys)
    a_stored_world(store)
    assert (keys / INCEPTION).exists()
    store.close()


@pytest.mark.parametrize("name", [RECORD, BULK])
def test_a_newer_schema_is_refused(tmp_path: Path, keys: Path, name: str) -> None:
    """A program never writes into tables that a newer one made."""
    _create(tmp_path / "record", keys).close()
    raw = sqlite3.connect(tmp_path / "record" / name)
    raw.execute(f"PRAGMA user_version={opening.SCHEMA + 1}")
    raw.close()
    with pytest.raises(NewerVersion):
        _open(tmp_path / "record", keys)


def test_a_file_that_is_no_database_is_damage(tmp_path: Path, keys: Path) -> None:
    """Other bytes under the record's name are named as what they are."""
    _create(tmp_path / "record", keys).close()
    (tmp_path / "record" / RECORD).write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(Corrupt):
        _open(tmp_path / "record", keys)


def test_the_file_system_of_a_folder_is_found() -> None:
    """The nearest mount counts, the later of two on one place, and a blank in a name is read as one."""
    assert file_system(Path("/var/record"), MOUNTS) == "ext4"
    assert file_system(Path("/mnt/case files/record"), MOUNTS) == "nfs4"
    assert file_system(Path("/mnt/casework"), MOUNTS) == "tmpfs"
    assert file_system(Path("/mnt/local"), MOUNTS) == "xfs"
    assert file_system(Path("/var"), "") is None


def test_a_network_file_system_is_refused(tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record is neither begun nor opened where other machines could write to it unseen."""
    _create(tmp_path / "record", keys).close()
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 0:1 / {tmp_path.resolve()} rw - nfs4 server:/x rw\n")
    monkeypatch.setattr(opening, "MOUNTS", mounts)
    for verb in (_open, _create):
        with pytest.raises(ConfigError, match="nfs4"):
            verb(tmp_path / "record", keys)
    monkeypatch.setattr(opening, "MOUNTS", tmp_path / "none")
    _open(tmp_path / "record", keys).close()


def test_a_script_is_cut_into_whole_statements() -> None:
    """A trigger keeps the statements inside it."""
    script = "CREATE TABLE a (b);\n-- a remark;\nCREATE TRIGGER c DELETE ON a BEGIN\nSELECT 1;\nEND;\n"
    assert len(list(statements(script))) == 2
