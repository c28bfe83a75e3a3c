"""One exchange: whom it is for, what the gate says, what the model answers, what is recorded.

Law: the decision stands before the model is asked; a rise while it answers ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from urllib.parse import quote

from answerable.edge import Clock
from answerable.errors import AnswerableError, BadInput, TooLarge
from answerable.gateway.answers import fault
from answerable.gateway.asgi import ClientGone, Headers, Receive, Scope, begin_body, next_part, read_body
from answerable.gateway.bodies import Members, read_members, text_of
from answerable.gateway.callers import Caller, Callers
from answerable.gateway.documents import handed_in, handed_out
from answerable.gateway.edits import carry, identified, tools_of
from answerable.gateway.features import withheld_in
from answerable.gateway.headers import CONVERSATION, NOT_IN_FORCE, kind_of
from answerable.gateway.help_seeking import asked_by_user, seeks_help
from answerable.gateway.later import Later, Run
from answerable.gateway.owners import MAKING, TOGETHER_BYTES, Owners, made_by, makes
from answerable.gateway.recorder import Handed, Judged, Recorder, report
from answerable.gateway.reply import Reply
from answerable.gateway.routes import CHAT, COMPLETIONS, Route, is_closed, uncarried
from answerable.gateway.running import End, Running, Runnings, refuses
from answerable.gateway.served import Served
from answerable.gateway.shields import Hold, Named
from answerable.gateway.upstream import Sent, Upstream, give_back
from answerable_gate import Gate, Request, Verdict
from answerable_gate.io.answers import NOT_READY, Answer, not_here, refusal, shielded, withheld


class NotReadable(AnswerableError):
    """The request body is compressed; send it as it is."""

    code = "not_readable"
    status = 415


class Asked(NamedTuple):
    """What came in: where to, for whom, and what; `members` where the body had to be read to know for whom.

    `body` is all of it; None where it passes in pieces, of which `begun` is the first.
    A tuple and no dataclass, because one is made for each exchange.
    """

    route: Route
    method: str
    target: bytes
    headers: Headers
    named: dict[bytes, bytes]
    request: Request
    body: bytes | None = None
    members: Members | None = None
    begun: bytes = b""

    @property
    def path(self) -> bytes:
        """The path below /v1."""
        return self.target.partition(b"?")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything an exchange needs; one per gateway process."""

    gate: Gate
    clock: Clock
    upstream: Upstream
    recorder: Recorder
    runnings: Runnings
    later: Later
    callers: Callers
    identifies: bool
    body_bytes: int
    owners: Owners = field(default_factory=Owners)


async def serve(desk: Desk, route: Route, scope: Scope, receive: Receive, reply: Reply) -> None:
    """Serve one exchange to its end."""
    try:
        asked = await _read(desk, route, scope, receive)
        if desk.owners:
            asked = _owned(desk, asked)
    except ClientGone:
        return
    except AnswerableError as error:
        await reply.whole(fault(error))
        return
    running = desk.runnings.enter(asked.request, receive)
    running.body_is_read = asked.body is not None
    try:
        asked, judged = _judge(desk, asked, running)
        begun = judged.verdict
        running.ends = lambda verdict: refuses(verdict) or (_is_read(asked.route) and _shields_more(verdict, begun))
        await _answer(desk, asked, judged, running, reply)
    except BadInput as error:
        await reply.whole(fault(error))
    finally:
        desk.runnings.leave(running)


async def _answer(desk: Desk, asked: Asked, judged: Judged, running: Running, reply: Reply) -> None:
    reply.wants_count = bool(judged.subjects)
    try:
        said = None if judged.verdict.answer == "allow" else _said(desk, asked, judged.verdict)
        if said is None:
            if judged.verdict.shields:
                reply.hold = _hold(desk, asked, judged.verdict)
            await _pass(desk, asked, judged.verdict, running, reply)
        else:
            await reply.whole(said)
            reply.is_complete = True
            _report_refusal(asked, judged, said)
            judged = judged._replace(verdict=judged.verdict._replace(answer="refuse"))
    except asyncio.CancelledError:
        judged = await _stop(asked, judged, running.caught(), reply)
    except Named:
        judged = await _keep_out(asked, judged, reply)
    except AnswerableError as error:
        if error.status >= 500:
            report(error.code, {"route": asked.route.name, "cause": repr(error.__cause__)})
        await reply.end(fault(error))
    finally:
        if judged.subjects:
            handed = None if reply.served is None else _handed(asked, reply, reply.served)
            desk.recorder.record(judged, reply.served, complete=reply.is_complete, handed=handed)


async def _read(desk: Desk, route: Route, scope: Scope, receive: Receive) -> Asked:
    headers: Headers = scope["headers"]
    identity = desk.callers.led(headers)
    # Nearly every request is one that a front server leads; it is spared a wait and a look at the time.
    caller = await desk.callers.named(headers, now=desk.clock.now()) if identity is None else Caller(identity)
    target: bytes = scope["raw_path"].removeprefix(b"/v1")
    if query := scope["query_string"]:
        if not query.isascii():
            raise BadInput("The query is not ASCII.")
        target += b"?" + query
    named = dict(headers)
    method = scope["method"]
    if not route.reads_body:
        request = desk.callers.asks(caller, headers, None, route.api)
        body, begun = await _begin(receive, headers, desk.body_bytes)
        return Asked(route, method, target, headers, named, request, body, begun=begun)
    if b"content-encoding" in named:
        _raise_if_packed(headers)
    if int(named.get(b"content-length", b"0")) > desk.body_bytes:
        raise TooLarge(f"The request is larger than {desk.body_bytes} bytes.")
    body = await read_body(receive, desk.body_bytes)
    if caller.identity is not None:
        request = Request(identity=caller.identity, model=None, tools=None)
        return Asked(route, method, target, headers, named, request, body)
    members = read_members(body)
    request = desk.callers.asks(caller, headers, members, route.api)
    return Asked(route, method, target, headers, named, request, body, members)


async def _begin(receive: Receive, headers: Headers, limit: int) -> tuple[bytes | None, bytes]:
    """Read a body for the ids in it alone: all of it, or how it begins where it is a form or beyond the limit."""
    body, is_whole = await begin_body(receive, 0 if b"multipart/" in kind_of(headers) else limit)
    if body:
        _raise_if_packed(headers)
    return (body, b"") if is_whole else (None, body)


def _raise_if_packed(headers: Headers) -> None:
    if any(name == b"content-encoding" and value != b"identity" for name, value in headers):
        raise NotReadable


def _owned(desk: Desk, asked: Asked) -> Asked:
    kind = kind_of(asked.headers)
    identity = desk.owners.judged_as(asked.request.identity, asked.target, asked.body, kind)
    if identity == asked.request.identity:
        return asked
    return asked._replace(request=replace(asked.request, identity=identity))


def _judge(desk: Desk, asked: Asked, running: Running) -> tuple[Asked, Judged]:
    wall, monotonic = desk.clock.now(), desk.clock.monotonic()
    verdict = desk.gate.check(asked.request, wall=wall, monotonic=monotonic, alias=running.alias)
    bearers = desk.gate.bearers(running.alias) if running.alias is not None and asked.route.is_exchange else ()
    if asked.route.reads_body and (bearers or verdict.answer == "limit"):
        # With model and tools the gate may find that nothing needs a change, or that the model is not his.
        members, model = _look(asked, must=verdict.answer == "limit")
        tools = _tools(asked.route, members) if members is not None and verdict.tools is not None else None
        asked = asked._replace(members=members, request=replace(asked.request, model=model, tools=tools))
        running.request = asked.request
        if verdict.answer == "limit":
            verdict = desk.gate.check(asked.request, wall=wall, monotonic=monotonic, alias=running.alias)
    subjects = tuple([held.entry.subject for held in bearers if held.entry.open]) if bearers else ()
    return asked, Judged(subjects, wall, asked.named.get(CONVERSATION), asked.request.model, verdict)


def _tools(route: Route, members: Members) -> tuple[str, ...]:
    return () if route.talk is None else tools_of(route.talk, members)


def _look(asked: Asked, *, must: bool) -> tuple[Members | None, str | None]:
    members = asked.members
    try:
        members = read_members(asked.body or b"") if members is None else members
        return members, text_of(members, "model")
    except BadInput:
        # Nothing is to be changed here, and to be refused for it would tell somebody that he is looked at (L11).
        if must:
            raise
        return members, None


def _said(desk: Desk, asked: Asked, verdict: Verdict) -> Answer | None:
    if verdict.answer == "refuse":
        return refusal(verdict)
    if is_closed(asked.route, verdict):
        return not_here(verdict)
    if verdict.answer != "limit" or asked.members is None:
        return None
    if asked.route.talk is not None:
        part = withheld_in(asked.route.talk, asked.members, verdict)
    else:
        part = _named_in(desk, asked, verdict)
    return withheld(verdict, part) if part is not None else None


def _named_in(desk: Desk, asked: Asked, verdict: Verdict) -> str | None:
    """Give the prompt that names somebody shielded, where what is made of it can be read by nobody here."""
    if not verdict.shields or asked.members is None:
        return None
    names, members = desk.gate.names(verdict), asked.members
    return next((key for key in asked.route.prompts if names.find(text_of(members, key) or "")), None)


def _hold(desk: Desk, asked: Asked, verdict: Verdict) -> Hold | None:
    """Give what looks through the answer; what the account asks decides whether words pass (L13)."""
    route, members = asked.route, asked.members
    if not _is_read(route) or route.prompts:
        return None
    names = desk.gate.names(verdict)
    if not names:
        return None
    return Hold(names, frees_words=members is not None and seeks_help(asked_by_user(route.talk, members)))


def _is_read(route: Route) -> bool:
    """Say whether names are kept out of what a route answers, or out of what its answer is made of."""
    return route.talk is not None or route is COMPLETIONS or bool(route.prompts)


def _shields_more(verdict: Verdict, begun: Verdict) -> bool:
    """Say whether names are to be kept out that were not when an answer was begun, and the question let through."""
    terms, before = ({term for shield in one.shields for term in shield.terms} for one in (verdict, begun))
    return not terms <= before


async def _pass(desk: Desk, asked: Asked, verdict: Verdict, running: Running, reply: Reply) -> None:
    extra: Headers = []
    if verdict.answer == "limit" and (missing := uncarried(asked.route, verdict)):
        report("not_in_force", {"route": asked.route.name, "not_carried": missing, "reference": verdict.reason_ref})
        extra.append((NOT_IN_FORCE, ", ".join(missing).encode()))
    is_made = asked.route is not CHAT and _is_made(asked)
    sent = _body(desk, asked, verdict, running)
    if desk.identifies:
        sent = _identified(asked, running, sent)
    response = await desk.upstream.ask(
        asked.method,
        asked.target,
        asked.headers,
        sent,
        drop=desk.callers.ours,
        plain=asked.route.reads_body or asked.route.talk is not None or is_made,
        api=asked.route.api,
    )
    if is_made and response.status < 300:
        reply.learn = lambda said: _learn(desk, asked, said)
    await give_back(response, reply, extra)


def _is_made(asked: Asked) -> bool:
    return asked.method == "POST" and makes(asked.path) and asked.request.identity is not None


def _learn(desk: Desk, asked: Asked, said: bytes) -> bool:
    made, identity = made_by(asked.path, said), asked.request.identity
    if made is None or identity is None:
        return False
    desk.owners.bind(made.id, identity)
    if made.goes_on and (ending := MAKING[asked.path]) is not None:
        target = ending % quote(made.id, safe="").encode()
        desk.later.add(Run(made.id, identity, target, asked.headers, asked.route.api, asked.request.tenant))
    return True


def _body(desk: Desk, asked: Asked, verdict: Verdict, running: Running) -> Sent:
    if verdict.answer == "limit" and asked.members is not None and asked.route.talk is not None:
        languages = asked.named.get(b"accept-language", b"").decode("latin-1")
        return carry(asked.route.talk, asked.members, verdict, desk.gate.policy, languages)
    return _parts(desk, asked, running) if asked.body is None else asked.body or None


def _identified(asked: Asked, running: Running, body: Sent) -> Sent:
    """Name the account to the model by its alias, where the request names nobody."""
    is_asked = asked.route.reads_body and asked.route.talk is not None
    if not is_asked or running.alias is None or not isinstance(body, bytes):
        return body
    return identified(body, running.alias.hex(), asked.route.api)


async def _parts(desk: Desk, asked: Asked, running: Running) -> AsyncIterator[bytes]:
    """Pass a body in pieces, each looked through before; what may be the half of an id waits for the next."""
    identity, kind = asked.request.identity, kind_of(asked.headers)
    held, more = asked.begun, True
    while more:
        message = await next_part(running.receive)
        held += message.get("body", b"")
        more = message.get("more_body", False)
        desk.owners.look(identity, held, kind)
        passed = max(0, len(held) - TOGETHER_BYTES) if more else len(held)
        if passed:
            yield held[:passed]
        held = held[passed:]
    running.body_is_read = True


async def _stop(asked: Asked, judged: Judged, end: End, reply: Reply) -> Judged:
    if isinstance(end, str):
        return judged
    report("cut", {"route": asked.route.name, "reference": end.reason_ref, "was_answering": reply.started})
    if not reply.started:
        judged = judged._replace(verdict=end._replace(answer="refuse"))
    # Under a new shield it may be asked again at once, and is then answered by what applies.
    await reply.end(refusal(end) if refuses(end) else NOT_READY)
    return judged


async def _keep_out(asked: Asked, judged: Judged, reply: Reply) -> Judged:
    report("kept_out", {"route": asked.route.name, "reference": judged.verdict.reason_ref, "cut": reply.started})
    if not reply.started:
        judged = judged._replace(verdict=judged.verdict._replace(answer="refuse"))
    await reply.end(shielded(judged.verdict))
    return judged


def _handed(asked: Asked, reply: Reply, served: Served) -> Handed:
    """Give what went in and out: names only where every word was looked through, and none of them got out."""
    served.tokens()
    brought = handed_in(asked.route, asked.method, asked.path, asked.members)
    given = handed_out(asked.route, asked.method, asked.path, served.documents())
    looked = reply.hold is not None and not reply.hold.frees_words
    documents = None if brought is None or given is None else brought + given
    return Handed(documents, 0 if looked else None)


def _report_refusal(asked: Asked, judged: Judged, said: Answer) -> None:
    if not judged.subjects:  # else its row says the same and more
        told = {"route": asked.route.name, "code": said.code, "reference": judged.verdict.reason_ref}
        report("refused", told | {"not_known": judged.verdict.not_known})
