"""Storms: processes that fire deadlines are killed at any statement; nothing is lost, doubled or torn (L1, L17)."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from answerable.core import fold
from answerable.core.facts import DeadlineMissed, DefaultArmed, DefaultTookEffect, SubjectId
from answerable.errors import AnswerableError
from answerable.ledger import verify
from answerable.ledger.export import write_export
from answerable.store.sqlite import SqliteStore, open_store
from tests.core.builders import START
from tests.storage.conftest import Open
from tests.storage.stormy import Autocommit
from tests.storage.worlds import MARK, ORIGIN, VKEY, a_stored_world, assert_sound, seal

LATER = START + timedelta(days=8)
ROOT = Path(__file__).parents[2]


def _prepare(store: SqliteStore, subjects: int) -> None:
    """Give each account a case with armed defaults, and let none of them fall yet."""
    world = a_stored_world(store)
    for first in range(0, subjects, 100):
        with store.batch():
            for number in range(first, min(first + 100, subjects)):
                world.locks = [SubjectId(f"su_{number}")]
                world.with_flag(world.locks[0], act=True, identified=True)


def _spawn(folder: Path, *, deadly: float, is_broken: bool) -> subprocess.Popen[bytes]:
    arguments = [str(folder), LATER.isoformat(), str(deadly), "01"[is_broken]]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.storage.stormy", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _rage(
    store: SqliteStore, folder: Path, *, kills: int, deadly: float, workers: int = 2, is_broken: bool = False
) -> None:
    """Keep workers at it until enough of them died by SIGKILL at their work, while there was work left to lose."""
    chance = random.Random(kills)
    died = 0
    running: list[subprocess.Popen[bytes]] = []
    while died < kills:
        assert store.due(LATER, 1), f"the work was done after {died} deaths"
        while len(running) < workers:
            running.append(_spawn(folder, deadly=deadly, is_broken=is_broken))
        child = running.pop(0)
        assert child.stdout is not None
        had_begun = child.stdout.readline() == b"begun\n"
        if deadly < 1 and chance.random() < 0.5:
            time.sleep(chance.uniform(0, 0.05))
            child.kill()
        child.communicate()
        died += had_begun and child.returncode == -9
    for child in running:
        child.kill()
        child.communicate()


def _finish(folder: Path, *, is_broken: bool = False, patience_s: int = 300) -> None:
    """Let one worker that nobody kills fire whatever is left."""
    with _spawn(folder, deadly=0, is_broken=is_broken) as child:
        try:
            _, said = child.communicate(timeout=patience_s)
        finally:
            child.kill()
    assert child.returncode == 0, said.decode()


def check(store: SqliteStore, folder: Path) -> None:
    """Assert that every default that came due took effect once, in facts, files and outbox, and that the tree holds."""
    assert_sound(store)
    recorded = list(store.all_recorded())
    armed = {one.fact.item for one in recorded if isinstance(one.fact, DefaultArmed) and one.fact.due <= LATER}
    fired = Counter(one.fact.item for one in recorded if isinstance(one.fact, DefaultTookEffect))
    assert set(fired) == armed
    assert set(fired.values()) == {1}
    fell = {held.item.id for case in fold.fold(recorded).cases() for held in case.held.values() if held.fell}
    assert fell == armed
    sent = [one.outgoing.idem for one in store.claim(LATER, LATER + timedelta(hours=1), 1_000_000)]
    assert sorted(sent) == sorted(f"fired:{item}" for item in armed)
    missed = Counter(one.fact.deadline for one in recorded if isinstance(one.fact, DeadlineMissed))
    assert missed
    assert set(missed.values()) == {1}
    assert store.due(LATER, 1) == []
    seal(store)
    notes = [(one.size, one.note) for one in store.checkpoints()]
    write_export(folder / "export", store.entries(0, store.size()), notes)
    command = [sys.executable, verify.__file__, str(folder / "export"), "--key", VKEY]
    assert subprocess.run(command, capture_output=True, check=False).stdout.startswith(b"VERIFIED")


def _weather(opened: Open, folder: Path, *, subjects: int, kills: int, deadly: float) -> None:
    store = opened()
    _prepare(store, subjects)
    before = store.size()
    _rage(store, folder, kills=kills, deadly=deadly)
    assert store.size() > before
    _finish(folder)
    check(store, folder)


@pytest.mark.long
def test_deaths_at_any_statement_lose_and_double_nothing(opened: Open, tmp_path: Path) -> None:
    """Thirty SIGKILLs from within and without, two workers at once: fired = took effect = facts = outbox rows."""
    _weather(opened, tmp_path, subjects=400, kills=30, deadly=0.02)


@pytest.mark.long
def test_a_long_storm_loses_and_doubles_nothing(opened: Open, tmp_path: Path) -> None:
    """Sixty deaths over two thousand accounts end as well as none."""
    _weather(opened, tmp_path, subjects=2_000, kills=60, deadly=0.004)


def test_deaths_in_the_middle_of_an_act_lose_and_double_nothing(opened: Open, tmp_path: Path) -> None:
    """Between the facts of an act and what tells somebody of them."""
    store = opened()
    _prepare(store, 10)
    _rage(store, tmp_path, kills=3, deadly=1, workers=1)
    _finish(tmp_path)
    check(store, tmp_path)


def test_without_the_transaction_the_same_deaths_are_found(opened: Open, tmp_path: Path) -> None:
    """The negative control: with every statement committing by itself, what those deaths leave fails the check."""
    store = opened()
    _prepare(store, 10)
    _rage(store, tmp_path, kills=3, deadly=1, workers=1, is_broken=True)
    _expect_damage(lambda: _finish_and_check(tmp_path))


def _finish_and_check(folder: Path) -> None:
    _finish(folder, is_broken=True, patience_s=60)
    store = open_store(folder / "record", keys=folder / "keys", origin=ORIGIN, mark=MARK)
    try:
        check(store, folder)
    finally:
        store.close()


def _expect_damage(look: Callable[[], None]) -> None:
    try:
        look()
    except (AssertionError, AnswerableError, subprocess.TimeoutExpired):  # torn, refused, or wedged for ever
        return
    pytest.fail("a store without transactions passed the storm: the check sees nothing")


def test_without_a_death_the_broken_store_passes_the_check(opened: Open, tmp_path: Path) -> None:
    """The control of the control: it is the deaths between statements that are found, not the double itself."""
    store = opened()
    _prepare(store, 10)
    assert issubclass(Autocommit, SqliteStore)
    _finish(tmp_path, is_broken=True)
    check(store, tmp_path)
