"""Orders and outside events: taken in as claims, called back by staff, and what of it may leave the house.

Law: every text, document number and telephone number is sealed; the facts hold commitments and keyed hashes (L8, L12).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from answerable.app import identifying, proving
from answerable.app.acts import Act, Acts
from answerable.app.incoming import Taken
from answerable.app.intake import Asked, Intake, keep_answer, told_before
from answerable.app.proving import Gathered
from answerable.core import attempts, openings, orders
from answerable.core.facts import (
    UNKNOWN,
    Authority,
    CaseId,
    Clause,
    EventId,
    EventKind,
    Found,
    Hazard,
    NoticeId,
    OrderId,
    PersonId,
    Refused,
    StaffId,
    SubjectId,
    TextRef,
)
from answerable.edge import zone_of
from answerable.errors import BadInput, ConfigError
from answerable.vault.identifiers import Identifier, IdentifierKind

_FUTURE_MAX = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventIn:
    """An event as somebody reported it: what was said, and the telephone numbers that the message gave."""

    id: str
    source: str
    kind: EventKind
    text: str
    subject: tuple[Identifier, ...]
    person: tuple[Identifier, ...] = ()
    hazard: Hazard = Hazard.OTHER
    numbers: tuple[str, ...] = ()
    dated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIn:
    """An order as it came in; `document` is the SHA-256 of its file as hex, `reference` its issuer's number for it."""

    id: str
    source: str
    clauses: tuple[Clause, ...]
    authority: Authority
    jurisdiction: str
    document: str
    reference: str
    subject: tuple[Identifier, ...]
    person: tuple[Identifier, ...] = ()
    hazard: Hazard = Hazard.OTHER
    numbers: tuple[str, ...] = ()
    dated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallIn:
    """A call to the issuer: the number that was called, where it was found, and when."""

    number: str
    found: Found
    called: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A planned digest: whether it may go out now, and up to which day of her calendar it speaks."""

    is_now: bool
    day: date


class Ordering:
    """The verbs of orders and outside events."""

    def __init__(self, acts: Acts, intake: Intake) -> None:
        """Take the acts to write with, and the intake that knows whose account something is about."""
        self._acts = acts
        self._intake = intake

    # --- what comes in

    def report(self, came: EventIn, asked: Asked | None = None) -> Taken:
        """Take in an outside event; a claim until somebody calls back."""
        asked = asked or self._intake.ask(came.subject)
        with self._acts.store.act() as tx:
            known = told_before(tx, f"event:{came.source}", came.id)
            if known is not None:
                return known
            subject, new = self._intake.locate(tx, asked.account, came.subject)
            with self._acts.within(tx, came.source, (subject,)) as act:
                self._enter(act, subject, asked.account, came.subject, new=new)
                person = identifying.person(act, self._intake.index, came.person, within=subject)
                incoming = self._event(act, subject, person or UNKNOWN, came)
                cases = orders.report(act.journal, incoming)
                taken = Taken(id=incoming.event, case=cases[0].id, at=act.now)
                return keep_answer(act, f"event:{came.source}", came.id, taken)

    def report_on(self, case: CaseId, came: EventIn, *, staff: StaffId) -> EventId | Refused:
        """Take in, as a member of staff, an event about the account and the person of a case."""
        with self._acts.on_case(case, staff) as act:
            file = act.journal.files.case(case)
            refused = openings.may_act(act.journal, file, staff)
            if refused is not None:
                return refused
            incoming = self._event(act, file.subject, file.person, came)
            orders.report(act.journal, incoming)
            return incoming.event

    def receive(self, came: OrderIn, asked: Asked | None = None) -> Taken:
        """Take in an order; tier 1, and a claim until somebody calls its issuer back."""
        if not came.clauses or len(set(came.clauses)) != len(came.clauses):
            raise BadInput("an order has at least one clause, and each once")
        asked = asked or self._intake.ask(came.subject)
        with self._acts.store.act() as tx:
            known = told_before(tx, f"order:{came.source}", came.id)
            if known is not None:
                return known
            subject, new = self._intake.locate(tx, asked.account, came.subject)
            with self._acts.within(tx, came.source, (subject,)) as act:
                self._enter(act, subject, asked.account, came.subject, new=new)
                person = identifying.person(act, self._intake.index, came.person, within=subject)
                incoming = self._order(act, subject, person or UNKNOWN, came)
                case = orders.receive(act.journal, incoming)
                taken = Taken(id=incoming.order, case=case.id, at=act.now)
                return keep_answer(act, f"order:{came.source}", came.id, taken)

    def _enter(
        self, act: Act, subject: SubjectId, account: str | None, given: Sequence[Identifier], *, new: bool
    ) -> None:
        if new or not act.journal.files.subject(subject).found:
            identifying.enter_subject(act, self._intake.index, subject, account, given)

    def _event(self, act: Act, subject: SubjectId, person: PersonId, came: EventIn) -> orders.EventIn:
        text, commit = act.seal(came.text, subject=subject, author=came.source, slot="event")
        return orders.EventIn(
            event=EventId(act.mint.token("event")),
            subject=subject,
            person=person,
            kind=came.kind,
            hazard=came.hazard,
            text=TextRef(text),
            commit=commit,
            numbers=self._hashes(came.numbers),
            barred=self._barred(act, (*came.subject, *came.person)),
            dated=_dated(came.dated, act.now),
        )

    def _order(self, act: Act, subject: SubjectId, person: PersonId, came: OrderIn) -> orders.OrderIn:
        document, document_commit = act.seal(came.document, subject=subject, author=came.source, slot="order")
        reference, reference_commit = act.seal(came.reference, subject=subject, author=came.source, slot="order")
        return orders.OrderIn(
            order=OrderId(act.mint.token("order")),
            subject=subject,
            person=person,
            hazard=came.hazard,
            clauses=tuple(sorted(came.clauses)),
            authority=came.authority,
            jurisdiction=came.jurisdiction,
            document=TextRef(document),
            document_commit=document_commit,
            reference=TextRef(reference),
            reference_commit=reference_commit,
            numbers=self._hashes(came.numbers),
            barred=self._barred(act, (*came.subject, *came.person)),
            dated=_dated(came.dated, act.now),
        )

    def _barred(self, act: Act, given: Sequence[Identifier]) -> tuple[StaffId, ...]:
        return identifying.barred_staff(act, self._intake.index.blinds(given))

    def _hashes(self, numbers: Sequence[str]) -> tuple[str, ...]:
        """Return the keyed hashes of telephone numbers; what is none cannot be called back either."""
        found = self._intake.index.blinds([Identifier(IdentifierKind.PHONE, number) for number in numbers])
        return tuple(sorted({one.key for one in found}))

    # --- calling back

    def verify_event(self, case: CaseId, event: EventId, call: CallIn, *, staff: StaffId) -> Refused | None:
        """Record that a person called back and the event is so."""
        with self._acts.on_case(case, staff) as act:
            back = self._call(act, case, call, staff)
            return orders.verify_event(act.journal, case, event, back, staff=staff)

    def verify(self, case: CaseId, order: OrderId, call: CallIn, *, staff: StaffId) -> Refused | None:
        """Record that a person called the issuer back, and put each clause in force."""
        with self._acts.on_case(case, staff) as act:
            return orders.verify(act.journal, case, order, self._call(act, case, call, staff), staff=staff)

    def end(self, case: CaseId, order: OrderId, call: CallIn, *, staff: StaffId) -> Refused | None:
        """Record that its issuer, called back, said that an order no longer binds."""
        with self._acts.on_case(case, staff) as act:
            return orders.end(act.journal, case, order, self._call(act, case, call, staff), staff=staff)

    def _call(self, act: Act, case: CaseId, call: CallIn, staff: StaffId) -> orders.CallBack:
        hashed = self._hashes((call.number,))
        if not hashed:
            raise BadInput("this is no telephone number", hint="write it with its country, as +44 20 7946 0000")
        if call.called > act.now + _FUTURE_MAX:
            raise BadInput("this call lies in the future")
        subject = act.journal.files.case(case).subject
        number, commit = act.seal(call.number, subject=subject, author=staff, slot="number")
        return orders.CallBack(
            found=call.found, hashed=hashed[0], number=TextRef(number), commit=commit, called=call.called
        )

    def show(self, found: Gathered, *, by: str) -> datetime | Refused:
        """Record which entries show what was done for an order; return as of when its proof will speak."""
        return proving.draw(self._acts, found, by=by)

    # --- who is told of attempts

    def tell(
        self, case: CaseId, notice: NoticeId, *, from_hour: int, to_hour: int, zone: str, by: str
    ) -> Refused | None:
        """Record that the protected person wants to be told of attempts, within these hours of her time zone."""
        if zone_of(zone) is None:
            raise BadInput("there is no such time zone", hint="it is named as by IANA, for example Europe/Berlin")
        with self._acts.on_case(case, by) as act:
            return attempts.ask(act.journal, case, notice, from_hour=from_hour, to_hour=to_hour, zone=zone)

    def tell_no_more(self, case: CaseId, notice: NoticeId, *, by: str) -> Refused | None:
        """Record that the protected person does not want to be told any more."""
        with self._acts.on_case(case, by) as act:
            return attempts.ask_no_more(act.journal, case, notice)

    def digest(self, case: CaseId, notice: NoticeId, send: datetime) -> Digest | None:
        """Return what a planned digest is to say; None where it goes out no more.

        Raise `ConfigError` where her time zone is not known here, so that it waits, and is heard of.
        """
        with self._acts.on_case(case, "outbox") as act:
            file = act.journal.files.case(case)
            asked = file.telling.asked
            if asked is None or not attempts.is_wanted(file, notice, send, now=act.now):
                return None
            zone = zone_of(asked.zone)
            if zone is None:
                raise ConfigError(f"this machine lost the time zone {asked.zone}", hint="install tzdata")
            return Digest(is_now=attempts.is_within(asked, zone, now=act.now), day=send.astimezone(zone).date())

    def told(self, case: CaseId, send: datetime) -> None:
        """Record that a carrier took the digest planned for that moment."""
        with self._acts.on_case(case, "outbox") as act:
            attempts.sent(act.journal, case, send)


def _dated(at: datetime | None, now: datetime) -> datetime:
    return now if at is None or at > now + _FUTURE_MAX else at
