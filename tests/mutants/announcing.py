"""Faults in what model vendors announce and tell, and the shortest story in which each cannot stay unseen.

Law: each story passes where nothing is planted, and the check that sees the fault is one of the simulator's own.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from answerable.app import Announced, vendors
from answerable.core import adopted, case_arms
from answerable.core import facts as f
from answerable.core import vendors as core_vendors
from answerable.simulation.chance import Chance
from answerable.simulation.outside import Mail
from answerable.simulation.parts import FailingStore
from answerable.simulation.vending import ASKED, DEACTIVATION, SUSPENDED, TOLD, WARNING, Records, announce, take
from answerable.work.outbox import deliver
from answerable.work.vendors import Vendor, fetch
from answerable_gate import Level, alias
from tests.mutants.stage import Stage

Patch = pytest.MonkeyPatch


# --- what somebody might build -----------------------------------------------------------------------------------


def the_clock_starts_when_it_is_read(patch: Patch) -> None:
    """Before it was read nobody could have decided anything."""
    take_it = vendors.take

    def fresh(intake: Any, table: Any, came: Any, found: Any) -> Any:
        return take_it(intake, table, replace(came, since=None), found)

    patch.setattr("answerable.work.vendors.take", fresh)


def the_switch_off_is_new_when_it_is_read(patch: Patch) -> None:
    """The flag has its clock; what is held can be looked at three months from now."""
    adopt = adopted.adopt
    patch.setattr(adopted, "adopt", lambda journal, came: adopt(journal, replace(came, since=None)))


def what_is_not_answered_is_not_there(patch: Patch) -> None:
    """A vendor that does not know its own reference meant nothing by it."""
    patch.setattr("answerable.work.outbox.fetch", lambda *given: fetch(*given) or True)


def each_delivery_is_a_notice(patch: Patch) -> None:
    """A delivery has an id of its own."""

    def by_delivery(acts: Any, came: Announced) -> bool:
        with acts.open(f"webhook:{came.vendor}") as act:
            more = {"vendor": came.vendor, "reference": came.reference, "kind": came.kind}
            core_vendors.announce(act.journal, seen=act.now, **more)
        return False

    patch.setattr(vendors, "announce", by_delivery)


def each_telling_is_a_notice(patch: Patch) -> None:
    """Whoever tells it again has something new to tell."""
    take_it, told = vendors.take, count()

    def anew(intake: Any, table: Any, came: Any, found: Any) -> Any:
        return take_it(intake, table, replace(came, id=f"{came.id}.{next(told)}"), found)

    patch.setattr(vendors, "take", anew)


def it_is_answered_first(patch: Patch) -> None:
    """A vendor does not like to wait."""
    patch.setattr(vendors, "announce", lambda *_: False)


def a_flag_first_and_then_the_rest(patch: Patch) -> None:
    """Two acts are two transactions."""
    patch.setattr(FailingStore, "batch", lambda _: nullcontext())


def a_switch_off_is_a_flag(patch: Patch) -> None:
    """Whom another serves no longer is no business of ours."""
    patch.setattr(vendors, "_OWN_WORDS", {})


def whoever_only_warns_has_relented(patch: Patch) -> None:
    """The newest word of a vendor is what it means."""
    raised = case_arms.ARMS[f.SignalRaised]

    def arm(case: Any, fact: Any, recorded: Any) -> None:
        raised(case, fact, recorded)
        if fact.version == WARNING:
            for item in case.adopted:
                case.held[item].settled = True

    patch.setitem(case_arms.ARMS, f.SignalRaised, arm)


# --- the stories that find it ------------------------------------------------------------------------------------


class _Play(Stage):
    """A story with two vendors."""

    def __init__(self) -> None:
        super().__init__()
        self.records = Records()
        self._count = 0

    def writes(self, reference: str, hazard: f.Hazard) -> None:
        """Let a vendor write down what it has found about an account."""
        name = alias(self.house.keyring.gate, "u").hex()
        self.records.write(reference, name, hazard, self.house.now)

    def announces(self, reference: str, kind: str = WARNING) -> None:
        """Let a vendor announce it, each time under another id."""
        self._count += 1
        came = Announced(vendor=ASKED, key=f"wh-{self._count}", reference=reference, kind=kind, at=self.house.now)
        announce(self.house, came)

    def asks(self) -> None:
        """Let the worker ask for what was announced."""
        there = {ASKED: Vendor(self.records.table(ASKED), self.records)}
        while self.house.act("ask", lambda: deliver(self.house.worker.app, (Mail(),), self.house.stores, there)):
            pass

    def tells(self, event: dict[str, Any]) -> None:
        """Let the other vendor say all at once."""
        self._count += 1
        table = self.records.table(TOLD)
        came = vendors.read(table, event, f"wh-{self._count}")
        assert isinstance(came, vendors.Reported)
        assert take(self.house, table, came, Chance(1, 1)) is not None


def a_vendor_is_away_for_hours() -> None:
    """It announces the gravest and answers two hours later: by then a decision was owed, and the account is held."""
    play = _Play()
    play.writes("C-1", f.Hazard.MASS_CASUALTY)
    for kind in (WARNING, DEACTIVATION):
        play.announces("C-1", kind)
    play.records.is_away = True
    for _ in range(8):
        play.asks()
        play.wait(minutes=15)
    play.records.is_away = False
    play.asks()
    play.house.announcing.at_rest()
    play.carry()
    play.wait(seconds=30)
    assert play.ask("u").level is Level.SUSPENDED


def a_vendor_repeats_itself() -> None:
    """It sends one warning twice under two ids, and another vendor tells the same twice."""
    play = _Play()
    play.writes("C-1", f.Hazard.STALKING)
    for _ in range(2):
        play.announces("C-1")
        play.asks()
        play.tells({"id": "C-1", "user": "u", "type": SUSPENDED, "why": "C-1"})
    assert len(play.house.announcing.read) == 2


def a_vendor_switches_somebody_off_and_warns_of_him() -> None:
    """The warning was sent first and comes last, when the worker has died once; what is held is held."""
    play = _Play()
    play.writes("C-1", f.Hazard.STALKING)
    play.announces("C-1", DEACTIVATION)
    play.house.disk.dies_after = True
    play.asks()
    play.wait(minutes=2)
    play.asks()
    play.announces("C-1")
    play.asks()
    play.house.announcing.at_rest()
    play.carry()
    play.wait(seconds=30)
    assert play.ask("u").level is Level.SUSPENDED
