"""Faults in what a reporter is told of the time, and the shortest story in which each cannot stay unseen (L11).

Law: whoever warns of himself learns nothing by it. Each story passes where nothing is planted.
"""

from __future__ import annotations

from typing import Any

import pytest

from answerable.app import effects
from answerable.core import facts as f
from answerable.core import notices, openings
from answerable.simulation import endings
from answerable.simulation.outside import Mail
from answerable.work.outbox import deliver
from tests.mutants.stage import Stage

Patch = pytest.MonkeyPatch


# --- what somebody might build -----------------------------------------------------------------------------------


def the_clock_of_the_case_is_promised(patch: Patch) -> None:
    """The reporter may as well hear the day that staff have."""
    received = f.NoticeReceived
    tiers: list[f.Tier] = []
    raised = openings.case_for

    def remembered(*given: Any, **more: Any) -> Any:
        case = raised(*given, **more)
        tiers.append(case.tier)
        return case

    def hurried(**fields: Any) -> f.NoticeReceived:
        soon = f.Tier.CRITICAL in tiers[-1:]
        return received(**(fields | {"promised": fields["seen"]} if soon else fields))

    patch.setattr(openings, "case_for", remembered)
    patch.setattr(notices, "NoticeReceived", hurried)


def a_second_notice_is_promised_more(patch: Patch) -> None:
    """Whoever is warned about twice is more urgent, and so is the answer."""
    claimed = notices._claimed
    patch.setattr(notices, "_claimed", lambda incoming, *, is_second=False: claimed(incoming, is_second=True))


def what_was_missed_is_told_at_once(patch: Patch) -> None:
    """The clock has run out; nobody should be left waiting for the letter that says so."""
    patch.setattr(effects, "_not_before", lambda act, recorded: recorded.at)


# --- the stories that find it ------------------------------------------------------------------------------------


def the_watched_warn_of_themselves() -> None:
    """One account is flagged in the gravest way, of another somebody warned; each owner warns of his, naming nobody."""
    stage = Stage()
    stage.flag("u", hazard=f.Hazard.MASS_CASUALTY)
    stage.warn("v")
    for name in ("u", "v"):
        stage.warn(name, reporter=f"{name}@mail.example", is_person=False)


def nobody_answers_who_warned_of_a_flagged_account() -> None:
    """The case's own clock is missed long before the day that the reporter was promised."""
    stage, mail = Stage(), Mail()
    stage.flag("u", hazard=f.Hazard.MASS_CASUALTY)
    stage.warn("u")
    for days in (2, 20):
        stage.wait(days=days)
        stage.tick()
        while stage.house.act("deliver", lambda: deliver(stage.house.worker.app, (mail,), stage.house.stores)):
            pass
        endings.check_letters(stage.house, mail.carried)
