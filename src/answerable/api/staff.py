"""Staff: lists without content, the one way into a case file, and the verbs of people who answer.

Law: reading is a fact (L6); a case that somebody is barred from is, for that person, not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from answerable.api import bodies, shapes
from answerable.api.bodies import JSON, Invalid, Unsupported
from answerable.api.identity import operator_of, staff_of
from answerable.api.problems import RefusedError
from answerable.api.state import inlet
from answerable.app import Answerable, CaseFile, CaseRow
from answerable.app.reading import case_for
from answerable.core.facts import CaseId, LinkId, NoticeId, ProposalId, Refused, SignalId, StaffId, SubjectId
from answerable.edge import rfc3339
from answerable.errors import BadInput, NotFound

T = TypeVar("T")

PAGE_DEFAULT, PAGE_MAX = 50, 500
_NOT_SHOWN = frozenset({"barred", "wake_at"})
"""Who is barred would tell whom a reporter named (L11)."""


def _no_case() -> NotFound:
    return NotFound("there is no such case")


# --- lists


async def get_cases(request: Request) -> Response:
    """Return a page of cases, without content; `after` is the last case of the page before."""
    staff, limit = staff_of(request), _limit(request)
    query = request.query_params
    after = CaseId(query["after"]) if "after" in query else None
    only_open = query.get("closed", "false") != "true"
    rows = await inlet(request).read(
        lambda reading: reading.cases(staff=staff, after=after, limit=limit, only_open=only_open)
    )
    return answer({"cases": [_row(row) for row in rows], "next": rows[-1].case if len(rows) == limit else None})


async def get_links(request: Request) -> Response:
    """Return the links that nobody has confirmed, the riskiest first, without content."""
    staff, limit = staff_of(request), _limit(request)
    rows = await inlet(request).write(lambda answerable: answerable.links_to_look_at(staff=staff, limit=limit))
    return answer({"links": [{one.name: getattr(row, one.name) for one in fields(row)} for row in rows]})


def _limit(request: Request) -> int:
    limit = request.query_params.get("limit", str(PAGE_DEFAULT))
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= PAGE_MAX):
        raise BadInput(f"`limit` is a number from 1 to {PAGE_MAX}")
    return int(limit)


async def get_case(request: Request) -> Response:
    """Return one case's row, without content."""
    staff, case = staff_of(request), CaseId(request.path_params["case"])
    row = await inlet(request).read(lambda reading: reading.case(case, staff=staff))
    if row is None:
        raise _no_case()
    return answer(_row(row))


def _row(row: CaseRow) -> dict[str, Any]:
    return {one.name: getattr(row, one.name) for one in fields(row) if one.name not in _NOT_SHOWN}


# --- verbs


async def post_view(request: Request) -> Response:
    """Open a case file; the fact comes first."""
    body = await body_as_staff(request, shapes.ViewBody)
    found = await on_case(request, lambda a, case, staff: a.view_case(case, staff=staff, purpose=body.purpose))
    assert isinstance(found, CaseFile), "anything else was refused"
    return answer({"case": found.case, "opened_at": found.opened_at, **found.body}, status=201)


async def post_decision(request: Request) -> Response:
    """Set a measure."""
    body = await body_as_staff(request, shapes.DecisionBody)
    await on_case(request, lambda a, case, staff: a.decide(case, body.wanted(), staff=staff))
    return taken(request)


async def post_proposal(request: Request) -> Response:
    """Propose a lowering; the answer names the proposal."""
    body = await body_as_staff(request, shapes.ProposalBody)
    proposal = await on_case(request, lambda a, case, staff: a.propose(case, body.wanted(), staff=staff))
    return taken(request, proposal=proposal)


async def post_countersignature(request: Request) -> Response:
    """Sign a proposal."""
    body = await body_as_staff(request, shapes.SignatureBody)
    proposal = ProposalId(body.proposal)
    await on_case(
        request, lambda a, case, staff: a.countersign(case, proposal, staff=staff, waives=body.waives)
    )
    return taken(request)


async def post_redraw(request: Request) -> Response:
    """Draw another second person; the answer names that person."""
    body = await body_as_staff(request, shapes.OfProposal)
    drawn = await on_case(
        request, lambda a, case, staff: a.redraw(case, ProposalId(body.proposal), staff=staff)
    )
    return taken(request, drawn=drawn)


async def post_lift(request: Request) -> Response:
    """Carry a signed proposal out."""
    body = await body_as_staff(request, shapes.OfProposal)
    await on_case(request, lambda a, case, staff: a.lift(case, ProposalId(body.proposal), staff=staff))
    return taken(request)


async def post_answer(request: Request) -> Response:
    """Answer a notice or a flag in writing."""
    body = await body_as_staff(request, shapes.AnswerBody)
    if (body.notice is None) == (body.signal is None):
        raise Invalid("give either notice or signal")

    def verb(a: Answerable, case: CaseId, staff: StaffId) -> Refused | None:
        if body.notice is not None:
            notice = NoticeId(body.notice)
            return a.answer_notice(case, notice, staff=staff, outcome=body.outcome, text=body.text)
        signal = SignalId(body.signal or "")
        return a.answer_signal(case, signal, staff=staff, outcome=body.outcome, text=body.text)

    await on_case(request, verb)
    return taken(request)


async def post_reply(request: Request) -> Response:
    """Write to a reporter without deciding; no clock stops for it."""
    body = await body_as_staff(request, shapes.ReplyBody)
    await on_case(request, lambda a, case, staff: a.reply(case, NoticeId(body.notice), staff=staff, text=body.text))
    return taken(request)


async def post_dissent(request: Request) -> Response:
    """Disagree in writing; the answer names the dissent."""
    body = await body_as_staff(request, shapes.DissentBody)
    dissent = await on_case(request, lambda a, case, staff: a.dissent(case, staff=staff, text=body.text))
    return taken(request, dissent=dissent)


async def post_override(request: Request) -> Response:
    """Override a dissent as a named senior."""
    body = await body_as_staff(request, shapes.OverrideBody)
    await on_case(request, lambda a, case, staff: a.override(case, body.dissent, staff=staff, text=body.text))
    return taken(request)


async def post_act(request: Request) -> Response:
    """Record, after opening it, that a piece of evidence holds the act."""
    body = await body_as_staff(request, shapes.ActBody)
    await on_case(request, lambda a, case, staff: a.record_act(case, body.evidence, staff=staff, text=body.text))
    return taken(request)


async def post_confirmation(request: Request) -> Response:
    """Confirm a notice as a verified partner."""
    body = await body_as_staff(request, shapes.OfNotice)
    await on_case(request, lambda a, case, staff: a.confirm_notice(case, NoticeId(body.notice), partner=staff))
    return taken(request)


async def post_upholding(request: Request) -> Response:
    """Confirm that the account's data is to be kept, so that no hold of the case lapses."""
    await body_as_staff(request, shapes.Nothing)
    await on_case(request, lambda a, case, staff: a.uphold(case, staff=staff))
    return taken(request)


async def post_closure(request: Request) -> Response:
    """Close a mild case as one person."""
    body = await body_as_staff(request, shapes.ClosureBody)
    await on_case(request, lambda a, case, staff: a.close(case, body.end, staff=staff, reason=body.reason))
    return taken(request)


async def post_link_confirmation(request: Request) -> Response:
    """Confirm that two accounts are one person's."""
    staff, link = staff_of(request), LinkId(request.path_params["link"])
    body = await body_as_staff(request, shapes.OfSubject)
    verb = lambda a: a.confirm_link(SubjectId(body.subject), link, staff=staff)  # noqa: E731
    unless_refused(await inlet(request).write(verb))
    return answer({"link": link}, status=201)


async def post_withdrawal(request: Request) -> Response:
    """Record that a reporter took a notice back, as the operator's form or desk says; no clock stops for it."""
    operator, case = operator_of(request, "notices"), CaseId(request.path_params["case"])
    notice = NoticeId((await body_as(request, shapes.OfNotice)).notice)
    unless_refused(await inlet(request).write(lambda a: a.withdraw_notice(case, notice, by=operator.id)))
    return taken(request)


# --- shared


async def body_as_staff(request: Request, shape: type[T]) -> T:
    """Return the body in a shape, once it is known that a member of staff sent it."""
    staff_of(request)
    return await body_as(request, shape)


async def body_as(request: Request, shape: type[T]) -> T:
    """Return the body in a shape."""
    if bodies.media_type(request) != JSON:
        raise Unsupported(f"send {JSON}")
    return bodies.decode(await bodies.whole(request, inlet(request).config.limits.body_bytes), shape)


async def on_case(request: Request, verb: Callable[[Answerable, CaseId, StaffId], T | Refused]) -> T:
    """Run a verb on the case in the path as whoever asks; a case unknown to that person is not there."""
    staff, case = staff_of(request), CaseId(request.path_params["case"])

    def run(answerable: Answerable) -> T | Refused:
        # In the same transaction as the verb: nobody learns from its refusal that a case is there.
        if case_for(answerable.acts, case, staff) is None:
            raise _no_case()
        return verb(answerable, case, staff)

    return unless_refused(await inlet(request).write(run))


def unless_refused(found: T | Refused) -> T:
    """Return what a verb gave. Raise `RefusedError` where it refused."""
    if isinstance(found, Refused):
        raise RefusedError(found)
    return found


def taken(request: Request, **more: object) -> Response:
    """Answer that something was done to the case in the path."""
    return answer({"case": request.path_params["case"], **more}, status=201)


def answer(value: Mapping[str, object], *, status: int = 200) -> Response:
    """Answer with a document."""
    return Response(msgspec.json.encode(wire(value)), status_code=status, media_type=JSON)


def wire(value: object) -> object:
    """Return a value with its times written the one way they are written on any wire."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Mapping):
        return {key: wire(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [wire(one) for one in value]
    return value


