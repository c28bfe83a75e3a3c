"""Faults in orders, outside events and notices of attempts, and the shortest story in which each cannot stay unseen.

Law: each story passes where nothing is planted, and the check that sees the fault is one of the simulator's own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from typing import Any

import pytest

from answerable.app import CallIn, EventIn, Identifier, IdentifierKind, OrderIn, proving
from answerable.core import attempts, decisions, orders
from answerable.core import facts as f
from answerable.core.cases import Case
from answerable.simulation.ordering import show
from answerable.simulation.outside import Mail
from answerable.simulation.people import named
from answerable.work import letters
from answerable.work.outbox import deliver
from answerable_gate import Level
from tests.mutants.stage import LEAD, Stage

Patch = pytest.MonkeyPatch
HER = "her@mail.example"


# --- what somebody might build -----------------------------------------------------------------------------------


def a_letterhead_is_proof(patch: Patch) -> None:
    """What looks like an order is one."""

    def all_of_them(case: Case) -> dict[str, Any]:
        claims: list[tuple[str, Any]] = [*case.events.items(), *case.orders.items()]
        return {name: one.at for name, one in claims}

    patch.setattr(Case, "verified", property(all_of_them))


def whoever_answers_the_telephone_verifies(patch: Patch) -> None:
    """A call is a call; what it was about stands in the file."""
    patch.setattr(orders, "_unopened", lambda *_: None)


def two_may_overrule_a_court(patch: Patch) -> None:
    """The interlock is enough for everything."""
    patch.setattr(decisions, "bound", lambda *_, **__: None)


def three_of_four(patch: Patch) -> None:
    """Nobody wants to keep things."""
    execute = orders._execute

    def three(journal: Any, case: Any, order: Any, clause: Any, staff: Any) -> None:
        if clause is not f.Clause.PRESERVE:
            execute(journal, case, order, clause, staff)

    patch.setattr(orders, "_execute", three)


def an_ended_order_lets_go(patch: Patch) -> None:
    """What was only there by order goes with it."""
    end = orders.end

    def ended(journal: Any, case_id: Any, order: Any, call: Any, *, staff: Any) -> Any:
        refused = end(journal, case_id, order, call, staff=staff)
        case = journal.files.case(case_id)
        lifts = tuple(f.ItemId(held.item.id) for held in case.live())
        journal.write(
            f.MeasureLifted(subject=case.subject, case=case.id, proposal=None, lifts=lifts, staff=(staff,))
        )
        return refused

    patch.setattr(orders, "end", ended)


def the_end_is_nobodys_business(patch: Patch) -> None:
    """Shown is what was done, not what no longer is."""
    found = proving._of

    def better(order: Any, recorded: Any) -> Any:
        return [one for one in found(order, recorded) if not isinstance(one.fact, f.OrderEnded)]

    patch.setattr(proving, "_of", better)


def each_attempt_is_told(patch: Patch) -> None:
    """She has a right to know."""

    def at_once(journal: Any, case: Any, _: Any) -> None:
        send = journal.now + timedelta(seconds=1)
        case.telling.planned = None
        fact = f.DigestPlanned(subject=case.subject, case=case.id, notice=case.telling.asked.notice, send=send)
        journal.write(fact)

    patch.setattr(attempts, "_plan", at_once)


def it_is_the_same_time_everywhere(patch: Patch) -> None:
    """Nine is nine."""
    next_start = attempts.next_start
    patch.setattr(attempts, "next_start", lambda hour, _, *, now: next_start(hour, UTC, now=now))


def the_letter_says_how_often(patch: Patch) -> None:
    """A number says nothing of what was written."""
    attempt = letters.attempt

    def counted(outgoing: Any, day: Any) -> Any:
        letter = attempt(outgoing, day)
        return replace(letter, body=letter.body + "\nThere were 12 attempts.")

    patch.setattr(letters, "attempt", counted)


# --- the stories that find it ------------------------------------------------------------------------------------


def _order(stage: Stage, *clauses: f.Clause) -> tuple[f.CaseId, f.OrderId]:
    came = OrderIn(
        id="o", source="desk", clauses=clauses or tuple(f.Clause), authority=f.Authority.COURT, jurisdiction="US-CA",
        document="00" * 32, reference="r", subject=(Identifier(IdentifierKind.ACCOUNT, "u"),), person=named(HER),
        dated=stage.house.now, numbers=("+14155550199",),
    )
    taken = stage.house.act("order", lambda: stage.house.app.orders.receive(came))
    assert taken is not None and taken.case is not None
    stage.subjects["u"] = stage.house.witness.cases[taken.case].subject
    return f.CaseId(taken.case), f.OrderId(taken.id)


def _call(stage: Stage) -> CallIn:
    return CallIn(number="+14155514000", found=f.Found.OFFICIAL_SITE, called=stage.house.now)


def _verify(stage: Stage, case: f.CaseId, order: f.OrderId) -> f.Refused | None:
    call = _call(stage)
    return stage.house.act("verify", lambda: stage.house.app.orders.verify(case, order, call, staff=LEAD))


def _in_force(stage: Stage) -> tuple[f.CaseId, f.OrderId]:
    case, order = _order(stage)
    stage.view(case, LEAD)
    assert _verify(stage, case, order) is None
    stage.carry()
    return case, order


def an_order_and_an_event_that_nobody_calls_back() -> None:
    """Both come in, and nobody does anything."""
    stage = Stage()
    _order(stage)
    came = EventIn(
        id="e", source="desk", kind=f.EventKind.ARREST, text="So.", numbers=(),
        subject=(Identifier(IdentifierKind.ACCOUNT, "u"),),
    )
    stage.house.act("event", lambda: stage.house.app.orders.report(came))
    stage.wait(hours=2)
    stage.tick()
    stage.carry()
    assert stage.ask("u").level is Level.WATCH


def somebody_verifies_what_nobody_opened() -> None:
    """The lead calls back and has read nothing."""
    stage = Stage()
    case, order = _order(stage)
    assert _verify(stage, case, order) is not None


def two_want_to_go_below_an_order() -> None:
    """An order blocks the account, and two who may sign find that too much."""
    stage = Stage()
    case, _ = _in_force(stage)
    stage.answer(case, LEAD)
    proposal = stage.propose(case, LEAD, Level.PAUSED)
    if isinstance(proposal, f.Refused):
        assert proposal.code == "order_in_force"
        return
    second = f.StaffId(stage.house.witness.cases[case].proposals[proposal].drawn[-1])
    stage.view(case, second)
    assert stage.countersign(case, proposal, second) is None
    stage.wait(days=4)
    stage.lift(case, proposal, LEAD)


def an_order_comes_into_force() -> None:
    """It is read, called back, and in force as it says."""
    stage = Stage()
    _in_force(stage)
    assert stage.ask("u").answer == "refuse"


def an_order_ends() -> None:
    """Its issuer says that it is over; what it brought about goes on."""
    stage = Stage()
    case, order = _in_force(stage)
    call = _call(stage)
    stage.house.act("end", lambda: stage.house.app.orders.end(case, order, call, staff=LEAD))
    stage.carry()
    assert stage.ask("u").answer == "refuse"


def an_authority_asks_what_became_of_its_order() -> None:
    """It is in force, and over; each time somebody asks to be shown."""
    stage = Stage()
    case, order = _in_force(stage)
    show(stage.house, case, order)
    call = _call(stage)
    stage.house.act("end", lambda: stage.house.app.orders.end(case, order, call, staff=LEAD))
    show(stage.house, case, order)


def she_lives_elsewhere() -> None:
    """It is night where she is when it is nine here."""
    he_tries_for_three_days("America/Los_Angeles")


def he_tries_for_three_days(zone: str = "UTC") -> None:
    """She asked to be told, and he tries four times a day."""
    stage, mail = Stage(), Mail()
    case = stage.warn("u", reporter=HER)
    (notice,) = stage.house.witness.cases[case].notices
    tell = partial(stage.house.app.orders.tell, case, f.NoticeId(notice), zone=zone, by="portal")
    assert stage.house.act("tell", partial(tell, from_hour=9, to_hour=18)) is None
    assert _in_force(stage)[0] == case
    house = stage.house
    for _ in range(13):
        stage.wait(hours=6)
        stage.carry()
        assert stage.ask("u").answer == "refuse"
        house.act("exchanges", lambda: house.app.record_exchanges(house.log))
        house.act("blocks", house.worker.app.seal_exposures)
        while house.act("deliver", lambda: deliver(house.worker.app, (mail,), house.stores)):
            pass
    house.ordering.told(mail.told)
    assert len(mail.told) == 3
