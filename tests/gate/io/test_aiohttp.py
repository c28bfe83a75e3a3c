"""The feed over a real connection on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession, web

from answerable_gate import Gate, Hello, Level, Malformed, Request, alias, entry_line, withheld_line
from answerable_gate.feed import Heartbeat, heartbeat_line, hello_line
from answerable_gate.io import aiohttp as adapter
from answerable_gate.io.aiohttp import FeedClient
from answerable_gate.io.following import Clocks, FeedRefused, Listener, next_wait
from tests.gate.build import GATE_KEY, ORIGIN, Log, a_policy, a_withheld, an_entry, an_item

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Answer = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


def wall() -> datetime:
    """Read the wall clock."""
    return datetime.now(UTC)


@dataclass
class World:
    """A store's feed as one function, and a gate connected to it."""

    answer: Answer
    log: Log = field(default_factory=Log)
    asked: list[web.Request] = field(default_factory=list)
    lost: list[Exception] = field(default_factory=list)
    refused: list = field(default_factory=list)
    suspect: list = field(default_factory=list)
    held: list = field(default_factory=list)
    withheld: list = field(default_factory=list)
    forces: list = field(default_factory=list)
    risen: asyncio.Queue = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        self.gate = Gate(
            gate_key=GATE_KEY,
            pinned=self.log.pinned,
            policy=a_policy(version=0),
            wall=wall(),
            monotonic=time.monotonic(),
        )

    def hello(self, **policy: object) -> bytes:
        return hello_line(
            Hello(origin=ORIGIN, key=self.log.key, check=alias(GATE_KEY, "").hex(), policy=a_policy(**policy))
        )

    async def feed(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        response = web.StreamResponse()
        await response.prepare(request)
        await self.answer(request, response)
        return response

    @asynccontextmanager
    async def running(self, handler: Handler | None = None) -> AsyncIterator[FeedClient]:
        app = web.Application()
        app.router.add_get("/v1/feed", handler or self.feed)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        listener = Listener(
            lost=self.lost.append,
            refused=self.refused.append,
            suspect=self.suspect.append,
            risen=self.risen.put_nowait,
            held=lambda subject, items: self.held.append((subject, items)),
            withheld=self.withheld.append,
            in_force=self.forces.append,
        )
        clocks = Clocks(wall=wall, monotonic=time.monotonic)
        base = f"http://127.0.0.1:{port}/"
        client = FeedClient(self.gate, base, "secret", clocks=clocks, listener=listener, name="gate-1")
        async with ClientSession() as session:
            task = asyncio.create_task(client.run(session))
            try:
                async with asyncio.timeout(120):
                    yield client
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                await runner.cleanup()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        while not holds():  # noqa: ASYNC110 - what is waited for is a list in another's hands
            await asyncio.sleep(0.01)


def beat(seq: int, now: datetime | None = None) -> bytes:
    """Write a heartbeat of now."""
    return heartbeat_line(Heartbeat(seq=seq, now=now or wall(), size=0))


def test_a_gate_follows_its_store_and_cuts_running_streams() -> None:
    """It asks with its token and cursor, catches up, is in force, and a new measure reaches a running stream."""
    go = asyncio.Event()

    async def split(request: web.Request, response: web.StreamResponse) -> None:
        line = beat(1)
        await response.write(world.hello() + entry_line(1, an_entry(), (), now=wall()) + line[:10])
        await asyncio.sleep(0.01)
        await response.write(line[10:])
        await go.wait()
        await response.write(entry_line(2, an_entry(an_item(level=Level.PAUSED), version=2), (), now=wall()))
        await asyncio.sleep(60)

    world = World(split)

    async def story() -> None:
        async with world.running() as client:
            await client.contact()
            assert world.gate.status(wall=wall(), monotonic=time.monotonic()).in_force
            watched = world.gate.watch("subject_a")
            go.set()
            assert await world.risen.get() == {watched}
            assert world.held == [("subject_a", ("item_a",))]
            request = Request(identity="subject_a", model=None, tools=None)
            assert world.gate.check(request, wall=wall(), monotonic=time.monotonic()).answer == "refuse"

    asyncio.run(story())
    assert world.asked[0].headers["Authorization"] == "Bearer secret"
    (first, *others) = [dict(one.query) for one in world.asked]
    run = first.pop("run")
    assert (first, len(run)) == ({"after": "0", "gate": "gate-1"}, 16)
    assert all(one["run"] == run for one in others)


def test_a_default_cuts_a_running_stream_without_any_line() -> None:
    """While the store is silent, what falls due is found by the client's own pulse."""

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        now = wall()
        soon = (now - an_item().effective).total_seconds() + 0.5
        entry = an_entry(an_item(level=Level.PAUSED, effective=soon))
        await response.write(world.hello() + entry_line(1, entry, (), now=now) + beat(1))
        await asyncio.sleep(60)

    world = World(answer)

    async def story() -> None:
        async with world.running():
            watched = world.gate.watch("subject_a")
            assert await world.risen.get() == {watched}

    asyncio.run(story())


def test_a_bad_line_is_reported_and_the_connection_tried_again() -> None:
    """The gate keeps what it holds and asks from where it was."""

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        if len(world.asked) == 1:
            await response.write(world.hello() + entry_line(3, an_entry(an_item()), (), now=wall()) + b"{}\n")
        else:
            await response.write(world.hello() + beat(3))
            await asyncio.sleep(60)

    world = World(answer)

    async def story() -> None:
        async with world.running() as client:
            await client.contact()

    asyncio.run(story())
    assert isinstance(world.lost[0], Malformed)
    assert world.asked[1].query["after"] == "3"
    assert world.gate.held("subject_a") is not None


def test_an_ended_feed_and_a_refusal_are_reported() -> None:
    """No answer but the feed is taken for it, and a redirect is not followed."""
    answers = [web.Response(status=403), web.Response(status=307, headers={"Location": "/v1/feed"})]

    async def handler(request: web.Request) -> web.StreamResponse:
        world.asked.append(request)
        return answers[len(world.asked) - 1] if len(world.asked) <= len(answers) else web.Response()

    async def answer(request: web.Request, response: web.StreamResponse) -> None: ...

    world = World(answer)

    async def story() -> None:
        async with world.running(handler):
            await world.until(lambda: len(world.lost) == 3)

    asyncio.run(story())
    assert [str(error) for error in world.lost] == [
        "the store answered 403",
        "the store answered 307",
        "the store ended the feed",
    ]
    assert all(isinstance(error, FeedRefused) for error in world.lost)


def test_a_refused_lowering_and_a_suspect_time_are_reported() -> None:
    """What somebody must be paged for is handed on."""

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        lines = entry_line(1, an_entry(an_item()), (), now=wall()) + entry_line(2, an_entry(version=2), (), now=wall())
        await response.write(world.hello() + lines + beat(2, datetime(2020, 1, 1, tzinfo=UTC)))
        await asyncio.sleep(60)

    world = World(answer)

    async def story() -> None:
        async with world.running():
            await world.until(lambda: bool(world.refused and world.suspect))

    asyncio.run(story())
    assert [item.id for item in world.refused[0]] == ["item_a"]


def test_a_store_that_falls_silent_is_out_of_force_and_asked_again() -> None:
    """A lease that became shorter while the connection lasted counts at once; that it is over is told, once."""

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        await response.write(world.hello(lease_s=1))
        # Who is heard again before anybody has noticed the silence was never out of force.
        if len(world.asked) > 1:
            await world.until(lambda: False in world.forces)
        await response.write(beat(0))
        while len(world.asked) > 1:
            await response.write(beat(0))
            await asyncio.sleep(0.1)
        await asyncio.sleep(60)

    world = World(answer)

    async def story() -> None:
        async with world.running():
            # On a busy machine it may fall silent once more meanwhile.
            await world.until(lambda: world.forces[:3] == [True, False, True])

    asyncio.run(story())
    assert isinstance(world.lost[0], TimeoutError)


def test_what_is_withheld_is_told_once() -> None:
    """Somebody has to bring the store up to date; the same line again says nothing new."""

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        lines = [withheld_line(seq, a_withheld(version)) for seq, version in ((1, 2), (2, 2), (3, 3))]
        await response.write(world.hello() + b"".join(lines) + beat(3))
        await asyncio.sleep(60)

    world = World(answer)

    async def story() -> None:
        async with world.running() as client:
            await client.contact()

    asyncio.run(story())
    assert world.withheld == ["subject_a"]
    assert world.gate.status(wall=wall(), monotonic=time.monotonic()).withheld == 1


def test_many_lines_let_others_run() -> None:
    """While a gate catches up, other work of its loop goes on."""
    turns = 0

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        lines = [entry_line(n, an_entry(subject=f"subject_{n}"), (), now=wall()) for n in range(1, 400)]
        await response.write(world.hello() + b"".join(lines) + beat(399))
        await asyncio.sleep(60)

    world = World(answer)

    async def story() -> None:
        nonlocal turns
        async with world.running() as client:
            waiting = asyncio.create_task(client.contact())
            while not waiting.done():
                turns += len(world.asked)
                await asyncio.sleep(0)

    asyncio.run(story())
    assert turns > 399 // adapter.LINES_AT_ONCE


def test_failures_in_a_row_wait_ever_longer() -> None:
    """The wait doubles up to a bound, and after a connection that held the next try is soon."""
    waits = [0.0]
    for _ in range(8):
        waits.append(next_wait(waits[-1], 0.1))
    assert waits[1:] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0])
    assert next_wait(10.0, 30.0) == 0.2
