"""The middleware before a real Starlette application on a real server."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import ClientPayloadError, ClientSession
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from answerable_gate import Level
from answerable_gate.carrying import ALL
from answerable_gate.io.asgi import GateMiddleware
from answerable_gate.io.loop import AsyncGateClient
from tests.gate.build import an_entry
from tests.gateway.world import HEADER, PATIENCE_S, Store, held, served, until
from tests.waysin.test_sdk import settings

Story = Callable[["House"], Awaitable[None]]


async def say(request: Request) -> Response:
    """Answer with what the verdict says."""
    verdict = request.scope["answerable"]
    return JSONResponse({"answer": verdict.answer, "tools": verdict.tools})


async def outside(request: Request) -> Response:
    """Answer where no model does."""
    return PlainTextResponse("verdict" if "answerable" in request.scope else "none")


async def for_ever(asked: HTTPConnection) -> None:
    """Note that somebody is being answered, and leave it at that."""
    asked.app.state.begun += 1
    await asyncio.sleep(600)


async def events(request: Request) -> Response:
    """Stream events for ever, the last of them never whole."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: one\n\n"
        yield b"data: tw"
        await for_ever(request)

    return StreamingResponse(pieces(), media_type="text/event-stream")


async def slow(request: Request) -> Response:
    """Think for ever."""
    await for_ever(request)
    return PlainTextResponse("never")


async def sized(request: Request) -> Response:
    """Promise a length and give half of it."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"half"
        await for_ever(request)

    return StreamingResponse(pieces(), headers={"content-length": "8"})


async def talk(socket: WebSocket) -> None:
    """Talk for ever."""
    await socket.accept()
    await socket.send_text("hello")
    await for_ever(socket)


class House:
    """An application behind the middleware, beside a store."""

    def __init__(self, store: Store, client: AsyncGateClient, **options: Any) -> None:
        self.store = store
        self.client = client
        names = {"say": say, "events": events, "slow": slow, "sized": sized}
        routes = [Route(f"/chat/{name}", run) for name, run in names.items()]
        gate = Middleware(GateMiddleware, client=client, paths=["/chat/"], **options)
        self.app = Starlette(
            routes=[*routes, Route("/appeal", outside), WebSocketRoute("/chat/talk", talk)], middleware=[gate]
        )
        self.app.state.begun = 0
        self.base = ""
        self.session: ClientSession

    async def get(self, path: str, who: str | None = "subject_a", **headers: str) -> tuple[int, bytes]:
        """Ask, as somebody."""
        named = headers | ({HEADER: who} if who else {})
        async with self.session.get(self.base + path, headers=named) as response:
            return response.status, await response.read()

    async def pause(self) -> None:
        """Let a measure arrive."""
        await self.store.send(an_entry(held(Level.PAUSED), version=2))


def run(story: Story, **options: Any) -> Store:
    """Serve an application and tell a story."""

    async def all_of_it() -> Store:
        store = Store()
        async with asyncio.timeout(PATIENCE_S), store.running() as base:
            await store.send(an_entry(held(Level.WATCH)))
            house = House(store, AsyncGateClient(settings(base, store), carries=ALL), **options)
            async with served(house.app) as house.base, ClientSession() as house.session:
                assert await house.client.contact(60)
                await story(house)
        assert not house.client.is_started
        return store

    return asyncio.run(all_of_it())


def test_the_application_gets_the_verdict_and_other_paths_are_left_alone() -> None:
    """Limits are its own to carry; whoever is refused still finds the way to appeal; each exchange is a row."""

    async def story(house: House) -> None:
        assert await house.get("/chat/say") == (200, b'{"answer":"allow","tools":null}')
        await house.store.send(an_entry(held(Level.GUARDED), version=2))
        await until(lambda: house.client.check(user="subject_a").answer == "limit")
        assert await house.get("/chat/say", **{"x-answerable-conversation": "c-7"}) == (
            200,
            b'{"answer":"limit","tools":["calculator"]}',
        )
        await house.store.send(an_entry(held(Level.GUARDED), held(Level.PAUSED, name="item_p"), version=3))
        await until(lambda: house.client.check(user="subject_a").answer == "refuse")
        status, body = await house.get("/chat/say")
        assert (status, json.loads(body)["error"]["code"]) == (403, "account_restricted")
        assert await house.get("/appeal") == (200, b"none")
        assert (await house.get("/chat/say", "somebody else"))[0] == 200

    rows = run(story).rows()
    assert [(row["answer"], row["complete"]) for row in rows] == [("allow", True), ("limit", True), ("refuse", True)]
    assert rows[1]["conversation"] == "c-7"
    assert rows[1]["digest"] == hashlib.sha256(b'{"answer":"limit","tools":["calculator"]}').hexdigest()


def test_a_measure_ends_what_runs() -> None:
    """A stream gets a last event, an answer not yet begun is the refusal, a promised length stays incomplete."""

    async def story(house: House) -> None:
        running = [asyncio.create_task(house.get(path)) for path in ("/chat/events", "/chat/slow", "/chat/sized")]
        await until(lambda: house.app.state.begun == len(running))
        await house.pause()
        found: list[Any] = await asyncio.gather(*running, return_exceptions=True)
        (status, body), slow_answer, cut = found
        assert status == 200
        begun, _, last = body.partition(b"data: tw\n\n")
        assert begun == b"data: one\n\n"
        assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "account_restricted"
        assert slow_answer[0] == 403
        assert isinstance(cut, ClientPayloadError)

    rows = {row["digest"]: row for row in run(story).rows()}
    stream = rows[hashlib.sha256(b"data: one\n\ndata: tw").hexdigest()]
    assert (stream["complete"], stream["answer"]) == (False, "allow")
    assert {row["complete"] for row in rows.values()} == {False}
    assert len(rows) == 3


def test_an_application_below_a_prefix_is_judged_as_well() -> None:
    """Mounted below another, or with a server that was told of the prefix: the path has it before its own."""

    async def story(house: House) -> None:
        await house.pause()
        await until(lambda: house.client.check(user="subject_a").answer == "refuse")
        for root in ("/api", "/api/"):
            sent: list[Any] = []
            scope = {
                "type": "http", "method": "GET", "path": "/api/chat/say", "root_path": root, "query_string": b"",
                "headers": [(HEADER.lower().encode(), b"subject_a")],
            }  # fmt: skip
            await house.app(scope, _nothing_more, partial(_keep, sent))
            assert sent[0]["status"] == 403

    run(story)


async def _nothing_more() -> dict[str, Any]:
    return await asyncio.sleep(600, {})


async def _keep(sent: list[Any], message: Any) -> None:
    sent.append(message)


def test_an_identity_that_stands_twice_is_none() -> None:
    """What a client sent beside the front server's own is refused and judged for nobody."""

    async def story(house: House) -> None:
        assert (await house.get("/chat/say", "subject_a, somebody"))[0] == 400

    assert run(story).rows() == []


def test_an_identity_may_come_from_a_function() -> None:
    """A header then says nothing."""

    async def story(house: House) -> None:
        await house.pause()
        await until(lambda: house.client.check(user="subject_a").answer == "refuse")
        assert (await house.get("/chat/say", "somebody"))[0] == 403

    run(story, identity=lambda scope: "subject_a")


def test_before_any_contact_the_unknown_are_not_served() -> None:
    """The refusal says try again, since no account is restricted."""
    store = Store()
    client = AsyncGateClient(settings("http://127.0.0.1:9", store), carries=ALL)
    with TestClient(House(store, client).app) as asked:
        answer = asked.get("/chat/say")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_a_web_socket_is_judged_and_ended() -> None:
    """It is closed by a measure, and not opened for whoever is refused; what it carried is a gap."""

    async def socket(house: House) -> list[dict]:
        sent: list[dict] = []
        told = [{"type": "websocket.connect"}]

        async def receive() -> dict:
            return told.pop() if told else await asyncio.sleep(600, {})

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(HEADER.lower().encode(), b"subject_a")]
        await house.app({"type": "websocket", "path": "/chat/talk", "headers": headers}, receive, send)
        return sent

    async def story(house: House) -> None:
        running = asyncio.create_task(socket(house))
        await until(lambda: house.app.state.begun == 1)
        await house.pause()
        closed = {"type": "websocket.close", "code": 1008}
        assert [message["type"] for message in await running] == ["websocket.accept", "websocket.send", closed["type"]]
        assert await socket(house) == [closed]

    store = run(story)
    assert [row["answer"] for row in store.rows()] == ["refuse"]
    assert [(gap["reason"], gap["exchanges"]) for gap in store.rows("gaps")] == [("answer_not_seen", 1)]
