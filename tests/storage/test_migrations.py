"""Migrations: from version 1 to now, beside programs of the version before, as a whole or not at all.

Law: what was migrated has exactly the schema of what is begun now, and nothing that was written is lost.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from answerable.app.receipts import receipt
from answerable.core.facts import NoticeReceived
from answerable.edge import rfc3339
from answerable.errors import Conflict, Corrupt, NewerVersion, StoreUnavailable
from answerable.store import opening
from answerable.store.migrating import Migration, Step
from answerable.store.opening import FIRST, NEWEST, SCHEMA, programs
from answerable.store.postgres import PostgresStore
from answerable.store.postgres import create_store as create_postgres
from answerable.store.postgres import open_store as open_postgres
from answerable.store.protocol import Beat
from answerable.store.sqlite import SqliteStore, create_store, open_store
from tests.core.builders import ALMA, SECOND, START
from tests.postgres import database
from tests.storage.schemas import of_postgres, of_sqlite
from tests.storage.version1 import WRITES, Client, begin
from tests.storage.worlds import MARK, ORIGIN, a_stored_world, assert_sound, seal
from tests.work.memory import in_memory

ROOT = Path(__file__).parents[2]
PRE3 = """\"\"\"A table that version 3 needs.\"\"\"
import time
from alembic import op

revision, down_revision = "0003_pre", "0002_post"


def upgrade():
    op.execute("CREATE TABLE marginal (note text PRIMARY KEY)")
    {then}
"""
POST3 = """\"\"\"A table that only version 2 needed.\"\"\"
from alembic import op

revision, down_revision = "0003_post", "0003_pre"


def upgrade():
    if op.get_context().opts["part"] != "record":
        op.execute("DROP TABLE beat")
"""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Give a folder of keys."""
    (tmp_path / "keys").mkdir()
    return tmp_path / "keys"


def _old(tmp_path: Path) -> Path:
    begin(tmp_path / "old", origin=ORIGIN, mark=MARK)
    return tmp_path / "old"


def _open(folder: Path, keys: Path) -> SqliteStore:
    return open_store(folder, keys=keys, origin=ORIGIN, mark=MARK)


def _client(folder: Path) -> Client:
    return Client(folder, origin=ORIGIN, mark=MARK)


def _names(steps: list[Step]) -> list[str]:
    return [one.name for one in steps]


def _step_3(folder: Path, then: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "v3_pre.py").write_text(PRE3.format(then=then or "pass"))
    (folder / "v3_post.py").write_text(POST3)
    return folder


# --- from version 1 to 2


def test_the_line_ends_with_what_is_begun_now() -> None:
    """The newest step is the one that a fresh record is stamped with; each version has its pre and its post."""
    steps = sorted((ROOT / "src/answerable/store/migrations/versions").glob("v*.py"))
    wanted = [f"v{number:04}_{phase}.py" for number in range(2, SCHEMA + 1) for phase in ("post", "pre")]
    assert [one.name for one in steps] == [f"v{FIRST}.py", *wanted]
    assert steps[-2].stem == f"v{NEWEST}"


def test_a_migrated_record_has_exactly_the_schema_of_a_fresh_one(tmp_path: Path, keys: Path) -> None:
    """Tables, columns, types, indexes, triggers, the version itself: nothing differs but what stands in the rows."""
    create_store(tmp_path / "fresh", keys=keys, origin=ORIGIN, mark=MARK).close()
    old = _old(tmp_path)
    assert of_sqlite(old) != of_sqlite(tmp_path / "fresh")
    migration = Migration(old)
    assert _names(migration.run(post=False, now=START)) == ["0002_pre"]
    assert _names(migration.run(post=True, now=START)) == ["0002_post"]
    assert of_sqlite(old) == of_sqlite(tmp_path / "fresh")
    assert migration.run(post=True, now=START) == migration.pending(post=True) == []


def test_what_is_to_be_done_is_said_and_not_done(tmp_path: Path) -> None:
    """A look ahead names the steps of a phase and changes nothing."""
    old = _old(tmp_path)
    before = of_sqlite(old)
    assert _names(Migration(old).pending(post=False)) == ["0002_pre"]
    assert _names(Migration(old).pending(post=True)) == ["0002_pre", "0002_post"]
    assert of_sqlite(old) == before


def test_an_unmigrated_record_is_not_opened(tmp_path: Path, keys: Path) -> None:
    """Who opens it is told what to do; once `pre` is done today's program runs."""
    old = _old(tmp_path)
    with pytest.raises(StoreUnavailable) as refused:
        _open(old, keys)
    assert refused.value.hint == "answerable migrate"
    Migration(old).run(post=False, now=START)
    _open(old, keys).close()


def test_version_1_goes_on_beside_this_one(tmp_path: Path, keys: Path) -> None:
    """After `pre` both write and read one record by turns; after `post` version 1 refuses it and nothing is lost."""
    twin = create_store(tmp_path / "twin", keys=keys, origin=ORIGIN, mark=MARK)
    world = a_stored_world(twin)
    world.with_flag().with_notice(SECOND, person=ALMA).fast_forward(hours=200)
    seal(twin)
    old = _old(tmp_path)
    client = _client(old)
    assert not any(any(row) for read in client.read() for row in read)
    Migration(old).run(post=False, now=START)
    for table in WRITES:
        if table not in ("feed", "exchange"):
            client.write(table, [row[:5] if table == "outgoing" else row for row in _rows(twin, table)])
    client.write("feed", [(subject,) for subject, _, _ in _rows(twin, "feed")])
    client.write("exchange", [("e", "s", 1, "g", None, None, "allow", 0, 0, 1, "d", 1)])
    client.change()
    today = _open(old, keys)
    assert_sound(today)
    assert (today.root(), today.tables()) == (twin.root(), twin.tables())
    world.store = today
    world.with_flag(SECOND)
    assert [one.id for one in today.exchanges("s")] == ["e"]  # type: ignore[arg-type]
    again = _client(old)
    assert again.read()[0] == [(today.size(),)]
    assert len(again.read()[2]) == 1
    head = today.feed_head()
    client.write("feed", [("su_third",)])
    assert today.feed_head() == head + 1
    for one in (client, again, twin):
        one.close()
    Migration(old).run(post=True, now=START)
    with pytest.raises(ValueError, match="newer"):
        _client(old)
    assert_sound(today)
    today.close()


def _rows(store: SqliteStore, table: str) -> list[tuple[object, ...]]:
    order = "seq" if table == "feed" else 1
    return store._write.execute(f"SELECT * FROM {table} ORDER BY {order}").fetchall()


def test_receipts_are_found_by_either_version(tmp_path: Path, keys: Path) -> None:
    """What this version notes of a notice, version 1 reads; and the other way round."""
    old = _old(tmp_path)
    Migration(old).run(post=False, now=START)
    (tmp_path / "signer").mkdir()
    house = in_memory(tmp_path / "signer", open_store(old, keys=keys, origin=ORIGIN, mark=MARK))
    house.warn("one")
    (fact,) = [one for one in house.store.all_recorded() if isinstance(one.fact, NoticeReceived)]
    assert isinstance(fact.fact, NoticeReceived)
    client = _client(old)
    assert client.place_of(fact.fact.notice) == fact.index
    client.write("answer", [("notice_entry", "no_2", str(fact.index).encode())])
    client.close()
    seal(house.store)
    assert receipt(house.store, fact.fact.notice) == receipt(house.store, "no_2")  # type: ignore[arg-type]
    house.store.close()


# --- the machinery, by a version that does not exist yet


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path, keys: Path) -> Iterator[Path | str]:
    """Give where a record of this version lies, in each kind of database."""
    if request.param == "sqlite":
        create_store(tmp_path / "record", keys=keys, origin=ORIGIN, mark=MARK).close()
        yield tmp_path / "record"
        return
    with database() as dsn:
        create_postgres(dsn, keys=keys, origin=ORIGIN, mark=MARK).close()
        yield dsn


def _store(place: Path | str, keys: Path) -> SqliteStore | PostgresStore:
    if isinstance(place, str):
        return open_postgres(place, keys=keys, origin=ORIGIN, mark=MARK)
    return _open(place, keys)


def _schema(place: Path | str) -> object:
    return of_postgres(place) if isinstance(place, str) else of_sqlite(place)


def test_a_later_version_adds_first_and_takes_away_last(
    place: Path | str, tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `pre` this version and the next both run; after `post` only the next."""
    store = _store(place, keys)
    world = a_stored_world(store)
    migration = Migration(place, [_step_3(tmp_path / "steps")])
    assert _names(migration.run(post=False, now=START)) == ["0003_pre"]
    world.with_flag()
    _store(place, keys).close()
    with monkeypatch.context() as later:
        later.setattr(opening, "SCHEMA", 3)
        _store(place, keys).close()
    assert _names(migration.run(post=True, now=START)) == ["0003_post"]
    assert_sound(store)
    store.close()
    with pytest.raises(NewerVersion):
        _store(place, keys)
    with pytest.raises(StoreUnavailable, match="newer program"):
        Migration(place).run(post=False, now=START)


def test_who_is_two_versions_behind_is_told(place: Path | str, tmp_path: Path) -> None:
    """A step that follows on what would end running programs is not done beside them."""
    steps = _step_3(tmp_path / "steps")
    (steps / "v4.py").write_text(PRE3.format(then="pass").replace("0003_pre", "0004_pre").replace("0002", "0003"))
    with pytest.raises(Conflict) as refused:
        Migration(place, [steps]).run(post=False, now=START)
    assert "--post" in str(refused.value.hint)


def test_a_step_that_fails_leaves_nothing(place: Path | str, tmp_path: Path, keys: Path) -> None:
    """Changes of the schema are undone with everything else."""
    before = _schema(place)
    steps = _step_3(tmp_path / "steps", "op.execute('INSERT INTO nowhere VALUES (1)')")
    with pytest.raises(StoreUnavailable):
        Migration(place, [steps]).run(post=False, now=START)
    assert _schema(place) == before
    _store(place, keys).close()


_CHILD = """
import sys
from pathlib import Path
from datetime import UTC, datetime
from answerable.store.migrating import Migration
place = sys.argv[1] if "dbname" in sys.argv[1] else Path(sys.argv[1])
steps = Migration(place, [Path(sys.argv[2])]).run(post=False, now=datetime(2026, 1, 1, tzinfo=UTC))
print(*(one.name for one in steps))
"""


def _spawn(place: Path | str, steps: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", _CHILD, str(place), str(steps)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_of_two_at_once_one_does_it(place: Path | str, tmp_path: Path) -> None:
    """The second waits for the first and then finds nothing to do."""
    steps = _step_3(tmp_path / "steps", "time.sleep(0.5)")
    children = [_spawn(place, steps) for _ in range(2)]
    said = [one.communicate(timeout=300)[0].strip() for one in children]
    assert [one.returncode for one in children] == [0, 0]
    assert sorted(said) == ["", "0003_pre"]


def test_killed_in_the_middle_it_leaves_nothing(place: Path | str, tmp_path: Path) -> None:
    """After kill -9 the schema is the old one, and the next try does the whole of it."""
    before = _schema(place)
    steps = _step_3(tmp_path / "steps", f"open({str(tmp_path / 'there')!r}, 'w').close(); time.sleep(60)")
    child = _spawn(place, steps)
    while not (tmp_path / "there").exists():
        assert child.poll() is None
        time.sleep(0.02)
    child.kill()
    child.communicate()
    migration = Migration(place, [_step_3(steps)])
    assert _names(migration.pending(post=False)) == ["0003_pre"]
    assert _schema(place) == before
    assert _names(migration.run(post=False, now=START)) == ["0003_pre"]


def test_what_takes_away_waits_for_older_programs(place: Path | str, tmp_path: Path, keys: Path) -> None:
    """A process of this version that lives keeps version 3's `post` back; once it ended, or after two minutes, not."""
    migration = Migration(place, [_step_3(tmp_path / "steps")])
    migration.run(post=False, now=START)
    store = _store(place, keys)
    notes = {"old": {"schema": 2}, "new": {"schema": 3}, "first": {}}
    store.beat([Beat(kind="process", name=name, at=START, note=json.dumps(note)) for name, note in notes.items()])
    with pytest.raises(Conflict, match=r"first, old$"):
        migration.run(post=True, now=START + timedelta(seconds=119))
    for name in ("old", "first"):
        store.beat([Beat(kind="process", name=name, at=START, note="ended")])
    store.close()
    assert _names(migration.run(post=True, now=START)) == ["0003_post"]


def test_the_worker_of_version_1_is_seen_by_its_file(tmp_path: Path) -> None:
    """It left no sign in the record, but a file beside it."""
    old = _old(tmp_path)
    (old / "work.beat").write_text(rfc3339(START) + "\n")
    with pytest.raises(Conflict, match="version 1"):
        Migration(old).run(post=True, now=START + timedelta(seconds=100))
    assert _names(Migration(old).run(post=True, now=START + timedelta(seconds=120))) == ["0002_pre", "0002_post"]


def test_without_a_record_there_is_nothing_to_migrate(tmp_path: Path) -> None:
    """It is said, and none is begun."""
    with pytest.raises(StoreUnavailable):
        Migration(tmp_path).pending(post=False)
    with database() as dsn, pytest.raises(StoreUnavailable):
        Migration(dsn).pending(post=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "2", "0002_prex", "0002_PRE", "x0002_pre"])
def test_a_step_has_one_spelling(name: str) -> None:
    """Whatever else stands there was written by nobody."""
    with pytest.raises(Corrupt):
        programs(name)
    assert [programs(one) for one in ("0002_pre", "0002_post")] == [(1, 2), (2, 2)]
