"""What only the PostgreSQL store can break: lost answers to commits, stopped writers, leases, dark lines."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from answerable.app import Answerable
from answerable.app.checking import Check, Trusted
from answerable.core import facts as f
from answerable.core.facts import SubjectId
from answerable.errors import Busy, StoreUnavailable, Unsure
from answerable.ports.signer import LocalSigner
from answerable.store import postgres_links
from answerable.store.opening import SCHEMA
from answerable.store.postgres import PostgresStore, create_store, open_store
from answerable.store.postgres_inspecting import PgInspection
from answerable.store.postgres_opening import PgConnection
from answerable.work import writer
from tests.core.builders import SECOND, SUBJECT
from tests.postgres import database, own_server
from tests.storage.conftest import OpenPostgres
from tests.storage.worlds import MARK, a_stored_world, assert_sound
from tests.storms.proxy import Line
from tests.work.memory import InMemory, a_flag, a_notice, in_memory

WAITED_S = 60
QUIET = "-c wal_writer_delay=10s -c wal_level=minimal -c max_wal_senders=0 -c autovacuum=off -c bgwriter_lru_maxpages=0"
"""A server that writes its log down for a commit and for nothing else, once its log writer stands still."""


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """Lay a line to an empty database."""
    with database() as dsn:
        found = Line(dsn)
        yield found
        found.close()


@pytest.fixture
def behind(line: Line, tmp_path: Path) -> Iterator[InMemory]:
    """Give a house whose record lies behind the line."""
    keys = tmp_path / "keys"
    keys.mkdir()
    store = create_store(line.dsn, keys=keys, origin="record/test", mark=MARK)
    yield in_memory(tmp_path, store)
    store.close()


def told(house: InMemory, *verbs: Any) -> list[Future[Any]]:
    """Run verbs as one group and return what each caller was told."""
    jobs = [writer._Job(verb, Future()) for verb in verbs]
    writer.perform(house.answerable, jobs)
    return [job.future for job in jobs]


def warn(key: str) -> Any:
    """Return the verb that gives notice."""
    return lambda answerable: answerable.receive_notice(a_notice(key, f"user-{key}"))


def notices(house: InMemory) -> int:
    """Return how many notices are in the record, after it was found sound."""
    assert_sound(house.store)
    return sum(isinstance(one.fact, f.NoticeReceived) for one in house.store.all_recorded())


# --- the answer to a COMMIT


def test_a_commit_that_never_arrived_is_told_as_none(line: Line, behind: InMemory) -> None:
    """The connection ends before COMMIT reaches the server: nothing is kept, and an act alone says so."""
    line.lose.append("before")
    with pytest.raises(StoreUnavailable) as raised:
        behind.warn("n1")
    assert line.lost.is_set() and not isinstance(raised.value, Unsure)
    assert notices(behind) == 0
    assert not behind.warn("n1").again


def test_a_group_whose_commit_never_arrived_is_done_alone(line: Line, behind: InMemory) -> None:
    """The writer does each of the group by itself, and everybody is told of what is kept."""
    line.lose.append("before")
    one, two = told(behind, warn("n1"), warn("n2"))
    assert line.lost.is_set()
    assert not one.result().again and not two.result().again
    assert notices(behind) == 2


def test_a_commit_whose_answer_was_lost_is_found_out(line: Line, behind: InMemory) -> None:
    """It is durable before the connection ends: the caller is told of success, and nothing is done twice."""
    line.lose.append("after")
    taken = behind.warn("n1")
    assert line.lost.is_set()
    again = behind.warn("n1")
    assert (again.id, again.again) == (taken.id, True)
    line.lose.append("after")
    line.lost.clear()
    one, two = told(behind, warn("n2"), warn("n3"))
    assert line.lost.is_set()
    assert not one.result().again and not two.result().again
    assert notices(behind) == 3


@pytest.mark.parametrize("moment", ["before", "after"])
def test_where_nobody_can_tell_nobody_is_told_anything_else(
    line: Line, behind: InMemory, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """With the server out of reach as well the group is not run again; who sends again gets one answer (L17)."""
    monkeypatch.setattr(postgres_links, "RESOLVE_S", 0.5)
    runs = []

    def count(_: Answerable) -> None:
        runs.append(1)

    line.lose += [moment, "for good"]
    futures = told(behind, warn("n1"), count, warn("n2"))
    assert all(isinstance(future.exception(), Unsure) for future in futures)
    assert runs == [1]
    line.lose.clear()
    line.mend()
    first, second = behind.warn("n1"), behind.warn("n1")
    assert (first.id, second.again) == (second.id, True)
    assert first.again == (moment == "after")
    behind.warn("n2")
    assert notices(behind) == 2


def test_a_commit_still_under_way_is_waited_for(postgres: OpenPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the server has not ended the transaction its fate is open, and nothing is told of it."""
    one, other = postgres(), postgres()
    a_stored_world(one)
    seen: list[str] = []
    with pytest.raises(Busy), one.act() as tx:  # noqa: PT012
        tx.remember("test", "key", b"answer")
        (xid,) = one._own.execute("SELECT pg_current_xact_id()::text").fetchone()
        mine = one._own

        def wait(_: float) -> None:
            seen.append(xid)
            mine.execute("ROLLBACK")

        monkeypatch.setattr(postgres_links, "sleep", wait)
        with pytest.raises(psycopg.OperationalError, match="lost"):
            postgres_links.find_out(other._dsn, xid, None, psycopg.OperationalError("lost"))
        raise Busy
    assert seen == [xid]


@dataclass
class Crashed:
    """A house whose server crashes at its next COMMIT, and gives the number of that transaction out again."""

    house: InMemory
    numbers: list[str]


@pytest.fixture
def crashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crashed]:
    """Give a house with a server of its own."""
    keys, run, numbers = tmp_path / "keys", PgConnection.execute, list[str]()
    keys.mkdir()
    with own_server(QUIET) as server:
        house = in_memory(tmp_path, create_store(server.dsn(), keys=keys, origin="record/test", mark=MARK))
        writes_log = log_writer(server.dsn())
        # Whenever it comes it writes down what it finds, the crash's own transaction too.
        os.kill(writes_log, signal.SIGSTOP)
        other = open_store(server.dsn(), keys=keys, origin="record/test", mark=MARK)

        def crash(connection: PgConnection, asked: str, values: object = (), /) -> Any:
            if asked == "COMMIT" and not numbers:
                numbers.append(number(connection))
                for one in (connection.raw.info.backend_pid, writes_log):
                    os.kill(one, signal.SIGKILL)
                until_it_writes(other, numbers)
            return run(connection, asked, values)

        monkeypatch.setattr(PgConnection, "execute", crash)
        yield Crashed(house, numbers)
        house.store.close()
        other.close()


def test_a_number_given_out_again_deceives_nobody(crashed: Crashed) -> None:
    """What was not written down at the crash is undone, though another's commit bears its number now (L17)."""
    with pytest.raises(StoreUnavailable) as raised:
        crashed.house.warn("n1")
    assert crashed.numbers[0] in crashed.numbers[1:]  # else the server has not done what this is about
    assert not isinstance(raised.value, Unsure)
    assert not crashed.house.warn("n1").again
    assert notices(crashed.house) == 1


def test_who_trusts_the_number_alone_is_deceived(crashed: Crashed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: the server says `committed`, and the notice is nowhere."""

    def trusting(fresh: PgConnection, xid: str, _: object) -> object:
        (status,) = fresh.execute("SELECT pg_xact_status(?::xid8)", (xid,)).fetchone()
        return postgres_links.Fate.KEPT if status == "committed" else None

    monkeypatch.setattr(postgres_links, "_fate", trusting)
    assert crashed.house.warn("n1").id
    assert notices(crashed.house) == 0


def number(connection: PgConnection) -> str:
    """Return the number of the transaction that is open."""
    return str(connection.raw.execute("SELECT pg_current_xact_id()::text").fetchone()[0])  # type: ignore[index]


def log_writer(dsn: str) -> int:
    """Return the process that writes a server's log down in the background."""
    with psycopg.connect(dsn) as asking:
        asked = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"
        return int(asking.execute(asked).fetchone()[0])  # type: ignore[index]


def until_it_writes(store: PostgresStore, numbers: list[str]) -> None:
    """Write as soon as the server is back, and note the numbers that it gives for it."""
    until = time.monotonic() + WAITED_S
    while len(numbers) < 4:
        assert time.monotonic() < until
        with suppress(StoreUnavailable), store.act() as tx:
            tx.remember("test", f"key-{len(numbers)}", b"another")
            numbers.append(number(store._own))
        time.sleep(0.02)


# --- who stops, and who waits


def test_a_stopped_writer_keeps_others_out_for_as_long_as_its_session(postgres: OpenPostgres) -> None:
    """Whoever stands still in the middle of an act is undone by the server; nothing of it is kept when it goes on."""
    stopped, other = postgres(), postgres()
    world = a_stored_world(other).with_flag()
    entered, go_on = threading.Event(), threading.Event()
    faults: list[BaseException] = []
    began: list[float] = []

    def stand_still() -> None:
        try:
            with stopped.act() as tx:
                tx.files([SUBJECT])
                tx.remember("test", "key", b"never")
                # Shortened only now: on a busy machine it may stand still before it does.
                (held,) = stopped._own.execute("SHOW idle_in_transaction_session_timeout").fetchone()
                assert held == "15s"
                began.append(time.monotonic())
                stopped._own.execute("SET idle_in_transaction_session_timeout = '700ms'")
                entered.set()
                go_on.wait(WAITED_S)
                tx.remember("test", "other", b"never")
        except BaseException as error:  # noqa: BLE001 - looked at below
            faults.append(error)

    thread = threading.Thread(target=stand_still)
    thread.start()
    assert entered.wait(WAITED_S)
    with other.act() as tx:  # about somebody else: at once
        tx.files([SubjectId("su_elsewhere")])
    world.with_flag()  # about the same account: once the session is ended
    waited = time.monotonic() - began[0]
    go_on.set()
    thread.join(WAITED_S)
    assert waited > 0.7
    assert [type(one) for one in faults] == [StoreUnavailable]
    with other.act() as tx:
        assert tx.remembered("test", "key") is None and tx.remembered("test", "other") is None
    with stopped.act() as tx:  # and it goes on as if nothing had been
        tx.files([SUBJECT])
    assert_sound(stopped)


def test_who_holds_anything_never_waits(postgres: OpenPostgres) -> None:
    """The second act of a group meets somebody and is told so at once, and the first one is kept."""
    one, other = postgres(), postgres()
    a_stored_world(one)
    with other.act() as theirs:
        theirs.files([SECOND])
        began = time.monotonic()
        with one.batch():
            with one.act() as tx:
                one._own.execute("SET lock_timeout = '60s'")
                tx.files([SUBJECT])
                tx.remember("test", "kept", b"yes")
            with pytest.raises(Busy), one.act() as tx:
                tx.files([SECOND])
        assert time.monotonic() - began < 30, "whoever waits for a lock waits for a minute here"
    with one.act() as tx:
        assert tx.remembered("test", "kept") == b"yes"


# --- who leads


LEASE_S, PATIENT_S = 1.5, 600.0


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let leases be short."""
    monkeypatch.setattr(postgres_links, "RENEWED_S", 0.1)
    monkeypatch.setattr(postgres_links, "PATIENCE_S", LEASE_S)


def leading(stores: list[PostgresStore]) -> list[int]:
    """Return which of these lead, each asked once."""
    return [number for number, store in enumerate(stores) if store.leads("test")]


def until_leads(stores: list[PostgresStore]) -> None:
    """Ask until one leads."""
    until = time.monotonic() + WAITED_S
    while not leading(stores):
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.usefixtures("hurried")
def test_one_of_four_leads_and_is_followed_when_it_falls_silent(
    postgres: OpenPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One leads; silent, it is followed by another and by one alone; when it comes back it leads no more."""
    four = [postgres() for _ in range(4)]
    # Impatient only while one is meant to be silent: on a busy machine anybody is, for longer than a short lease.
    monkeypatch.setattr(postgres_links, "PATIENCE_S", PATIENT_S)
    for _ in range(10):
        assert leading(four) == [0]
        time.sleep(0.06)
    time.sleep(0.1)
    began = time.monotonic()
    assert leading(four) == [0]
    monkeypatch.setattr(postgres_links, "PATIENCE_S", LEASE_S)
    until_leads(four[1:])
    assert time.monotonic() - began > LEASE_S
    monkeypatch.setattr(postgres_links, "PATIENCE_S", PATIENT_S)
    ahead = leading(four[1:])
    assert len(ahead) == 1
    time.sleep(0.15)
    assert not four[0].leads("test")  # its lease was renewed by nobody, and the term has moved on
    assert leading(four[1:]) == ahead


@pytest.mark.usefixtures("hurried")
def test_who_ends_is_followed_at_once(postgres: OpenPostgres) -> None:
    """A leader that ends as it should leaves nobody waiting for its lease."""
    one, other = postgres(), postgres()
    assert one.leads("test") and not other.leads("test")
    one.close()
    assert other.leads("test")


@pytest.mark.usefixtures("hurried")
def test_an_older_program_never_leads(postgres: OpenPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a newer one has led, one that knows less stands by for ever, though nobody else is there."""
    newer, older = postgres(), postgres()
    monkeypatch.setattr(postgres_links, "SCHEMA", SCHEMA + 1)
    assert newer.leads("test")
    monkeypatch.undo()
    monkeypatch.setattr(postgres_links, "PATIENCE_S", 0.1)
    until = time.monotonic() + 0.6
    while time.monotonic() < until:
        assert not older.leads("test")
        time.sleep(0.05)


# --- lines that go dark


def test_a_dark_line_is_given_up_and_used_again_once_it_is_back(line: Line, behind: InMemory) -> None:
    """Where no packet comes back the caller hears so in seconds; afterwards the same store goes on by itself."""
    behind.warn("n1")
    line.darken()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        behind.warn("n2")
    assert time.monotonic() - began < WAITED_S
    line.mend()
    assert not behind.warn("n2").again
    line.cut()
    with pytest.raises(StoreUnavailable):
        behind.flag("s1")
    line.mend()
    assert behind.flag("s1").case
    assert behind.answerable.raise_signal(a_flag("s1")).again
    assert notices(behind) == 2




def test_a_line_that_is_cut_is_no_altered_record(line: Line, behind: InMemory) -> None:
    """A check that loses the database on its way has not checked all; it accuses nobody."""
    behind.warn("n1")
    behind.answerable.seal()
    signer = behind.answerable.signer
    assert isinstance(signer, LocalSigner)
    trusted = Trusted(
        origin="record/test", vkey=signer.vkey, index=behind.answerable.intake.index, signed=signer.signed_last(),
        now=behind.clock.now,
    )  # fmt: skip
    check = Check(PgInspection(line.dsn), trusted)
    slices = check.slices()
    next(slices)
    line.cut()
    assert list(slices) == []
    checked = check.result()
    check.inspection.close()
    line.mend()
    whole = Check(PgInspection(line.dsn), trusted)
    found = whole.run()  # the mark of this record is not that of its keys, and that is all
    whole.inspection.close()
    assert set(checked.findings) <= set(found.findings)
    assert any("reached" in one for one in checked.not_checked) and not found.not_checked
