"""The gateway's world on loopback: a store whose feed a test writes, a stand-in, and a gateway, all real servers.

Law: nothing between them is mocked; a fault is a server that is slow, wrong or gone.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from aiohttp import ClientConnectionResetError, ClientSession, web

from answerable.edge import SystemClock
from answerable.gateway import build
from answerable.gateway.callers import Callers
from answerable.gateway.stand_in import StandIn
from answerable_gate import (
    Entry,
    GatePolicy,
    Heartbeat,
    Hello,
    Item,
    Level,
    Standing,
    alias,
    entry_line,
    heartbeat_line,
    hello_line,
)
from tests.gate.build import GATE_KEY, ORIGIN, Log, a_policy, an_entry

TOKEN = "gate-token"
# A story takes a second; what shares its machine with many others may stand still for a while.
PATIENCE_S = 120
HEADER = "X-Answerable-User"


def now() -> datetime:
    """Read the wall clock."""
    return datetime.now(UTC)


REVIEW_BY = now() + timedelta(days=40)


def held(level: Level, *, due_in: float = 0, name: str = "item_a", subject: str = "subject_a", **more: Any) -> Item:
    """Build an item that counts from now on, or falls due in some seconds."""
    return Item(
        id=name,
        of=subject,
        standing=Standing(level, **more),
        effective=now() + timedelta(seconds=due_in),
        kind="default" if due_in else "measure",
        review_by=REVIEW_BY,
    )


class QuietServer(uvicorn.Server):
    """uvicorn without hands on the signals of the test run."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on loopback and give its address."""
    config = uvicorn.Config(
        app, port=0, lifespan="on", ws="websockets-sansio", log_level="critical", server_header=False,
        date_header=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = QuietServer(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the server did not start"
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@dataclass
class Store:
    """The store's end: a feed that lasts, and what gateways posted."""

    log: Log = field(default_factory=Log)
    policy: GatePolicy = field(default_factory=lambda: a_policy(on_no_identity="allow"))
    beats: bool = True
    down: bool = False
    status: int = 200
    posts: list[tuple[str, dict]] = field(default_factory=list)
    seq: int = 0
    following: int = 0
    lines: list[bytes] = field(default_factory=list)
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, entry: Entry, *releases: Any) -> None:
        """Send an entry to every gateway."""
        self.seq += 1
        self.lines.append(entry_line(self.seq, entry, releases, now=now()))
        async with self.grown:
            self.grown.notify_all()

    async def go_down(self) -> None:
        """Go away, and wait until no gateway is told anything any more."""
        self.down = True
        await until(lambda: not self.following)

    def rows(self, path: str = "exchanges") -> list[dict]:
        """Give what gateways posted."""
        return [row for kind, row in self.posts if kind == path]

    async def feed(self, request: web.Request) -> web.StreamResponse:
        """Serve the feed until the store goes down or the gateway has gone."""
        self.following += 1
        try:
            with suppress(ClientConnectionResetError):
                return await self._feed(request)
            return web.Response()
        finally:
            self.following -= 1

    async def _feed(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        if self.down:
            return web.Response(status=503)
        response = web.StreamResponse()
        await response.prepare(request)
        hello = Hello(origin=ORIGIN, key=self.log.key, check=alias(GATE_KEY, "").hex(), policy=self.policy)
        await response.write(hello_line(hello))
        sent = 0
        while not self.down:
            while sent < len(self.lines):
                sent += 1
                await response.write(self.lines[sent - 1])
            if self.beats:
                await response.write(heartbeat_line(Heartbeat(seq=self.seq, now=now(), size=0)))
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2), self.grown:
                    await self.grown.wait()
        return response

    async def take(self, request: web.Request) -> web.Response:
        """Take rows, each once however often it is delivered."""
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        taken = [(request.match_info["kind"], json.loads(line)) for line in (await request.text()).splitlines()]
        if self.status == 200:
            self.posts += [one for one in taken if one not in self.posts]
        return web.Response(status=self.status)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve the store."""
        app = web.Application()
        app.router.add_get("/v1/feed", self.feed)
        app.router.add_post("/v1/{kind}", self.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            self.down = True
            await runner.cleanup()


@dataclass
class World:
    """A gateway between a client and a stand-in."""

    store: Store = field(default_factory=Store)
    upstream: Any = field(default_factory=lambda: StandIn(token_s=0))
    changes: dict = field(default_factory=dict)
    base: str = ""
    session: Any = None
    given: dict = field(default_factory=dict)

    @asynccontextmanager
    async def running(self, *, contact: bool = True, patience_s: float = PATIENCE_S) -> AsyncIterator[World]:
        """Run everything; with `contact` the gateway is in force when this begins."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(asyncio.timeout(patience_s))
            feed = await stack.enter_async_context(self.store.running())
            model = self.changes.pop("upstream", None) or await stack.enter_async_context(served(self.upstream))
            given = {
                "upstream": f"{model}/v1",
                "upstream_key": "upstream-key",
                "feed_base": feed,
                "gate_token": TOKEN,
                "gate_key": GATE_KEY,
                "pinned": self.store.log.pinned,
                "callers": Callers(header=HEADER.lower().encode()),
                "name": "gate-1",
                "clock": SystemClock(),
                "policy": a_policy(version=0, on_no_identity="allow"),
                "body_bytes": 100_000,
            }
            self.given = given | self.changes
            self.base = await stack.enter_async_context(served(build(**self.given)))
            self.session = await stack.enter_async_context(ClientSession())
            if contact:
                await until(self.is_in_force)
            yield self

    async def is_in_force(self) -> bool:
        """Ask the gateway whether it is in contact."""
        async with self.session.get(f"{self.base}/health") as response:
            return response.status == 200

    async def chat(self, who: str | None = "subject_a", headers: dict | None = None, **body: Any) -> Answered:
        """Ask for a completion, as an identity named by header."""
        asked = {"model": "m1", "messages": [{"role": "user", "content": "Hello"}]} | body
        return await self.send(json.dumps(asked).encode(), who, headers)

    async def send(
        self, body: bytes, who: str | None = "subject_a", headers: Any = None, path: str = "/v1/chat/completions"
    ) -> Answered:
        """Send bytes."""
        named: list = [*([(HEADER, who)] if who else []), ("Content-Type", "application/json")]
        named += list(headers.items()) if isinstance(headers, dict) else headers or []
        async with self.session.post(self.base + path, data=body, headers=named) as response:
            headers = {key.lower(): value for key, value in response.headers.items()}
            return Answered(response.status, headers, await response.read())

    async def hold(self, *items: Item, version: int = 1, **changes: Any) -> None:
        """Send subject_a's entry, which brings something new, and wait until the gateway has confirmed it."""
        before = len(self.store.rows("confirmations"))
        await self.store.send(an_entry(*items, version=version, **changes))
        await until(lambda: len(self.store.rows("confirmations")) > before)


@dataclass(frozen=True)
class Answered:
    """A response, read whole."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error in the API's shape; its keys are checked on the way."""
        error = self.json["error"]
        assert error.keys() == {"message", "type", "code", "param"}
        return error["code"]


async def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds."""
    while True:
        found = holds()
        if await found if isinstance(found, Awaitable) else found:
            return
        await asyncio.sleep(0.01)


def logged(caplog: Any, kind: str) -> list[dict]:
    """Give what the lines of one kind in the gateway's log tell."""
    records = [record for record in caplog.records if record.name == "answerable.gateway"]
    return [json.loads(json.dumps(record.told, default=str)) for record in records if record.message == kind]


def follow_log(caplog: Any) -> None:
    """Let the log be seen."""
    caplog.set_level(logging.INFO, logger="answerable.gateway")
