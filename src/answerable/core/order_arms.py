"""The fold's arms for what came from outside: events, orders, attempts, and who is told of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from answerable.core import facts as f
from answerable.core.cases import Case
from answerable.core.claims import APART, Event, Order


def _reported(case: Case, fact: f.OutsideEventReported, recorded: f.Recorded) -> None:
    case.events[fact.event] = Event(fact=fact, at=recorded.at)
    case.barred.update(fact.barred)


def _event_verified(case: Case, fact: f.OutsideEventVerified, recorded: f.Recorded) -> None:
    case.events[fact.event].verified_at = recorded.at
    _called_back(case, fact.event)


def _received(case: Case, fact: f.OrderReceived, recorded: f.Recorded) -> None:
    case.orders[fact.order] = Order(fact=fact, at=recorded.at)
    case.barred.update(fact.barred)


def _order_verified(case: Case, fact: f.OrderVerified, recorded: f.Recorded) -> None:
    case.orders[fact.order].verified_at = recorded.at
    _called_back(case, fact.order)


def _called_back(case: Case, about: str) -> None:
    for deadline in case.deadlines.values():
        if deadline.kind is f.DeadlineKind.CALL_BACK and deadline.about == about:
            deadline.met = True


def _executed(case: Case, fact: f.ClauseExecuted, _: f.Recorded) -> None:
    order = case.orders[fact.order]
    assert order.verified_at is not None, "nothing is executed for an order that nobody called back (L13)"
    order.executed[fact.clause] = fact


def _ended(case: Case, fact: f.OrderEnded, recorded: f.Recorded) -> None:
    case.orders[fact.order].ended_at = recorded.at


def _attempts(case: Case, fact: f.AttemptsRefused, _: f.Recorded) -> None:
    case.orders[fact.order].refused += fact.exchanges


def _shown(case: Case, fact: f.OrderShown, recorded: f.Recorded) -> None:
    case.orders[fact.order].shown = recorded.seq


def _asked(case: Case, fact: f.AttemptNoticesAsked, _: f.Recorded) -> None:
    case.telling.asked = fact


def _asked_no_more(case: Case, _fact: f.AttemptNoticesEnded, _: f.Recorded) -> None:
    case.telling.asked = None


def _planned(case: Case, fact: f.DigestPlanned, _: f.Recorded) -> None:
    before = case.telling.planned
    assert before is None or before + APART <= fact.send, "at most one digest a day"
    case.telling.planned = fact.send


def _sent(case: Case, fact: f.DigestSent, _: f.Recorded) -> None:
    case.telling.sent = fact.send


ARMS: dict[type, Callable[[Case, Any, f.Recorded], None]] = {
    f.OutsideEventReported: _reported,
    f.OutsideEventVerified: _event_verified,
    f.OrderReceived: _received,
    f.OrderVerified: _order_verified,
    f.ClauseExecuted: _executed,
    f.OrderEnded: _ended,
    f.AttemptsRefused: _attempts,
    f.OrderShown: _shown,
    f.AttemptNoticesAsked: _asked,
    f.AttemptNoticesEnded: _asked_no_more,
    f.DigestPlanned: _planned,
    f.DigestSent: _sent,
}
assert set(ARMS) == set(get_args(f.OutsideFact)), "a fact from outside has no arm"
