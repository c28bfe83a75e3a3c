"""A gate before an ASGI application (FastAPI, Starlette, any): refuses, says what limits, ends what runs.

Law: the application is entered only after the verdict; a measure that arrives while it answers ends the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from answerable_gate.io.answers import DOUBTFUL, RETRY_AFTER_S, Answer, refusal
from answerable_gate.io.client import Exchange
from answerable_gate.io.loop import AsyncGateClient

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Identity = Callable[[Scope], str | None]

VERDICT = "answerable"
POLICY_VIOLATION = 1008
# A client that reads nothing must not keep a cut exchange alive.
LAST_WORDS_S = 1.0


class GateMiddleware:
    """Stands before an application and starts and ends the client with it, unless that is started already.

    `scope["answerable"]` is the verdict: what it limits the application has to carry, as far as the client was built to
    say; everything else is refused from `guarded` on.
    """

    def __init__(
        self,
        app: App,
        *,
        client: AsyncGateClient,
        paths: Sequence[str],
        identity: str | Identity = "x-answerable-user",
        conversation: str = "x-answerable-conversation",
    ) -> None:
        """Take the paths (by their beginning) where a model answers, and who is asking.

        `identity` is a header that a front server sets and strips from outside, or a function of the scope. Leave
        sign-in, export and appeal out of `paths`: no measure but the end of an account closes those.
        """
        self._app = app
        self._client = client
        self._paths = tuple(paths)
        self._identity = identity.lower().encode("ascii") if isinstance(identity, str) else identity
        self._conversation = conversation.lower().encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the server's start and stop."""
        if scope["type"] == "lifespan" and not self._client.is_started:
            await self._live(scope, receive, send)
        elif scope["type"] == "lifespan" or not self._takes(scope):
            await self._app(scope, receive, send)
        else:
            await self._judge(scope, receive, _Reply(scope, send))

    def _takes(self, scope: Scope) -> bool:
        # Where the application is mounted below another, or told of a prefix, its paths may come with that before them.
        path: str = scope["path"]
        root: str = scope.get("root_path", "").rstrip("/")
        return path.startswith(self._paths) or path.removeprefix(root).startswith(self._paths)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def end(message: Message) -> None:
            # A server that has heard of the end may end its loop at once.
            if message["type"].startswith("lifespan.shutdown"):
                await self._client.close()
            await send(message)

        async with self._client:
            await self._app(scope, receive, end)

    async def _judge(self, scope: Scope, receive: Receive, reply: _Reply) -> None:
        if callable(self._identity):
            user = self._identity(scope)
        else:
            named = _values(scope, self._identity)
            # A comma is how a front server joins a header that its client sent with its own (RFC 9110 section 5.3).
            if len(named) > 1 or "," in "".join(named):
                await reply.end(DOUBTFUL)
                return
            user = named[0].strip() if named else None
        conversation = next(iter(_values(scope, self._conversation)), None)
        exchange = self._client.exchange(user=user, conversation=conversation)
        reply.exchange = exchange
        try:
            if not exchange.is_refused:
                await self._serve({**scope, VERDICT: exchange.verdict}, receive, reply, exchange)
            if exchange.ended is not None:
                await reply.end(refusal(exchange.ended))
        finally:
            _close(exchange, reply)

    async def _serve(self, scope: Scope, receive: Receive, reply: _Reply, exchange: Exchange) -> None:
        task = asyncio.current_task()
        assert task is not None, "an exchange runs in a task"
        exchange.on_end = task.cancel
        try:
            await self._app(scope, receive, reply)
        except asyncio.CancelledError:
            # A cancellation that came from elsewhere (the server shuts down) goes on.
            if exchange.ended is None:
                raise
        finally:
            exchange.on_end = None
            if exchange.ended is not None:
                task.uncancel()


class _Reply:
    """One answer on its way; what is ended hears nothing more from the application."""

    def __init__(self, scope: Scope, send: Send) -> None:
        """Begin with nothing sent."""
        self._send = send
        self._is_socket = scope["type"] == "websocket"
        self._is_stream = False
        self._is_at_event_end = True
        self.exchange: Exchange | None = None
        self.started = False
        self.is_complete = False

    async def __call__(self, message: Message) -> None:
        """Pass a message of the application on."""
        exchange = self.exchange
        assert exchange is not None, "set before the application is entered"
        if exchange.ended is not None:
            return
        self.started = True
        if message["type"] == "http.response.start":
            headers = dict(message.get("headers", ()))
            self._is_stream = headers.get(b"content-type", b"").startswith(b"text/event-stream")
        await self._send(message)
        if message["type"] == "http.response.body":
            # Counted only now: a wait that is ended inside of `send` has handed nothing over.
            body = message.get("body", b"")
            exchange.add(body)
            self._is_at_event_end = body.endswith((b"\n\n", b"\r\n\r\n")) if body else self._is_at_event_end
            self.is_complete = not message.get("more_body", False)

    async def end(self, answer: Answer) -> None:
        """End it with an answer, as far as its client can still be told.

        A body of a promised length stays incomplete, and the server closes the connection.
        """
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self._end(answer)
        except TimeoutError:
            return

    async def _end(self, answer: Answer) -> None:
        if self._is_socket:
            await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})
        elif not self.started:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer.body))]
            if answer.status == 503:
                headers.append((b"retry-after", b"%d" % RETRY_AFTER_S))
            await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await self._send({"type": "http.response.body", "body": answer.body})
        elif self._is_stream and not self.is_complete:
            last = answer.event if self._is_at_event_end else b"\n\n" + answer.event
            await self._send({"type": "http.response.body", "body": last, "more_body": False})

    @property
    def is_seen(self) -> bool:
        """Say whether what is served goes by here; what a web socket carries is not counted."""
        return not self._is_socket


def _close(exchange: Exchange, reply: _Reply) -> None:
    if reply.is_seen or exchange.is_refused:
        exchange.close(complete=exchange.is_refused or reply.is_complete)
    else:
        exchange.unseen()


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("utf-8", "surrogateescape") for key, value in scope["headers"] if key == name]
