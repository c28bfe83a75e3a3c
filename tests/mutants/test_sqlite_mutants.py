"""Planted faults that only a record on a disk, or two processes on one record, can have; and their killers.

Law: what was answered is on the disk, with all that follows from it, whoever wrote it (L4, L5, L8, L17).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from answerable.app import Identifier, IdentifierKind, MeasureIn, NoticeIn
from answerable.core import facts as f
from answerable.simulation import Law, LawBroken, endings
from answerable.simulation.grounds import InFiles
from answerable.simulation.outside import Mail
from answerable.store.protocol import Store
from answerable.work.outbox import deliver
from answerable_gate import Level
from tests.mutants import plants
from tests.mutants.stage import LEAD, OTHER, Stage


def _as_killed(stage: Stage) -> Store:
    """Open what is on the disk at this moment."""
    files = stage.house.ground
    assert isinstance(files, InFiles)
    left = files.record.with_name("left")
    shutil.copytree(files.record, left)
    return files.open_at(left)


def a_receipt_is_given_and_the_process_killed(stage: Stage) -> None:
    """A notice is taken; what is on the disk then is read by a fresh process."""
    came = NoticeIn(
        id="n1", source="portal", text="He follows me.", subject=(Identifier(IdentifierKind.ACCOUNT, "u"),)
    )
    taken = stage.house.app.receive_notice(came)
    with closing(_as_killed(stage)) as left:
        kept = taken.case is not None and left.case_row(f.CaseId(taken.case)) is not None
    stage.house.checks.that(Law.L17, kept, f"{taken.id} was receipted and is not on the disk")


def a_notice_brings_a_letter(stage: Stage) -> None:
    """A notice is taken, and the worker sends what waits."""
    mail = Mail()
    stage.warn("u")
    deliver(stage.house.app, (mail,))
    endings.check_letters(stage.house, mail.carried)


def a_stream_goes_on(stage: Stage) -> None:
    """A case opens; its stream has several entries."""
    stage.flag("u")


def two_processes_decide_two_cases_of_one_subject(stage: Stage) -> None:
    """One process suspends in one case; another, which read before, sets less in the subject's other case."""
    house = stage.house
    first, second = (stage.warn("u", reporter=f"{name}@mail.example") for name in ("one", "other"))
    stage.tick()
    other = house.program("other")
    house.act("view", lambda: other.app.view_case(second, staff=OTHER, purpose="review"))
    assert stage.decide(first, Level.SUSPENDED, LEAD) is None
    wanted = MeasureIn(level=Level.GUARDED, reason="So.", proportionality="So.")
    refused = house.act("decide", lambda: other.app.decide(second, wanted, staff=OTHER))
    assert isinstance(refused, f.Refused)


MUTANTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Callable[[Stage], None], Law]] = {
    "receipt before commit": (plants.receipt_before_commit, a_receipt_is_given_and_the_process_killed, Law.L17),
    "lost outbox row": (plants.outbox_row_lost, a_notice_brings_a_letter, Law.L5),
    "forked chain": (plants.chain_forked, a_stream_goes_on, Law.L8),
    "two cases of one subject decided at once": (
        plants.folds_kept_without_looking, two_processes_decide_two_cases_of_one_subject, Law.L4,
    ),
}  # fmt: skip


def _play(killer: Callable[[Stage], None], folder: Path, plant: Callable[[], None] = lambda: None) -> None:
    """Found a house as it is, and only then plant the fault: what is not on the disk its own readers do not find."""
    stage = Stage(ground=InFiles(folder))
    with closing(stage.house):
        plant()
        killer(stage)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_killer_is_silent_where_nothing_is_planted(name: str, tmp_path: Path) -> None:
    """The story of each killer keeps every law on a disk as it is."""
    _play(MUTANTS[name][1], tmp_path)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_killer_finds_the_fault(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each planted fault breaks the law it should, and a check sees it."""
    plant, killer, law = MUTANTS[name]
    with pytest.raises(LawBroken) as broken:
        _play(killer, tmp_path, partial(plant, monkeypatch))
    assert broken.value.law is law, broken.value
