"""Orders and outside events over HTTP: operators pass them on, staff call back and say what the call gave.

Law: until somebody called an independently found number it is a claim, whoever sent it (L13).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from answerable.api import bodies
from answerable.api.bodies import Invalid, moment
from answerable.api.identity import operator_of, staff_of
from answerable.api.ingest import body_of, few, id_of, receipt_of
from answerable.api.shapes import Identifiers, Key, Shape, Text, Token, identifiers
from answerable.api.staff import answer, body_as, body_as_staff, on_case, taken, unless_refused
from answerable.api.state import inlet
from answerable.app import Answerable, CallIn, EventIn, OrderIn
from answerable.app.proving import render
from answerable.core.facts import (
    Authority,
    CaseId,
    Clause,
    EventId,
    EventKind,
    Found,
    Hazard,
    NoticeId,
    OrderId,
    Refused,
)
from answerable.edge import rfc3339, zone_of

Number = Annotated[str, Meta(min_length=3, max_length=64)]
Numbers = Annotated[tuple[Number, ...], Meta(max_length=20)]
Hour = Annotated[int, Meta(ge=0, le=23)]


class EventBody(Shape, frozen=True, kw_only=True):
    """An event as somebody reported it; `numbers` are all telephone numbers that the message itself gives."""

    kind: EventKind
    text: Text
    id: Key | None = None
    subject: Identifiers = ()
    person: Identifiers = ()
    hazard: Hazard = Hazard.OTHER
    numbers: Numbers = ()
    dated: str | None = None

    def taken_by(self, source: str, key: str) -> EventIn:
        """Return the event as passed on under an id."""
        return EventIn(
            id=key,
            source=source,
            kind=self.kind,
            text=self.text,
            subject=identifiers(self.subject),
            person=identifiers(self.person),
            hazard=self.hazard,
            numbers=self.numbers,
            dated=moment(self.dated) if self.dated is not None else None,
        )


class OrderBody(Shape, frozen=True, kw_only=True):
    """An order; `document_sha256` is of its file, `reference` its issuer's number for it."""

    clauses: Annotated[tuple[Clause, ...], Meta(min_length=1, max_length=4)]
    authority: Authority
    jurisdiction: Annotated[str, Meta(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?\Z")]
    document_sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    reference: Annotated[str, Meta(min_length=1, max_length=200)]
    dated: str
    id: Key | None = None
    subject: Identifiers = ()
    person: Identifiers = ()
    hazard: Hazard = Hazard.OTHER
    numbers: Numbers = ()

    def taken_by(self, source: str, key: str) -> OrderIn:
        """Return the order as passed on under an id."""
        return OrderIn(
            id=key,
            source=source,
            clauses=self.clauses,
            authority=self.authority,
            jurisdiction=self.jurisdiction,
            document=self.document_sha256,
            reference=self.reference,
            subject=identifiers(self.subject),
            person=identifiers(self.person),
            hazard=self.hazard,
            numbers=self.numbers,
            dated=moment(self.dated),
        )


class CallBody(Shape, frozen=True, kw_only=True):
    """A call to the issuer: under which number, where that was found, and when."""

    number: Number
    found: Found
    called: str

    def made(self) -> CallIn:
        """Return the call as the application takes it."""
        return CallIn(number=self.number, found=self.found, called=moment(self.called))


class AttemptNoticesBody(Shape, frozen=True, kw_only=True):
    """Whether the protected person wants to be told of attempts, and within which hours of her time zone."""

    notice: Token
    wanted: bool
    from_hour: Hour = 9
    to_hour: Hour = 18
    zone: Annotated[str, Meta(max_length=100)] = "UTC"


# --- what comes in


async def post_events(request: Request) -> Response:
    """Take in an outside event."""
    found = inlet(request)
    operator, body = await body_of(request, "notices")
    reported = bodies.decode(body, EventBody)
    _known_to(reported.subject, reported.person, found.config.limits.identifiers)
    came = reported.taken_by(operator.id, id_of(reported.id, request))
    asked = await found.ask(lambda answerable: answerable.intake.ask(came.subject))
    return receipt_of(await found.write(lambda answerable: answerable.orders.report(came, asked)))


async def post_orders(request: Request) -> Response:
    """Take in an order."""
    found = inlet(request)
    operator, body = await body_of(request, "notices")
    order = bodies.decode(body, OrderBody)
    _known_to(order.subject, order.person, found.config.limits.identifiers)
    came = order.taken_by(operator.id, id_of(order.id, request))
    asked = await found.ask(lambda answerable: answerable.intake.ask(came.subject))
    return receipt_of(await found.write(lambda answerable: answerable.orders.receive(came, asked)))


def _known_to(subject: Identifiers, person: Identifiers, most: int) -> None:
    if not subject:
        raise Invalid("say whose account this is about", hint="`subject` holds at least one identifier")
    few(subject, most)
    few(person, most)


async def post_attempt_notices(request: Request) -> Response:
    """Record that the protected person wants to be told of attempts, or does not any more."""
    operator, case = operator_of(request, "notices"), CaseId(request.path_params["case"])
    body = await body_as(request, AttemptNoticesBody)
    notice = NoticeId(body.notice)
    if zone_of(body.zone) is None:
        raise Invalid("there is no such time zone", hint="`zone` is a name of IANA's, for example Europe/Berlin")
    hours = {"from_hour": body.from_hour, "to_hour": body.to_hour}

    def verb(answerable: Answerable) -> Refused | None:
        if body.wanted:
            return answerable.orders.tell(case, notice, **hours, zone=body.zone, by=operator.id)
        return answerable.orders.tell_no_more(case, notice, by=operator.id)

    unless_refused(await inlet(request).write(verb))
    return taken(request)


# --- calling back


async def post_case_event(request: Request) -> Response:
    """Take in, from a member of staff, an event about the account and the person of a case."""
    body = await body_as_staff(request, EventBody)
    event = await on_case(
        request, lambda a, case, staff: a.orders.report_on(case, body.taken_by(staff, "-"), staff=staff)
    )
    return taken(request, event=event)


async def post_event_verification(request: Request) -> Response:
    """Record that somebody called back and the event is so."""
    event, call = EventId(request.path_params["event"]), (await body_as_staff(request, CallBody)).made()
    await on_case(request, lambda a, case, staff: a.orders.verify_event(case, event, call, staff=staff))
    return taken(request, event=event)


async def post_order_verification(request: Request) -> Response:
    """Record that somebody called the issuer back; each clause is in force with it."""
    order, call = OrderId(request.path_params["order"]), (await body_as_staff(request, CallBody)).made()
    await on_case(request, lambda a, case, staff: a.orders.verify(case, order, call, staff=staff))
    return taken(request, order=order)


async def post_ending(request: Request) -> Response:
    """Record that the issuer, called back, said that the order no longer binds; nothing is lowered by it."""
    order, call = OrderId(request.path_params["order"]), (await body_as_staff(request, CallBody)).made()
    await on_case(request, lambda a, case, staff: a.orders.end(case, order, call, staff=staff))
    return taken(request, order=order)


async def post_proof(request: Request) -> Response:
    """Draw up what shows what was done for an order, as of now; the proof is there once that is signed."""
    staff, order = staff_of(request), OrderId(request.path_params["order"])
    case = CaseId(request.path_params["case"])
    found = unless_refused(await inlet(request).read(lambda reading: reading.order_list(case, order, staff=staff)))
    as_of = await on_case(request, lambda a, _, by: a.orders.show(found, by=by))
    return taken(request, order=order, as_of=rfc3339(as_of))


async def get_proof(request: Request) -> Response:
    """Return the newest proof that was drawn up, with the entries it consists of; as a page for `text/plain`."""
    staff = staff_of(request)
    case, order = CaseId(request.path_params["case"]), OrderId(request.path_params["order"])
    found = unless_refused(await inlet(request).read(lambda reading: reading.order_proof(case, order, staff=staff)))
    if request.headers.get("accept", "").startswith("text/plain"):
        return Response(render(found), media_type="text/plain; charset=utf-8")
    return answer(found)
