"""Planted faults that only a record on a disk, or two processes on one record, can have; and their killers.

Law: what was answered is on the disk, with all that follows from it, whoever wrote it (L4, L5, L8, L17).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from answerable.app import Identifier, IdentifierKind, MeasureIn, NoticeIn
from answerable.core import facts as f
from answerable.simulation import Law, LawBroken, endings
from answerable.simulation.house import Program
from answerable.simulation.outside import Mail
from answerable.simulation.parts import ORIGIN
from answerable.store.sqlite import SqliteStore, create_store, open_store
from answerable.work.outbox import deliver
from answerable_gate import Level
from tests.mutants import plants
from tests.mutants.stage import LEAD, OTHER, Stage

MARK = "0" * 32


class Disk:
    """A record on a disk, its keys, and a way to see what a killed process would have left there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "keys").mkdir()
        self.store = create_store(folder / "record", keys=folder / "keys", origin=ORIGIN, mark=MARK)

    def another(self, record: str = "record") -> SqliteStore:
        """Open the record once more, as another process would."""
        return open_store(self._folder / record, keys=self._folder / "keys", origin=ORIGIN, mark=MARK)

    def as_killed(self) -> SqliteStore:
        """Open what is on the disk at this moment."""
        shutil.copytree(self._folder / "record", self._folder / "left")
        return self.another("left")


def a_receipt_is_given_and_the_process_killed(disk: Disk) -> None:
    """A notice is taken; what is on the disk then is read by a fresh process."""
    stage = Stage(store=disk.store)
    came = NoticeIn(
        id="n1", source="portal", text="He follows me.", subject=(Identifier(IdentifierKind.ACCOUNT, "u"),)
    )
    taken = stage.house.app.receive_notice(came)
    left = disk.as_killed()
    kept = taken.case is not None and left.case_row(f.CaseId(taken.case)) is not None
    left.close()
    stage.house.checks.that(Law.L17, kept, f"{taken.id} was receipted and is not on the disk")


def a_notice_brings_a_letter(disk: Disk) -> None:
    """A notice is taken, and the worker sends what waits."""
    stage, mail = Stage(store=disk.store), Mail()
    stage.warn("u")
    deliver(stage.house.app, (mail,))
    endings.check_letters(stage.house, mail.carried)


def a_stream_goes_on(disk: Disk) -> None:
    """A case opens; its stream has several entries."""
    Stage(store=disk.store).flag("u")


def two_processes_decide_two_cases_of_one_subject(disk: Disk) -> None:
    """One process suspends in one case; another, which read before, sets less in the subject's other case."""
    stage = Stage(store=disk.store)
    house = stage.house
    first, second = (stage.warn("u", reporter=f"{name}@mail.example") for name in ("one", "other"))
    stage.tick()
    other = Program("other", house.true, disk.another())
    house.start(other)
    house.act("view", lambda: other.app.view_case(second, staff=OTHER, purpose="review"), by=other)
    assert stage.decide(first, Level.SUSPENDED, LEAD) is None
    wanted = MeasureIn(level=Level.GUARDED, reason="So.", proportionality="So.")
    try:
        refused = house.act("decide", lambda: other.app.decide(second, wanted, staff=OTHER), by=other)
        assert isinstance(refused, f.Refused)
    finally:
        other.store.close()


MUTANTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Callable[[Disk], None], Law]] = {
    "receipt before commit": (plants.receipt_before_commit, a_receipt_is_given_and_the_process_killed, Law.L17),
    "lost outbox row": (plants.outbox_row_lost, a_notice_brings_a_letter, Law.L5),
    "forked chain": (plants.chain_forked, a_stream_goes_on, Law.L8),
    "two cases of one subject decided at once": (
        plants.folds_kept_without_looking, two_processes_decide_two_cases_of_one_subject, Law.L4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_the_killer_is_silent_where_nothing_is_planted(name: str, tmp_path: Path) -> None:
    """The story of each killer keeps every law on a disk as it is."""
    disk = Disk(tmp_path)
    MUTANTS[name][1](disk)
    disk.store.close()


@pytest.mark.parametrize("name", MUTANTS)
def test_the_killer_finds_the_fault(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each planted fault breaks the law it should, and a check sees it."""
    plant, killer, law = MUTANTS[name]
    plant(monkeypatch)
    disk = Disk(tmp_path)
    with pytest.raises(LawBroken) as broken:
        killer(disk)
    monkeypatch.undo()
    disk.store.close()
    assert broken.value.law is law, broken.value
