"""The other end of the contract, over a folder: for tests, for rehearsals, and to be read by who builds their own.

Law: it says not known wherever the folder does, and that a history is not whole wherever the folder says so.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Literal, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from answerable.edge import parse_time
from answerable.errors import BadInput
from answerable.ports import http_contract as wire
from answerable.ports.directory import NoAccount, OneAccount, SeveralAccounts
from answerable.ports.folder import Folder, write_message
from answerable.ports.history import HistoryCut
from answerable.ports.unknown import NotKnown
from answerable.vault.identifiers import Identifier

PAGE_MESSAGES = 1000
PAGE_BYTES = 8 * 1024 * 1024

T = TypeVar("T")
Put = Callable[[Folder, T], Response]


def build(folder: Folder, *, token_hash: str, page_messages: int = PAGE_MESSAGES) -> Starlette:
    """Return the service over a folder for whoever has the token of this SHA-256."""

    def route(path: str, kind: type[T], put: Put[T]) -> Route:
        return Route(path, _asked(folder, token_hash, kind, put), methods=["POST"])

    def messages(folder: Folder, asked: wire.WhichMessages) -> Response:
        return _messages(folder, asked, page_messages)

    return Starlette(
        routes=[
            route(wire.RESOLVE, wire.WhoseAccount, _resolve),
            route(wire.MESSAGES, wire.WhichMessages, messages),
            route(wire.HOLD, wire.WhichHold, lambda folder, asked: _held(folder, asked, released=False)),
            route(wire.RELEASE, wire.WhichHold, lambda folder, asked: _held(folder, asked, released=True)),
            route(wire.PLAN, wire.WhichPlan, _plan),
        ]
    )


def _asked(
    folder: Folder, token_hash: str, kind: type[T], put: Put[T]
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        if not hmac.compare_digest(hashlib.sha256(given).hexdigest(), token_hash):
            return Response(status_code=401)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > wire.QUESTION_BYTES_MAX:
                return Response(status_code=413)
        try:
            asked = msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return Response(status_code=400)
        return await run_in_threadpool(put, folder, asked)

    return answer


def _resolve(folder: Folder, asked: wire.WhoseAccount) -> Response:
    found = folder.resolve([Identifier(one.kind, one.value) for one in asked.identifiers])
    match found:
        case OneAccount(account):
            return _json(wire.Accounts(result="one", accounts=(account,)))
        case SeveralAccounts(accounts):
            return _json(wire.Accounts(result="several", accounts=accounts))
        case NoAccount():
            return _json(wire.Accounts(result="none"))
        case NotKnown(reason):
            return _json(wire.Accounts(result="not_known", reason=reason))


def _plan(folder: Folder, asked: wire.WhichPlan) -> Response:
    found = folder.of(asked.account)
    if isinstance(found, NotKnown):
        return _json(wire.PlanKnown(result="not_known", reason=found.reason))
    return _json(wire.PlanKnown(result="known", plan=found.plan, models=found.models, tools=found.tools))


def _held(folder: Folder, asked: wire.WhichHold, *, released: bool) -> Response:
    found = (folder.release if released else folder.hold)(asked.account, asked.hold)
    if isinstance(found, NotKnown):
        return _json(wire.HoldKept(result="not_known", reason=found.reason))
    result: Literal["kept", "released"] = "released" if released else "kept"
    return _json(wire.HoldKept(result=result, hold=asked.hold, reference=found.reference))


def _messages(folder: Folder, asked: wire.WhichMessages, most: int) -> Response:
    """Return the messages from a place on; a place is how many came before it."""
    try:
        since = None if asked.since is None else parse_time(asked.since)
        begins = int(asked.after or "0")
    except (BadInput, ValueError):
        return Response(status_code=400)
    found = folder.fetch(asked.account, since=since)
    if isinstance(found, NotKnown):
        return _json(wire.NoMessages(result="not_known", reason=found.reason))
    lines: list[bytes] = []
    size, following, cut = 0, None, ""
    try:
        for message in islice(found, begins, None):
            if len(lines) >= most or size > PAGE_BYTES:
                following = str(begins + len(lines))
                break
            lines.append(write_message(message))
            size += len(lines[-1])
    except HistoryCut as error:
        cut = str(error)
    end = wire.PageEnd(end="page", next=following, complete=not cut, reason=cut)
    return Response(b"\n".join([*lines, msgspec.json.encode(end)]) + b"\n", media_type=wire.NDJSON)


def _json(answer: wire.Part) -> Response:
    return Response(msgspec.json.encode(answer), media_type=wire.JSON)
