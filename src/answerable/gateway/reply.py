"""The answer to one client, whoever ends it: the model, a measure, or a fault.

Law: it is whole, or the client can see that it is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from answerable.gateway.answers import body_of, event_of
from answerable.gateway.asgi import Headers, Message, Send, respond
from answerable.gateway.routes import Api, Talk
from answerable.gateway.served import HELD_BYTES_MAX, READ_BYTES_MAX, Events, Served, data_of
from answerable.gateway.shields import WHOLE_BYTES_MAX, Hold
from answerable_gate.io.answers import RETRY_AFTER_S, Answer

# A client that reads nothing must not keep a cut exchange alive.
LAST_WORDS_S = 1.0


class Reply:
    """One answer on its way; `served` counts it, where somebody wants it counted."""

    __slots__ = (
        "_api", "_events", "_head", "_said", "_send", "_talk", "_waiting", "hold", "is_complete", "learn", "served",
        "started", "wants_count",
    )  # fmt: skip

    def __init__(self, send: Send, *, api: Api = "openai", talk: Talk | None = None) -> None:
        """Begin with nothing sent; `api` and `talk` say in which shape the gateway speaks for itself."""
        self._send = send
        self._api: Api = api
        self._talk: Talk | None = talk
        self._events: Events | None = None
        self.started = False
        self.is_complete = False
        self.wants_count = False
        # Told of a whole answer, or of each event until one says enough; before the client has it.
        self.learn: Callable[[bytes], bool] | None = None
        self._said = b""
        # Looks through what goes to the client, where a name is shielded.
        self.hold: Hold | None = None
        self._head: Message | None = None
        self._waiting = b""
        self.served: Served | None = None

    async def begin(self, status: int, headers: Headers, *, is_stream: bool) -> None:
        """Send the head; of a body that must first be looked through it waits for its end."""
        held = self.hold is not None
        self._events = Events(WHOLE_BYTES_MAX if held else HELD_BYTES_MAX) if is_stream else None
        self.served = Served(is_stream=is_stream, talk=self._talk) if self.wants_count else None
        self._head = {"type": "http.response.start", "status": status, "headers": headers}
        if is_stream or not held:
            await self._open()

    async def _open(self) -> None:
        if self._head is not None:
            head, self._head, self.started = self._head, None, True
            await self._send(head)

    async def part(self, chunk: bytes, *, is_last: bool) -> None:
        """Send a part of the body; of a stream only whole events. Raise Named where it holds a shielded name."""
        if self._events is not None:
            chunk = self._events.whole(chunk) + (self._events.rest() if is_last else b"")
        if self.hold is not None:
            chunk = self._looked_through(self.hold, chunk, is_last=is_last)
            if is_last:
                await self._open()
        if not chunk and not is_last:
            return
        if self.learn is not None:
            self._tell(chunk, is_last=is_last)
        await self._send({"type": "http.response.body", "body": chunk, "more_body": not is_last})
        # Counted only now: a wait that is ended inside of `send` has handed nothing over.
        if self.served is not None:
            self.served.add(chunk)
        self.is_complete = is_last

    def _looked_through(self, hold: Hold, chunk: bytes, *, is_last: bool) -> bytes:
        if self._events is not None:
            return hold.events(chunk, is_last=is_last)
        whole, self._waiting = self._waiting + chunk, b""
        if not is_last and len(whole) <= WHOLE_BYTES_MAX:
            self._waiting = whole
            return b""
        return hold.whole(whole)

    def _tell(self, chunk: bytes, *, is_last: bool) -> None:
        assert self.learn is not None, "asked only where there is somebody to tell"
        if self._events is not None:
            if any(self.learn(data) for data in data_of(chunk)):
                self.learn = None
            return
        self._said += chunk
        if is_last:
            self.learn(self._said)
        elif len(self._said) > READ_BYTES_MAX:
            self.learn, self._said = None, b""

    async def whole(self, answer: Answer) -> None:
        """Send an answer of the gateway's own."""
        headers = [(b"content-type", b"application/json")]
        if answer.status == 503:
            headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
        if answer.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        self.started = True
        await respond(self._send, answer.status, headers, body_of(answer, self._api))

    async def end(self, answer: Answer) -> None:
        """End what is under way with an answer, as far as its client can still be told.

        A body of a promised length cannot be: it stays incomplete, and the server closes the connection.
        """
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                if not self.started:
                    await self.whole(answer)
                elif self._events is not None and not self.is_complete:
                    last = event_of(answer, self._api, self._talk)
                    await self._send({"type": "http.response.body", "body": last, "more_body": False})
        except TimeoutError:
            return
