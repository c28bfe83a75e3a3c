"""Orders and outside events: claims until somebody called back; then each clause is put in force.

Law: an unverified one goes no further than watch (L13); one in force is never weaker than it says until its end is
recorded and the interlock lets go (L4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from answerable.core import decisions, defaults, holds, openings
from answerable.core.cases import Case
from answerable.core.claims import Event, Order
from answerable.core.facts import (
    UNKNOWN,
    Authority,
    CaseId,
    Clause,
    ClauseExecuted,
    DeadlineKind,
    EventId,
    EventKind,
    Found,
    Hazard,
    OrderEnded,
    OrderId,
    OrderReceived,
    OrderShown,
    OrderVerified,
    OutsideEventReported,
    OutsideEventVerified,
    PersonId,
    Refused,
    StaffId,
    SubjectId,
    TextRef,
    Tier,
)
from answerable.core.journal import Journal
from answerable_gate import Level, Standing

SCOPE = "account, by order"
MINUTES_MAX = timedelta(minutes=5)
"""By so much the time that somebody wrote down for a call may be off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventIn:
    """An event as it was reported; see `OutsideEventReported`. `person` is UNKNOWN where it concerns nobody named."""

    event: EventId
    subject: SubjectId
    person: PersonId
    kind: EventKind
    hazard: Hazard
    text: TextRef
    commit: str
    numbers: tuple[str, ...]
    barred: tuple[StaffId, ...]
    dated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIn:
    """An order as it came in; see `OrderReceived`."""

    order: OrderId
    subject: SubjectId
    person: PersonId
    hazard: Hazard
    clauses: tuple[Clause, ...]
    authority: Authority
    jurisdiction: str
    document: TextRef
    document_commit: str
    reference: TextRef
    reference_commit: str
    numbers: tuple[str, ...]
    barred: tuple[StaffId, ...]
    dated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBack:
    """A call to the issuer: where the number was found, its keyed hash, its sealed text, its commitment, and when."""

    found: Found
    hashed: str
    number: TextRef
    commit: str
    called: datetime


# --- outside events


def report(journal: Journal, came: EventIn) -> tuple[Case, ...]:
    """Record an event in the case of its pair, or in every case of the account where it names nobody.

    It is E0 and a closed case stays closed until it was verified; somebody owes the call either way.
    """
    cases = tuple(journal.files.subject(came.subject).cases.values()) if came.person == UNKNOWN else ()
    if not cases:
        found = openings.find(journal, came.subject, came.person, names=False)
        cases = (found or openings.case_for(journal, came.subject, came.person, came.hazard, Tier.CONCERN, names=True),)
    for case in cases:
        journal.write(
            OutsideEventReported(
                subject=case.subject,
                case=case.id,
                event=came.event,
                kind=came.kind,
                hazard=came.hazard,
                text=came.text,
                commit=came.commit,
                numbers=came.numbers,
                barred=came.barred,
                dated=came.dated,
            )
        )
        _owe_call(journal, case, came.event, _tier(came.kind))
        if case.is_open:
            openings.assign(journal, case)
            defaults.arm(journal, case, notice=None)
    return cases


def verify_event(
    journal: Journal, case_id: CaseId, event_id: EventId, call: CallBack, *, staff: StaffId
) -> Refused | None:
    """Record that a person called back and it is so: the case reopens, a release makes it tier 1, and E3 is armed."""
    case = journal.files.case(case_id)
    event = case.events.get(event_id)
    refused = _unfit(journal, case, event_id, event, call, staff)
    if refused is not None or event is None:
        return refused
    tier = _tier(event.fact.kind)
    for one in journal.files.subject(case.subject).cases.values():
        # What names nobody stands in every case of the account: one call settles it in all that this person may see.
        told = one.events.get(event_id)
        if told is not None and told.verified_at is None and openings.may_act(journal, one, staff) is None:
            _write_verified(journal, one, event_id, call, staff)
            openings.reopen(journal, one, tier)
            defaults.raise_tier(journal, one, tier, event.fact.kind.value)
            defaults.arm(journal, one, notice=None)
    return None


def _write_verified(journal: Journal, case: Case, event: EventId, call: CallBack, staff: StaffId) -> None:
    journal.write(
        OutsideEventVerified(
            subject=case.subject,
            case=case.id,
            event=event,
            staff=staff,
            found=call.found,
            number=call.number,
            commit=call.commit,
            called=call.called,
        )
    )


def _tier(kind: EventKind) -> Tier:
    return Tier.CRITICAL if kind is EventKind.RELEASE else Tier.SERIOUS


# --- orders


def receive(journal: Journal, came: OrderIn) -> Case:
    """Record an order in the case of its pair: tier 1 from here on, and a claim until it was called back."""
    case = openings.case_for(journal, came.subject, came.person, came.hazard, Tier.CRITICAL, names=True)
    journal.write(
        OrderReceived(
            subject=case.subject,
            case=case.id,
            order=came.order,
            clauses=came.clauses,
            authority=came.authority,
            jurisdiction=came.jurisdiction,
            document=came.document,
            document_commit=came.document_commit,
            reference=came.reference,
            reference_commit=came.reference_commit,
            numbers=came.numbers,
            barred=came.barred,
            dated=came.dated,
        )
    )
    openings.assign(journal, case)
    defaults.raise_tier(journal, case, Tier.CRITICAL, "order")
    _owe_call(journal, case, came.order, Tier.CRITICAL)
    defaults.arm(journal, case, notice=None)
    return case


def verify(journal: Journal, case_id: CaseId, order_id: OrderId, call: CallBack, *, staff: StaffId) -> Refused | None:
    """Record that a person called the issuer back and the order is theirs, and put each clause in force at once."""
    case = journal.files.case(case_id)
    order = case.orders.get(order_id)
    refused = _unfit(journal, case, order_id, order, call, staff)
    if refused is not None or order is None:
        return refused
    journal.write(
        OrderVerified(
            subject=case.subject,
            case=case.id,
            order=order_id,
            staff=staff,
            found=call.found,
            number=call.number,
            commit=call.commit,
            called=call.called,
        )
    )
    openings.reopen(journal, case, Tier.CRITICAL)
    defaults.raise_tier(journal, case, Tier.CRITICAL, "order")
    for clause in order.fact.clauses:
        _execute(journal, case, order_id, clause, staff)
    defaults.arm(journal, case, notice=None)
    return None


def _execute(journal: Journal, case: Case, order: OrderId, clause: Clause, staff: StaffId) -> None:
    """Put one clause in force and say as what; standing over links and the digests follow from the files alone."""
    item = hold = None
    if clause is Clause.BLOCK:
        by_order = Standing(Level.SUSPENDED)
        item = decisions.set_measure(journal, case, by_order, staff=staff, scope=SCOPE, proportionality=None)
    elif clause is Clause.PRESERVE:
        hold = holds.order(journal, case, about=order)
    journal.write(
        ClauseExecuted(subject=case.subject, case=case.id, order=order, clause=clause, item=item, hold=hold)
    )


def end(journal: Journal, case_id: CaseId, order_id: OrderId, call: CallBack, *, staff: StaffId) -> Refused | None:
    """Record that the order no longer binds, as its issuer said when called back; the interlock does the rest (L4)."""
    case = journal.files.case(case_id)
    order = case.orders.get(order_id)
    refused = _unopened(journal, case, order_id, staff)
    if refused is not None or order is None:
        return refused
    if order not in case.binding():
        return Refused("not_in_force", "This order is not in force.")
    no_call = _no_call(order, call)
    if no_call is not None:
        return no_call
    journal.write(
        OrderEnded(
            subject=case.subject,
            case=case.id,
            order=order_id,
            staff=staff,
            found=call.found,
            number=call.number,
            commit=call.commit,
            called=call.called,
        )
    )
    return None


def show(
    journal: Journal, case_id: CaseId, order_id: OrderId, *, leaves: tuple[int, ...], left_out: int
) -> Refused | None:
    """Record which entries show what was done for an order, so that whoever is shown them sees where one is missing."""
    case = journal.files.case(case_id)
    if order_id not in case.orders:
        return Refused("not_found", "There is no such order.")
    journal.write(
        OrderShown(subject=case.subject, case=case.id, order=order_id, leaves=leaves, left_out=left_out)
    )
    return None


# --- calling back


def _owe_call(journal: Journal, case: Case, about: str, tier: Tier) -> None:
    limit = journal.policy_of(case).decide_within(tier, now=journal.now)
    defaults.set_deadline_at(journal, case, DeadlineKind.CALL_BACK, due=journal.now + limit, about=about)


def _unfit(
    journal: Journal, case: Case, name: str, claim: Event | Order | None, call: CallBack, staff: StaffId
) -> Refused | None:
    """Refuse what verifies nothing: by who has not read it, under a number it gave itself, or a second time."""
    refused = _unopened(journal, case, name, staff)
    if refused is not None or claim is None:
        return refused
    if claim.verified_at is not None or name in case.refuted:
        return Refused("already_settled", "This was called back already, or found void.")
    return _no_call(claim, call)


def _no_call(claim: Event | Order, call: CallBack) -> Refused | None:
    """Refuse a call that was made before the message came, or under a number that stands in it."""
    if call.called < claim.at - MINUTES_MAX:
        return Refused("called_before", "This call was made before the message came in. Call about this one.")
    if call.hashed in claim.fact.numbers:
        said = "This number stands in the message itself. Find the issuer's number independently, and call that."
        return Refused("same_number", said)
    return None


def _unopened(journal: Journal, case: Case, name: str, staff: StaffId) -> Refused | None:
    refused = openings.may_act(journal, case, staff)
    if refused is not None:
        return refused
    if name not in case.events and name not in case.orders:
        return Refused("not_found", "This case has no such event or order.")
    if name not in case.opened_by.get(staff, set()):
        return Refused("not_opened", "Open the case before you say what the call gave.")
    return None
