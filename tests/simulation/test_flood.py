"""A flood: ten thousand notices in ever other words move nobody beyond watch, and each keeps its clock and its answer.

Law: however many people say a thing, it is an unverified claim (L13), and each of them is answered (L5).
"""

from __future__ import annotations

import pytest

from answerable.simulation.people import words
from answerable_gate import Level
from tests.mutants.stage import Stage


def _flood(notices: int, accounts: int) -> Stage:
    stage, texts = Stage(), words(0)
    for number in range(notices):
        user = f"u{number % accounts}"
        stage.warn(user, text=next(texts), reporter=f"friend{number % 7}.of.liar@mail.example")
        stage.wait(seconds=20)
    return stage


def _nobody_is_restricted(stage: Stage, notices: int) -> None:
    cases = list(stage.house.witness.cases.values())
    levels = {item.standing.level for case in cases for item in case.items.values()}
    assert levels <= {Level.WATCH}
    assert sum(len(case.notices) for case in cases) == notices
    stage.carry()
    stage.wait(seconds=30)
    assert {stage.ask(user).answer for user in stage.subjects} == {"allow"}
    stage.wait(days=4)
    stage.tick()
    assert all(notice.lapsed for case in cases for notice in case.notices.values())


def test_a_thousand_notices_move_nobody_beyond_watch() -> None:
    """L13, L5: a thousand notices in other words, twenty accounts: watch at most, and every notice is answered."""
    _nobody_is_restricted(_flood(1_000, 20), 1_000)


@pytest.mark.long
def test_ten_thousand_notices_move_nobody_beyond_watch() -> None:
    """L13, L5: ten thousand notices in other words: watch at most, and every notice is answered."""
    _nobody_is_restricted(_flood(10_000, 100), 10_000)
