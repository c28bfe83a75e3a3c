"""Courts, police and those who only say so: orders and events of the world, and the checks of what came of them.

Law: the notes here are made from the facts alone; an order that nobody called back does nothing (L13), one in force is
never weaker than it says (L4), and who is told of attempts is told once a day and nothing of what was written (L12).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from answerable.app import CallIn, EventIn, Identifier, IdentifierKind, OrderIn, proving
from answerable.core import facts as f
from answerable.ledger.verify import parse_vkey
from answerable.ports.notifier import Letter
from answerable.simulation.chance import Chance
from answerable.simulation.laws import Checks, Law
from answerable.simulation.people import User, named
from answerable.simulation.watching import Watch
from answerable.simulation.witness import SeenCase, Witness
from answerable_gate import Level

if TYPE_CHECKING:
    from answerable.simulation.house import House
    from answerable.simulation.world import World

DAY, NEARLY_A_DAY = timedelta(days=1), timedelta(hours=20)
ZONES = ("UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland")
ON_IT, IN_THE_REGISTER = "+14155550199", "+14155514000"
TOLD = "About the order"
WORDS = re.compile(
    r"An account under the order that protects you tried to connect, and was refused\.\n"
    r"This covers the time up to \d{4}-\d\d-\d\d\. You are told at most once a day, in the hours you gave\.\n"
    r"Reference: \S+\n"
    r"If you do not want to be told any more, say so where you gave your notice\.\n"
    r"If you are in danger now, call the emergency number\."
)


@dataclass(slots=True)
class _Seen:
    """An order as its facts tell it."""

    clauses: tuple[f.Clause, ...]
    is_verified: bool = False
    is_ended: bool = False
    executed: set[f.Clause] = field(default_factory=set)


class Ordering(Watch):
    """Notes of every order, and the checks over them."""

    def __init__(self, checks: Checks, witness: Witness) -> None:
        """Begin with no order."""
        self._checks = checks
        self._witness = witness
        self._orders: dict[str, dict[str, _Seen]] = {}
        self._digests: dict[str, datetime] = {}
        self._asked: dict[str, f.AttemptNoticesAsked] = {}

    def check(self, recorded: f.Recorded, _: Sequence[f.Fact], /) -> None:
        """Check one fact before it is noted."""
        fact = recorded.fact
        match fact:
            case f.OutsideEventVerified() | f.OrderVerified() | f.OrderEnded():
                name = fact.event if isinstance(fact, f.OutsideEventVerified) else fact.order
                read = name in self._witness.cases[fact.case].opened.get(fact.staff, set())
                event = isinstance(fact, f.OutsideEventVerified)
                able = self._witness.may_decide(fact.staff)
                self._checks.that(Law.L6, able and (read or event), f"{fact.staff} settled {name} without reading it")
            case f.ClauseExecuted():
                known = self._orders[fact.case][fact.order]
                self._checks.that(Law.L13, known.is_verified, f"{fact.clause} was executed before anybody called back")
            case f.CaseClosed():
                bound = [name for name, one in self._orders.get(fact.case, {}).items() if self._binds(fact.case, name)]
                self._checks.that(Law.L4, not bound, f"{fact.case} was closed under {bound}")
            case f.DigestPlanned():
                before = self._digests.get(fact.case)
                fresh = before is None or fact.send - before >= NEARLY_A_DAY
                self._checks.that(Law.L12, fresh, f"a second digest within a day in {fact.case}")
                asked = self._asked.get(fact.case)
                hers = asked is not None and _are_hers(asked, fact.send)
                self._checks.that(Law.L12, hers, f"nobody asked to be told of {fact.case} at {fact.send}")
                self._checks.that(Law.L12, fact.send > recorded.at, "a digest tells the time of an attempt")
            case _:
                pass

    def note(self, recorded: f.Recorded, /) -> None:
        """Note one fact."""
        fact = recorded.fact
        match fact:
            case f.OrderReceived():
                self._orders.setdefault(fact.case, {})[fact.order] = _Seen(fact.clauses)
            case f.OrderVerified():
                self._orders[fact.case][fact.order].is_verified = True
            case f.OrderEnded():
                self._orders[fact.case][fact.order].is_ended = True
            case f.ClauseExecuted():
                self._orders[fact.case][fact.order].executed.add(fact.clause)
            case f.AttemptNoticesAsked():
                self._asked[fact.case] = fact
            case f.AttemptNoticesEnded():
                self._asked.pop(fact.case, None)
            case f.DigestPlanned():
                self._digests[fact.case] = fact.send
            case _:
                pass

    def _binds(self, case: str, order: str) -> bool:
        one = self._orders[case][order]
        return one.is_verified and not one.is_ended and order not in self._witness.cases[case].refuted

    def owed(self, subjects: set[str], _: datetime, /) -> None:
        """Check, after an act on some subjects, that every order in force is whole and nothing of it was let go."""
        for case in self._witness.cases_of(subjects):
            for name, order in self._orders.get(case.id, {}).items():
                if not self._binds(case.id, name):
                    continue
                missing = set(order.clauses) - order.executed
                self._checks.that(Law.L4, not missing, f"{name} is in force without {sorted(missing)}")
                level = _held(case)
                holds = f.Clause.BLOCK not in order.clauses or level >= Level.SUSPENDED
                self._checks.that(Law.L4, holds, f"{name} blocks, and {case.id} holds {level.word}")

    def shown(self, proof: dict[str, Any]) -> None:
        """Check that what an authority is shown of an order leaves out nothing of what came of it (L8)."""
        one, said = self._orders[proof["case"]][proof["order"]], proof["summary"]
        executed = {clause["clause"] for clause in said["clauses"] if clause["executed"]}
        for what, shown, noted in (
            ("the call", said["verified"] is not None, one.is_verified),
            ("the end", said["ended"] is not None, one.is_ended),
            ("that it is void", said["void"] is not None, proof["order"] in self._witness.cases[proof["case"]].refuted),
            ("a clause", executed, {clause.value for clause in one.executed}),
        ):
            self._checks.that(Law.L8, shown == noted, f"the proof of {proof['order']} leaves out {what}")

    def told(self, letters: Sequence[Letter]) -> None:
        """Check, at rest, that whoever was told of attempts was told nothing else, and of each day once (L12)."""
        days: dict[tuple[str, str], set[str]] = {}
        for letter in letters:
            bare = WORDS.fullmatch(letter.body) is not None
            self._checks.that(Law.L12, bare, f"{letter.id} says more than that there were attempts")
            day = letter.body.partition("up to ")[2][:10]
            days.setdefault((letter.to, day), set()).add(letter.id)
        for (to, day), ids in days.items():
            self._checks.that(Law.L12, len(ids) == 1, f"{to} was told {len(ids)} times on {day}")


def _are_hers(asked: f.AttemptNoticesAsked, send: datetime) -> bool:
    """Tell whether a moment lies within the hours that somebody gave, by the clock on her wall."""
    local = send.astimezone(ZoneInfo(asked.zone)).hour
    first, last = asked.from_hour, asked.to_hour
    return first <= local < last if first < last else local >= first or local < last


def _held(case: SeenCase) -> Level:
    """Return the highest level that a case holds by what nobody let go."""
    levels = (item.standing.level for item in case.items.values() if item.lift is None and not item.is_default)
    return max(levels, default=Level.NONE)


def show(house: House, case: f.CaseId, order: f.OrderId) -> None:
    """Draw up what an authority is shown of an order, and check it as the authority does; nothing while none signs."""
    house.seal()
    if house.disk.is_late:
        return
    listed = house.act("gather", lambda: proving.gather(house.app.acts, case, order))
    if not isinstance(listed, proving.Gathered):
        return
    house.act("show", lambda: house.app.orders.show(listed, by="lead-1"))
    house.seal()
    proof = house.act("prove", lambda: proving.prove(house.app.acts, case, order))
    if isinstance(proof, dict):
        house.ordering.shown(proving.check(json.dumps(proof).encode(), (parse_vkey(house.signer.vkey),)))


class Courts:
    """What happens outside, and what is only said to have happened."""

    def __init__(self, world: World, chance: Chance) -> None:
        """Take the world that it happens in."""
        self._world = world
        self._chance = chance
        self._true: set[str] = set()

    def begin(self) -> None:
        """Set the first of each."""
        for event, every in (
            (self._report, 15 * DAY),
            (self._order, 20 * DAY),
            (self._call, 2 * DAY),
            (self._end, 45 * DAY),
            (self._ask, 5 * DAY),
        ):
            self._world.recur(event, every, self._chance)

    def _about(self) -> tuple[User, bool]:
        """Return whom it is about, and whether it is so: a letterhead is easily made."""
        people, is_true = self._world.people, self._chance.happens(0.7)
        return self._chance.pick(people.dangerous if is_true else people.harmless), is_true

    def _report(self) -> None:
        about, is_true = self._about()
        key = f"ev-{len(self._world.given)}"
        kind = self._chance.pick(tuple(f.EventKind))
        came = EventIn(
            id=key, source="desk-1", kind=kind, text="It was in the news.", hazard=about.hazard,
            subject=(Identifier(IdentifierKind.ACCOUNT, about.account),), numbers=(ON_IT,),
            person=named(about.harms) if about.harms and self._chance.happens(0.5) else (),
        )  # fmt: skip
        self._world.given.add(key)
        taken = self._world.house.act(f"event {about.account}", lambda: self._world.house.app.orders.report(came))
        if taken is not None and is_true:
            self._true.add(taken.id)

    def _order(self) -> None:
        about, is_true = self._about()
        key = f"or-{len(self._world.given)}"
        clauses = tuple(one for one in f.Clause if self._chance.happens(0.7)) or (f.Clause.BLOCK,)
        came = OrderIn(
            id=key, source="desk-1", clauses=clauses, authority=f.Authority.COURT, jurisdiction="US-CA",
            document="00" * 32, reference=key, hazard=about.hazard, dated=self._world.house.now, numbers=(ON_IT,),
            subject=(Identifier(IdentifierKind.ACCOUNT, about.account),),
            person=named(about.harms) if about.harms else (),
        )  # fmt: skip
        self._world.given.add(key)
        taken = self._world.house.act(f"order {about.account}", lambda: self._world.house.app.orders.receive(came))
        if taken is not None and is_true:
            self._true.add(taken.id)

    def _waiting(self) -> list[tuple[SeenCase, str]]:
        cases = self._world.house.witness.cases.values()
        return [(case, name) for case in cases for name, at in case.claims.items() if at is None]

    def _call(self) -> None:
        """Go over what nobody has called back: the lead as it should be, others by the number that stands on it."""
        house = self._world.house
        for seen, name in self._waiting():
            case, careful = f.CaseId(seen.id), self._chance.happens(0.7)
            if careful and name not in self._true:
                continue
            staff = f.StaffId("lead-1" if careful else "reviewer-1")
            number = IN_THE_REGISTER if careful else ON_IT
            call = CallIn(number=number, found=f.Found.OFFICIAL_REGISTER, called=house.now)
            if self._chance.happens(0.9):
                house.view(case, staff)
            app = house.app.orders
            verb = (
                partial(app.verify, case, f.OrderId(name), call, staff=staff)
                if name in seen.orders
                else partial(app.verify_event, case, f.EventId(name), call, staff=staff)
            )
            house.act(f"call {name[:12]}", verb)

    def _end(self) -> None:
        house = self._world.house
        orders = [(case, name) for case in house.witness.cases.values() for name in sorted(case.orders)]
        if not orders:
            return
        seen, name = self._chance.pick(orders)
        case, lead = f.CaseId(seen.id), f.StaffId("lead-1")
        call = CallIn(number=IN_THE_REGISTER, found=f.Found.OWN_DIRECTORY, called=house.now)
        house.view(case, lead)
        house.act("order ends", lambda: house.app.orders.end(case, f.OrderId(name), call, staff=lead))
        show(house, case, f.OrderId(name))

    def _ask(self) -> None:
        """Let somebody who warned ask to be told of attempts, or not any more."""
        house = self._world.house
        cases = [case for case in house.witness.cases.values() if case.notices]
        if not cases:
            return
        seen = self._chance.pick([case for case in cases if case.orders] or cases)
        case, notice = f.CaseId(seen.id), f.NoticeId(self._chance.pick(list(seen.notices)))
        hour, zone = self._chance.below(24), ZONES[sum(seen.id.encode()) % len(ZONES)]
        told = house.app.orders
        verb = (
            partial(told.tell, case, notice, from_hour=hour, to_hour=(hour + 9) % 24, zone=zone, by="portal")
            if self._chance.happens(0.8)
            else partial(told.tell_no_more, case, notice, by="portal")
        )
        house.act("asks to be told", verb)
