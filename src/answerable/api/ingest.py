"""Ingest: signals, notices and accounts come in, one as JSON or many as NDJSON; each is answered only when durable.

Law: a bad line is answered with its number and the rest goes on; a second delivery gets the first answer (L17).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from answerable.api import bodies, identity
from answerable.api.bodies import JSON, LINE_BYTES_MAX, NDJSON, Invalid, Unsupported
from answerable.api.problems import RefusedError, document
from answerable.api.shapes import AccountBody, EntitlementBody, Identifiers, NoticeBody, SignalBody
from answerable.api.state import Inlet, inlet
from answerable.app import Answerable, Asked, Identifier, IdentifierKind, SignalIn, Taken
from answerable.config import Operator, Scope
from answerable.core.facts import NoticeId, Refused
from answerable.edge import rfc3339
from answerable.errors import BadInput, TooLarge
from answerable.work.writer import Failed, Verb

CREATED, OK = 201, 200
GROUP_MAX = 500
PENDING_MAX = 2

Accept = Callable[[bytes], Any]
"""Reads one line into what came; raises what is wrong with it."""
Prepare = Callable[[Sequence[Any]], Any]


async def post_signals(request: Request) -> Response:
    """Take in one flag, or many."""
    found = inlet(request)
    if bodies.media_type(request) == NDJSON:
        operator = identity.operator_of(request, "signals")
        return await _many(request, partial(_read_signal, operator), partial(_signal_verbs, found))
    operator, body = await body_of(request, "signals")
    came = _signal(operator, bodies.decode(body, SignalBody), request)
    (verb,) = await _signal_verbs(found, [came])
    return receipt_of(await found.write(verb))


async def post_notices(request: Request) -> Response:
    """Take in one warning; the answer is its receipt."""
    found = inlet(request)
    limits = found.config.limits
    operator, body = await body_of(request, "notices")
    notice = bodies.decode(body, NoticeBody)
    if len(notice.text.encode()) > limits.notice_bytes:
        raise TooLarge(f"the text of a notice has at most {limits.notice_bytes} bytes")
    few(notice.subject, limits.identifiers)
    few(notice.person, limits.identifiers)
    few(notice.reporter, limits.identifiers)
    came = notice.taken_by(operator.id, id_of(notice.id, request))
    asked = await found.ask(lambda answerable: answerable.intake.ask(came.subject))
    return receipt_of(await found.write(lambda answerable: answerable.receive_notice(came, asked)))


async def get_receipt(request: Request) -> Response:
    """Return the proof that a notice is in the record, for its reporter to keep."""
    identity.operator_of(request, "notices")
    notice = NoticeId(request.path_params["notice"])
    shows = request.query_params.get("entry", "false") == "true"
    found = await inlet(request).read(lambda reading: reading.receipt(notice, shows_entry=shows))
    if isinstance(found, Refused):
        raise RefusedError(found)
    return Response(found, media_type="text/plain; charset=utf-8")


async def post_accounts(request: Request) -> Response:
    """Take in one new or changed account, or many."""
    found = inlet(request)
    if bodies.media_type(request) == NDJSON:
        identity.operator_of(request, "accounts")
        return await _many(request, _read_account, _account_verbs)
    _, body = await body_of(request, "accounts")
    came = bodies.decode(body, AccountBody).taken()
    return receipt_of(await found.write(lambda answerable: answerable.see_account(came)))


async def post_entitlements(request: Request) -> Response:
    """Answer whether an account's plan may rise; with an open case it may not (F4)."""
    found = inlet(request)
    operator, body = await body_of(request, "accounts")
    wanted = bodies.decode(body, EntitlementBody)
    refused = await found.write(
        lambda answerable: answerable.raise_entitlement(wanted.account, wanted.plan(), by=operator.id)
    )
    if isinstance(refused, Refused):
        raise RefusedError(refused)
    return Response(b'{"allowed":true}', media_type=JSON)


# --- one


async def body_of(request: Request, scope: Scope) -> tuple[Operator, bytes]:
    """Return who is asking and the body; only who says that it is signed is read before it is known who it is."""
    if not identity.is_signed(request):
        identity.operator_of(request, scope)
    if bodies.media_type(request) != JSON:
        raise Unsupported(f"send {JSON}", hint=f"or, where many are taken, {NDJSON}")
    body = await bodies.whole(request, inlet(request).config.limits.body_bytes)
    return identity.operator_of(request, scope, body), body


def id_of(given: str | None, request: Request) -> str:
    """Return the id of a delivery: the body's own, else the header's."""
    found = given or request.headers.get("webhook-id") or request.headers.get("idempotency-key")
    if not found or len(found) > 200:
        raise Invalid("an id is needed", hint="a second delivery under the same id changes nothing")
    return found


def few(given: Identifiers, most: int) -> None:
    """Raise `Invalid` where more identifiers came than are taken."""
    if len(given) > most:
        raise Invalid(f"at most {most} identifiers")


def receipt_of(taken: Taken) -> Response:
    """Answer what was taken, 201 where it is new."""
    return Response(_written(taken), status_code=OK if taken.again else CREATED, media_type=JSON)


class _Answer(msgspec.Struct, kw_only=True, omit_defaults=True):
    id: str
    case: str | None
    at: str
    again: bool
    level: str | None = None
    line: int = 0


def _written(taken: Taken, line: int = 0) -> bytes:
    answer = _Answer(
        id=taken.id, case=taken.case, at=rfc3339(taken.at), again=taken.again, level=taken.level, line=line
    )
    return msgspec.json.encode(answer)


# --- signals and accounts as lines


def _signal(operator: Operator, body: SignalBody, request: Request) -> SignalIn:
    few(body.person, inlet(request).config.limits.identifiers)
    return body.taken_by(operator.id, id_of(body.id, request))


def _read_signal(operator: Operator, line: bytes) -> SignalIn:
    body = bodies.decode_line(line, SignalBody)
    if body.id is None:
        raise Invalid("an id is needed", hint="a second delivery under the same id changes nothing")
    return body.taken_by(operator.id, body.id)


async def _signal_verbs(found: Inlet, came: Sequence[SignalIn]) -> list[Verb[Taken]]:
    users = {one.user for one in came}
    asked = await found.ask(partial(_plans, users)) if found.config.ports.is_connected else dict.fromkeys(users)
    return [partial(_raise, one, asked[one.user]) for one in came]


def _plans(users: Iterable[str], answerable: Answerable) -> dict[str, Asked | None]:
    return {user: answerable.intake.ask([Identifier(IdentifierKind.ACCOUNT, user)]) for user in users}


def _raise(came: SignalIn, asked: Asked | None, answerable: Answerable) -> Taken:
    return answerable.raise_signal(came, asked)


def _read_account(line: bytes) -> AccountBody:
    return bodies.decode_line(line, AccountBody)


async def _account_verbs(came: Sequence[AccountBody]) -> list[Verb[Taken]]:
    return [partial(_see, one) for one in came]


def _see(came: AccountBody, answerable: Answerable) -> Taken:
    return answerable.see_account(came.taken())


# --- many


@dataclass(frozen=True, slots=True)
class _Line:
    """One line: its number, and what is wrong with it so far."""

    number: int
    error: Exception | None


async def _many(request: Request, read: Accept, verbs: Prepare) -> Response:
    """Answer a body of lines with as many lines; answers wait in memory, for few senders read while they send."""
    found, answers = inlet(request), bytearray()
    pending: list[tuple[list[_Line], Future[list[Taken | Failed]]]] = []
    number = 0
    try:
        async for group in _groups(request, found.config.limits.bulk_bytes):
            lines = [(number + place, _attempt(read, line)) for place, line in enumerate(group, 1) if line != b""]
            number += len(group)
            good = [came for _, came in lines if not isinstance(came, Failed)]
            told = [_Line(at, came.error if isinstance(came, Failed) else None) for at, came in lines]
            async with found.asking_many:
                prepared = await verbs(good)
            pending.append((told, found.writer.submit_all(prepared)))
            while len(pending) > PENDING_MAX:
                answers += await _answered(*pending.pop(0))
    except Exception as error:
        if number == 0:
            raise
        answers += await _rest(pending)
        answers += _problem(number + 1, error)
        return Response(bytes(answers), media_type=NDJSON)
    if number == 0:
        raise BadInput("there is no line in this body")
    answers += await _rest(pending)
    return Response(bytes(answers), media_type=NDJSON)


async def _rest(pending: list[tuple[list[_Line], Future[list[Taken | Failed]]]]) -> bytes:
    return b"".join([await _answered(*one) for one in pending])


async def _answered(lines: Sequence[_Line], future: Future[list[Taken | Failed]]) -> bytes:
    """Return the answers to a group once it is durable; where it could not be kept, each of its lines says so."""
    try:
        found = await asyncio.wrap_future(future)
    except Exception as error:  # noqa: BLE001 - every line of the group is told
        return b"".join(_problem(line.number, line.error or error) for line in lines)
    results, written = iter(found), []
    for line in lines:
        result = Failed(line.error) if line.error is not None else next(results)
        if isinstance(result, Failed):
            written.append(_problem(line.number, result.error))
        else:
            written.append(_written(result, line.number) + b"\n")
    return b"".join(written)


def _problem(number: int, error: Exception) -> bytes:
    return msgspec.json.encode({"line": number, "problem": document(error)}) + b"\n"


def _attempt(read: Accept, line: bytes | None) -> object:
    if line is None:
        return Failed(TooLarge(f"a line here has at most {LINE_BYTES_MAX} bytes"))
    try:
        return read(line)
    except Exception as error:  # noqa: BLE001 - this line alone is answered with it
        return Failed(error)


async def _groups(request: Request, limit: int) -> AsyncIterator[list[bytes | None]]:
    """Yield the lines of a body in groups, as they arrive; None for a line that is too long, b"" for an empty one."""
    begun, is_skipping = b"", False
    async for chunk in bodies.chunks(request, limit):
        *whole, begun = (begun + chunk).split(b"\n")
        lines: list[bytes | None] = [None if len(line) > LINE_BYTES_MAX else line.strip() for line in whole]
        if lines and is_skipping:
            lines[0], is_skipping = None, False
        if len(begun) > LINE_BYTES_MAX:
            begun, is_skipping = b"", True
        for start in range(0, len(lines), GROUP_MAX):
            yield lines[start : start + GROUP_MAX]
    if begun.strip() or is_skipping:
        yield [None if is_skipping else begun.strip()]
