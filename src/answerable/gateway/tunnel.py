"""A web socket through the gateway: judged at its handshake, cut when a measure arrives, its messages untouched.

Law: what cannot be edited on its way is opened for nobody whose limits would ask for it from `guarded` on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from urllib.parse import parse_qs

import msgspec
from aiohttp import ClientWebSocketResponse, WSMsgType

from answerable.errors import AnswerableError
from answerable.gateway.answers import fault
from answerable.gateway.asgi import Headers, Receive, Scope, Send
from answerable.gateway.exchange import Desk
from answerable.gateway.headers import CONVERSATION, NOT_IN_FORCE
from answerable.gateway.recorder import Judged, report
from answerable.gateway.reply import LAST_WORDS_S
from answerable.gateway.routes import Route, is_closed, uncarried
from answerable.gateway.running import Running
from answerable.gateway.served import Served
from answerable_gate import Request, Verdict
from answerable_gate.io.answers import Answer, not_here, refusal

POLICY, BROKEN = 1008, 1011
# How a browser hands over a key; with the operator's own, nothing that speaks for the caller reaches the upstream.
KEY_PROTOCOL = "openai-insecure-api-key."


class Socket:
    """One client's end; `served` counts what it was handed."""

    def __init__(self, receive: Receive, send: Send) -> None:
        """Begin before the handshake is answered."""
        self.receive = receive
        self._send = send
        self.is_open = False
        self.is_over = False
        self.served: Served | None = None

    async def accept(self, protocol: str | None, headers: Headers) -> None:
        """Open it."""
        await self._send({"type": "websocket.accept", "subprotocol": protocol, "headers": headers})
        self.is_open = True
        self.served = Served(is_stream=False, talk="responses")

    async def hand(self, message: str | bytes) -> None:
        """Hand over a message of the model."""
        key = "text" if isinstance(message, str) else "bytes"
        await self._send({"type": "websocket.send", key: message})
        if self.served is not None:
            self.served.add_message(message.encode() if isinstance(message, str) else message)

    async def close(self, code: int) -> None:
        """Close it; who is gone already is not told."""
        if self.is_open and not self.is_over:
            self.is_over = True
            await self._send({"type": "websocket.close", "code": code})

    async def end(self, answer: Answer, code: int) -> None:
        """End it with an answer, as a refused handshake or as a last event."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                if not self.is_open:
                    head = {"status": answer.status, "headers": [(b"content-type", b"application/json")]}
                    await self._send({"type": "websocket.http.response.start", **head})
                    await self._send({"type": "websocket.http.response.body", "body": answer.body})
                elif not self.is_over:
                    event = {"type": "error", "error": answer.error}
                    await self._send({"type": "websocket.send", "text": msgspec.json.encode(event).decode()})
                    await self.close(code)


async def tunnel(desk: Desk, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one web socket to its end."""
    socket = Socket(receive, send)
    # A server may leave the names of a handshake as they were written; an identity must be found all the same.
    scope = {**scope, "headers": [(key.lower(), value) for key, value in scope["headers"]]}
    await receive()  # the handshake
    try:
        request = await _request(desk, scope)
    except AnswerableError as error:
        await socket.end(fault(error), POLICY)
        return
    running = desk.runnings.enter(request, receive)
    running.ends = lambda verdict: _said(route, verdict) is not None
    wall, monotonic = desk.clock.now(), desk.clock.monotonic()
    verdict = desk.gate.check(request, wall=wall, monotonic=monotonic, alias=running.alias)
    bearers = desk.gate.bearers(running.alias) if running.alias is not None else ()
    subjects = tuple([held.entry.subject for held in bearers if held.entry.open])
    judged = Judged(subjects, wall, dict(scope["headers"]).get(CONVERSATION), request.model, verdict)
    try:
        judged = await _judged(desk, route, scope, socket, running, judged)
    finally:
        desk.runnings.leave(running)
        if subjects:
            desk.recorder.record(judged, socket.served, complete=socket.is_over)


async def _judged(desk: Desk, route: Route, scope: Scope, socket: Socket, running: Running, judged: Judged) -> Judged:
    said = _said(route, judged.verdict)
    if said is not None:
        await socket.end(said, POLICY)
        socket.is_over = True
        return judged._replace(verdict=judged.verdict._replace(answer="refuse"))
    try:
        await _join(desk, route, scope, socket, judged.verdict)
    except asyncio.CancelledError:
        end = running.caught()
        if isinstance(end, str):
            return judged
        report("cut", {"route": route.name, "reference": end.reason_ref, "was_answering": socket.is_open})
        await socket.end(_said(route, end) or refusal(end), POLICY)
        return judged if socket.is_open else judged._replace(verdict=end)
    except AnswerableError as error:
        report(error.code, {"route": route.name, "cause": repr(error.__cause__)})
        await socket.end(fault(error), BROKEN)
    return judged


async def _request(desk: Desk, scope: Scope) -> Request:
    headers: Headers = scope["headers"]
    caller = await desk.callers.named(headers, now=desk.clock.now())
    asked = desk.callers.asks(caller, headers, None, "openai")
    models = parse_qs(scope["query_string"].decode("latin-1")).get("model", [])
    return replace(asked, model=models[0] if len(models) == 1 else None)


def _said(route: Route, verdict: Verdict) -> Answer | None:
    if verdict.answer == "refuse":
        return refusal(verdict)
    return not_here(verdict) if is_closed(route, verdict) else None


async def _join(desk: Desk, route: Route, scope: Scope, socket: Socket, verdict: Verdict) -> None:
    extra: Headers = []
    if missing := uncarried(route, verdict):
        report("not_in_force", {"route": route.name, "not_carried": missing, "reference": verdict.reason_ref})
        extra.append((NOT_IN_FORCE, ", ".join(missing).encode()))
    async with _upstream(desk, scope) as model:
        await socket.accept(model.protocol, extra)
        pumps = [asyncio.create_task(pump) for pump in (_from_client(socket, model), _from_model(socket, model))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
    await socket.close(_code(model))


@asynccontextmanager
async def _upstream(desk: Desk, scope: Scope) -> AsyncIterator[ClientWebSocketResponse]:
    target = scope["raw_path"].removeprefix(b"/v1")
    if query := scope["query_string"]:
        target += b"?" + query
    asked: list[str] = scope["subprotocols"]
    has_key = desk.upstream.has_key(target)
    protocols = [one for one in asked if not (has_key and one.startswith(KEY_PROTOCOL))]
    model = await desk.upstream.connect(target, scope["headers"], protocols, drop=desk.callers.ours)
    try:
        yield model
    finally:
        await model.close()


async def _from_client(socket: Socket, model: ClientWebSocketResponse) -> None:
    while (message := await socket.receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await model.send_str(message["text"])
        else:
            await model.send_bytes(message["bytes"])
    socket.is_over = True


async def _from_model(socket: Socket, model: ClientWebSocketResponse) -> None:
    async for message in model:
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            await socket.hand(message.data)


def _code(model: ClientWebSocketResponse) -> int:
    # What only a library says to itself (1005, 1006) may not be sent.
    code = model.close_code
    return code if code is not None and (3000 <= code < 5000 or code in (1000, 1001, 1008, 1011, 1013)) else BROKEN
