"""The parts of the simulated house that are not the product's: they fail as a disk, a process and a signer fail.

Law: a fault that left the wrong thing behind would prove nothing about the house.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from answerable.errors import SignerUnavailable, StoreUnavailable
from answerable.simulation.chance import Chance
from answerable.simulation.database import InDatabase
from answerable.simulation.grounds import ORIGIN, Ground
from answerable.simulation.parts import Crash, Disk, FailingStore, MemorySigner, OwnClock, TrueTime
from answerable.simulation.seen import START
from answerable_gate import Level
from tests.mutants.grounds import grounds
from tests.mutants.stage import Stage
from tests.postgres import server
from tests.simulation.test_run import POLICIES


@pytest.fixture(params=["memory", "files", "database"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """Give an empty record of each kind."""
    made = grounds(request.param, tmp_path)
    yield made
    made.close()


def _remembered(ground: Ground) -> bytes | None:
    with closing(ground.open()) as store, store.act() as tx:
        return tx.remembered("source", "key")


def test_a_full_disk_takes_nothing_and_says_so(ground: Ground) -> None:
    """L17: what a full disk refuses is not in the record, and what was there before is."""
    disk = Disk()
    disk.is_full = True
    with closing(FailingStore(ground.open(), disk, "server")) as store:
        with pytest.raises(StoreUnavailable), store.act() as tx:
            tx.remember("source", "key", b"answer")
        with store.act() as tx:  # reading asks nothing of a disk
            assert tx.remembered("source", "key") is None


@pytest.mark.parametrize("in_batch", [False, True])
@pytest.mark.parametrize(("before", "kept"), [(True, None), (False, b"answer")])
def test_a_death_beside_a_commit(ground: Ground, before: bool, kept: bytes | None, in_batch: bool) -> None:
    """L17: who dies before the commit has written nothing, who dies after it everything."""
    disk = Disk()
    disk.dies_before, disk.dies_after = before, not before
    with closing(FailingStore(ground.open(), disk, "server")) as store:
        with pytest.raises(Crash), store.batch() if in_batch else nullcontext(), store.act() as tx:
            tx.remember("source", "key", b"answer")
        assert not store.is_writing
    assert _remembered(ground) == kept


def test_every_opening_of_a_record_sees_what_the_others_committed(ground: Ground) -> None:
    """Several programs are on one record, and each has its own way to it."""
    with closing(ground.open()) as one, one.act() as tx:
        tx.remember("source", "key", b"answer")
    assert _remembered(ground) == b"answer"
    assert ground.waiting() == []


def test_a_database_is_gone_after_the_run(tmp_path: Path) -> None:
    """What was made on somebody's server is taken away again."""
    with psycopg.connect(server(), autocommit=True) as admin:
        asked = "SELECT datname FROM pg_database WHERE datname LIKE 'rehearsal%'"
        made = InDatabase(server())
        during = {name for (name,) in admin.execute(asked)}
        made.close()
        assert during - {name for (name,) in admin.execute(asked)}


def test_a_gate_out_of_contact_gives_whom_it_may_not_know_what_its_policy_says() -> None:
    """L2: where that is `guarded`, nobody finds fault with it; once it is in contact a stranger is let through."""
    stage = Stage(policy=(POLICIES / "platform.toml").read_text())
    (site,) = stage.house.sites
    site.restart(keeps_snapshot=False)
    assert stage.house.exchange(site, "stranger", None, "m", ()).level is Level.GUARDED
    stage.house.connect(site)
    site.arrive()
    assert stage.house.exchange(site, "stranger", None, "m", ()).level is Level.NONE


def test_the_signer_signs_only_what_grows() -> None:
    """L8: a checkpoint that forgets what was signed before gets no signature."""
    stage = Stage()
    stage.flag("u")
    stage.carry()
    older = f"{ORIGIN}\n1\n{'A' * 43}=\n"
    with pytest.raises(AssertionError):
        stage.house.signer.sign(older, lambda _old, _new: ())
    stage.house.signer.is_down = True
    with pytest.raises(SignerUnavailable):
        stage.house.signer.sign(older, lambda _old, _new: ())


def test_a_clock_is_off_by_its_offset_and_runs_from_its_birth() -> None:
    """A process reads a wall clock that may be wrong, and seconds that never are."""
    true = TrueTime(START)
    true.elapsed = timedelta(hours=1)
    clock = OwnClock(true, timedelta(minutes=-5))
    true.elapsed = timedelta(hours=2)
    assert clock.now() == START + timedelta(minutes=115)
    assert clock.monotonic() == 3600.0


def test_chance_is_of_its_seed_and_part() -> None:
    """L16: the same seed and part draw the same, any other pair draws otherwise."""
    draws = {
        pair: tuple(round(Chance(*pair).between(0, 1), 9) for _ in range(1)) for pair in ((1, 1), (1, 2), (2, 1))
    }
    assert len(set(draws.values())) == 3
    assert Chance(1, 1).pick("abcdef") == Chance(1, 1).pick("abcdef")
    assert timedelta(0) <= Chance(1, 1).wait(timedelta(days=1))
    assert MemorySigner(ORIGIN, b"k" * 32).vkey == MemorySigner(ORIGIN, b"k" * 32).vkey
