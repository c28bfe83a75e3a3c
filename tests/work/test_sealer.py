"""The sealer: what is written is signed soon; a signer that is away or silent holds up nobody (L1, L8)."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from answerable.app import Answerable, Taken
from answerable.errors import SignerUnavailable
from answerable.ledger.verify import Checkpoint
from answerable.ports.signer import LocalSigner, Prove, Signer
from answerable.store.memory import MemoryStore
from answerable.work.sealer import Sealer
from answerable.work.writer import Verb, Writer
from tests.work.memory import ORIGIN, InMemory, a_flag, in_memory


class Door:
    """A signer behind a door: while it is shut whoever asks waits, while it is broken it is away."""

    def __init__(self, behind: Signer) -> None:
        """Take the signer; begin open."""
        self._behind = behind
        self.name, self.vkey = behind.name, behind.vkey
        self.is_broken = False
        self.opened, self.waits = threading.Event(), threading.Event()
        self.opened.set()

    def sign(self, text: str, prove: Prove) -> str:
        """Ask, once the door is open."""
        if self.is_broken:
            raise SignerUnavailable
        self.waits.set()
        assert self.opened.wait(60)
        return self._behind.sign(text, prove)

    def signed_last(self) -> Checkpoint:
        """Ask at once."""
        return self._behind.signed_last()


@pytest.fixture
def house(tmp_path: Path) -> InMemory:
    """Return a house whose signer stands behind a door."""
    found = in_memory(tmp_path)
    found.answerable.signer = Door(found.answerable.signer)
    return found


def door(house: InMemory) -> Door:
    """Return the door of a house."""
    assert isinstance(house.answerable.signer, Door)
    return house.answerable.signer


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the levels of what the sealer said, in order."""
    return [one.levelname for one in caplog.records if one.name == "answerable.sealer" and one.levelno >= logging.INFO]


def sealed(house: InMemory) -> int:
    """Return how many entries lie under a checkpoint."""
    newest = house.store.newest_checkpoint()
    return newest.size if newest else 0


def test_nobody_who_gives_notice_waits_for_a_signature(house: InMemory) -> None:
    """While the signer keeps a question without answering, verbs are taken in; afterwards one checkpoint covers all."""
    door(house).opened.clear()
    writer = Writer(house.answerable)
    writer.start()
    try:
        assert writer.submit(raising("s0")).result(60).case
        assert door(house).waits.wait(60)
        for number in range(1, 20):
            assert writer.submit(raising(f"s{number}")).result(60).case
        assert sealed(house) == 0
    finally:
        door(house).opened.set()
        writer.close()
    assert sealed(house) == house.store.size()


def raising(key: str) -> Verb[Taken]:
    """Return the verb that raises a flag."""
    return lambda answerable: answerable.raise_signal(a_flag(key, f"user-{key}"))


def test_a_fault_is_said_once_and_its_end_once(house: InMemory, caplog: pytest.LogCaptureFixture) -> None:
    """An hour without the signer is two lines in the log, not thousands."""
    caplog.set_level(logging.INFO)
    house.flag("s1")
    sealer, door(house).is_broken = Sealer(house.answerable), True
    for _ in range(5):
        sealer.seal()
    assert said(caplog) == ["ERROR"]
    door(house).is_broken = False
    for _ in range(5):
        sealer.seal()
    assert said(caplog) == ["ERROR", "INFO"]
    assert sealed(house) == house.store.size()


def test_a_record_behind_its_signer_is_said_at_the_loudest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A record restored from an older copy gets no signature, however far it grows again by other entries."""
    caplog.set_level(logging.INFO)
    house = in_memory(tmp_path)
    for number in range(3):
        house.flag(f"s{number}", f"user-{number}")
    Sealer(house.answerable).seal()
    (tmp_path / "again").mkdir()
    rolled = in_memory(tmp_path / "again")
    rolled.answerable.signer = LocalSigner(tmp_path / "log.json")
    rolled.flag("other", "somebody-else")
    sealer = Sealer(rolled.answerable)
    sealer.seal()
    sealer.seal()
    assert said(caplog) == ["CRITICAL"]
    assert "entries were signed, and this record holds" in caplog.text
    for number in range(30):
        rolled.flag(f"t{number}", f"user-{number}")
    sealer.seal()
    assert said(caplog) == ["CRITICAL", "CRITICAL"]
    assert "signed other entries" in caplog.text
    assert sealed(rolled) == 0


def test_somebody_who_signed_more_is_no_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Between two servers one is always behind: that is not logged, and the next checkpoint covers both."""
    caplog.set_level(logging.INFO)
    house = in_memory(tmp_path)
    house.flag("s1")
    late = Overtaken(house)
    house.answerable.signer, first = late, house.answerable.signer
    sealer = Sealer(house.answerable)
    sealer.seal()
    assert said(caplog) == []
    house.answerable.signer = first
    sealer.seal()
    assert sealed(house) == house.store.size()


class Overtaken(Door):
    """A signer that another server asks first, with a larger tree."""

    def __init__(self, house: InMemory) -> None:
        """Take the house that grows meanwhile."""
        super().__init__(house.answerable.signer)
        self._house = house

    def sign(self, text: str, prove: Prove) -> str:
        """Let the other one be first."""
        self._house.flag("meanwhile", "user-8")
        house = self._house
        ahead = Answerable(house.answerable.acts, house.answerable.intake, self._behind)
        ahead.seal()
        return self._behind.sign(text, prove)


class Torn(MemoryStore):
    """A store whose transactions can be held open and then undone."""

    def __init__(self) -> None:
        """Begin well."""
        super().__init__(origin=ORIGIN)
        self.goes_on, self.is_open = threading.Event(), threading.Event()


def test_what_is_not_committed_is_not_signed(tmp_path: Path) -> None:
    """The sealer beside a writer sees what is kept, never what a transaction under way may still undo."""
    store = Torn()
    house = in_memory(tmp_path, store)
    before = store.size()

    def spoiled() -> None:
        with suppress(RuntimeError), store.batch():
            house.flag("s1")
            store.is_open.set()
            assert store.goes_on.wait(60)
            raise RuntimeError

    writing = threading.Thread(target=spoiled)
    writing.start()
    assert store.is_open.wait(60)
    sealing = threading.Thread(target=Sealer(house.answerable).seal)
    sealing.start()
    sealing.join(0.1)  # time to read what it must not
    store.goes_on.set()
    writing.join()
    sealing.join()
    assert store.size() == before
    assert sealed(house) == before
