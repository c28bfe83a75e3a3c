"""Faults in the date by which a person looks again, and the shortest story in which each cannot stay unseen.

Law: each story passes where nothing is planted, and the check that sees the fault is one of the simulator's own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from answerable.core import case_arms, defaults, lapses
from answerable.core import facts as f
from answerable_gate import packed
from tests.mutants.stage import LEAD, Stage

Patch = pytest.MonkeyPatch
MONTH = timedelta(days=30)


# --- what somebody might build -----------------------------------------------------------------------------------


def a_default_is_reviewed_some_day(patch: Patch) -> None:
    """Whoever is held by no person's decision can wait like anybody else."""
    armed = f.DefaultArmed

    def later(**fields: Any) -> f.DefaultArmed:
        return armed(**(fields | {"review": fields["due"] + MONTH}))

    patch.setattr(defaults, "DefaultArmed", later)


def the_time_to_review_runs_from_when_it_was_noted(patch: Patch) -> None:
    """The worker was away; whoever reviews has three days from now on."""

    def owe(journal: Any, case: Any, held: Any) -> None:
        due = journal.now + journal.policy_of(case).default_review
        defaults.set_deadline_at(journal, case, f.DeadlineKind.DEFAULT_REVIEW, due=due, about=held.fact.item)

    patch.setattr(lapses, "_owe_review", owe)


def only_what_people_set_has_a_date(patch: Patch) -> None:
    """Nobody has decided yet, so nobody has set a date."""
    arm = case_arms.ARMS[f.DefaultArmed]

    def undated(case: Any, fact: Any, recorded: Any) -> None:
        arm(case, fact, recorded)
        held = case.held[fact.item]
        held.item = replace(held.item, review_by=None)

    patch.setitem(case_arms.ARMS, f.DefaultArmed, undated)


def a_gate_tells_the_last_date(patch: Patch) -> None:
    """Only once all was looked at again is anybody free."""

    def last(held: Any) -> Any:
        reviews = [item.review_by for item in held.entry.items if item.id in held.fallen and item.review_by]
        return max(reviews, default=None)

    patch.setattr(packed, "_review_by", last)


def a_gate_tells_the_date_of_measures_alone(patch: Patch) -> None:
    """A date stands in what people decided."""
    pack = packed._pack_item

    def undated(item: Any, *more: Any) -> bytes:
        return pack(item if item.kind == "measure" else replace(item, review_by=None), *more)

    patch.setattr(packed, "_review_by", lambda _: None)
    patch.setattr(packed, "_pack_item", undated)


# --- the stories that find it ------------------------------------------------------------------------------------


def somebody_is_held_and_told_until_when() -> None:
    """A reviewer records the act in a flag, and one default after the other falls due; both accounts are asked."""
    stage = Stage()
    for name in ("u", "v"):
        stage.account(name, "own@mail.example", "+49 151 00000001")
    case = stage.flag("u", trajectory=True)
    found = stage.view(case, LEAD).body["signals"][0]["id"]
    stage.house.act("act", lambda: stage.house.app.record_act(case, found, staff=LEAD, text="He says so."))
    stage.carry()
    told = []
    for _ in range(3):
        stage.wait(hours=25)
        told += [stage.ask(name).review_by for name in ("u", "v")]
    assert len(set(told)) == 2 and None not in told


def the_worker_is_away_while_a_default_falls_due() -> None:
    """A default falls due, and two days go by before anybody writes that down."""
    stage = Stage()
    stage.flag("u", trajectory=True)
    stage.wait(days=3)
    stage.tick()
