"""Exchanges under way: ended by a measure, by time, by their client's leaving."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import ClientPayloadError

from answerable.edge import ManualClock, SystemClock, shift_clock
from answerable.gateway.callers import Callers, Key
from answerable.gateway.running import Runnings
from answerable.gateway.stand_in import StandIn
from answerable_gate import Level, Request, alias
from tests.gate.build import GATE_KEY, START, Bench
from tests.gateway.test_app import run
from tests.gateway.world import World, follow_log, held, logged, now, until

CHAT = "/v1/chat/completions"
STREAM = json.dumps({"model": "m1", "messages": [{"role": "user", "content": "Hi"}], "stream": True})
NAMED = {"X-Answerable-User": "subject_a"}
LONG: dict = {"token_s": 0.02, "words": 100_000}
CUT_WITHIN_S = 30


def events(body: bytes) -> list[dict]:
    """Read the events of a stream; each is whole."""
    parts = body.split(b"\n\n")
    assert parts.pop() == b""
    return [json.loads(part.removeprefix(b"data: ")) for part in parts]


async def cut_stream(world: World, rise: Any) -> tuple[bytes, float]:
    """Open a stream, let something rise, and give what came and how long it went on after the rise."""
    async with world.session.post(world.base + CHAT, data=STREAM, headers=NAMED) as response:
        assert response.status == 200
        body = await response.content.readany()
        await rise()
        begins = time.monotonic()
        body += await response.read()
        return body, time.monotonic() - begins


def test_a_measure_cuts_a_running_stream() -> None:
    """At once, with a last event that says so, and the model, which would go on for half an hour, is freed."""

    async def story(world: World) -> None:
        body, seconds = await cut_stream(world, lambda: world.hold(held(Level.PAUSED)))
        *tokens, last = events(body)
        assert last["error"]["code"] == "account_restricted"
        assert all("choices" in event for event in tokens)
        assert seconds < CUT_WITHIN_S
        await until(lambda: world.upstream.left == 1)

    run(story, World(upstream=Leaving(**LONG)))


def test_what_is_decided_of_a_tenant_cuts_its_end_users_stream() -> None:
    """Nobody has ever heard of the end user; what two programs share is the tenant's name alone."""
    keys = {hashlib.sha256(b"sk-acme").digest(): Key("tenant", "acme")}
    callers = Callers(header=b"x-answerable-user", keys=keys)

    async def story(world: World) -> None:
        named = {"Authorization": "Bearer sk-acme", "OpenAI-Safety-Identifier": "u-7"}
        measure = held(Level.PAUSED, subject="acme")
        async with world.session.post(world.base + CHAT, data=STREAM, headers=named) as response:
            assert response.status == 200
            body = await response.content.readany()
            await world.hold(measure, subject="acme")
            body += await response.read()
        assert events(body)[-1]["error"]["code"] == "account_restricted"
        await until(lambda: world.upstream.left == 1)
        again = await world.send(STREAM.encode(), who=None, headers=named)
        assert (again.status, again.code) == (403, "account_restricted")

    run(story, World(upstream=Leaving(**LONG), changes={"callers": callers}))


def test_a_default_cuts_a_running_stream_when_it_falls_due(tmp_path: Path) -> None:
    """With the store gone meanwhile: only time passes."""
    offset = tmp_path / "clock.offset"

    async def story(world: World) -> None:
        await world.hold(held(Level.PAUSED, due_in=3600))

        async def gone() -> None:
            await world.store.go_down()
            shift_clock(offset, Decimal(3600))

        body, seconds = await cut_stream(world, gone)
        assert events(body)[-1]["error"]["code"] == "account_restricted"
        assert seconds < CUT_WITHIN_S

    run(story, World(upstream=StandIn(**LONG), changes={"clock": SystemClock(offset)}))


def test_a_default_cuts_a_running_stream_when_its_second_comes() -> None:
    """No clock is moved: what was open until then is ended, and what comes afterwards is refused."""

    async def story(world: World) -> None:
        item = held(Level.PAUSED, due_in=2)
        await world.hold(item)
        got = await world.send(STREAM.encode())
        assert now() >= item.effective
        assert b"account_restricted" in got.body

    run(story, World(upstream=StandIn(**LONG)))


def test_a_stream_known_only_by_its_body_is_cut_too() -> None:
    """And one of somebody else goes on."""

    async def story(world: World) -> None:
        async def read(user: str) -> bytes:
            data = json.dumps({"messages": [], "stream": True, "user": user})
            async with world.session.post(world.base + CHAT, data=data) as response:
                return await response.read()

        ours, others = asyncio.create_task(read("subject_a")), asyncio.create_task(read("somebody"))
        await until(lambda: world.upstream.served == 2)
        await world.hold(held(Level.SUSPENDED))
        assert events(await ours)[-1]["error"]["code"] == "account_restricted"
        assert (await others).endswith(b"[DONE]\n\n")

    run(story, World(upstream=StandIn(token_s=0.02, words=150)))


def test_a_rise_that_does_not_refuse_cuts_nothing() -> None:
    """Guarded changes the next request, not the running one."""

    async def story(world: World) -> None:
        body, _ = await cut_stream(world, lambda: world.hold(held(Level.GUARDED)))
        assert body.endswith(b"data: [DONE]\n\n")
        assert b"error" not in body

    run(story, World(upstream=StandIn(token_s=0.02, words=40)))


def test_an_exchange_that_waits_for_the_model_is_refused() -> None:
    """Nothing was served yet, so its client gets the plain refusal, and its row says refuse."""

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH, name="item_w"))
        waiting = asyncio.create_task(world.chat())
        await until(lambda: world.upstream.served == 1)
        await world.hold(held(Level.WATCH, name="item_w"), held(Level.PAUSED), version=2)
        got = await waiting
        assert (got.status, got.code) == (403, "account_restricted")
        await until(world.store.rows)

    row = run(story, World(upstream=Silent())).store.rows()[0]
    assert (row["answer"], row["standing"], row["tokens"], row["complete"]) == ("refuse", 3, 0, False)


def test_a_body_of_promised_length_is_left_incomplete() -> None:
    """It cannot carry an error any more, so the connection is closed, and the client sees that it is not whole."""

    async def story(world: World) -> None:
        async with world.session.post(world.base + CHAT, data=STREAM, headers=NAMED) as response:
            await response.content.readany()
            await world.hold(held(Level.PAUSED))
            try:
                await response.read()
            except ClientPayloadError:
                return
        raise AssertionError("a cut body looked whole")

    run(story, World(upstream=HalfABody()))


def test_a_client_that_leaves_frees_the_model(caplog: Any) -> None:
    """The upstream connection ends, the row says that it was not complete, and nothing is counted as a cut."""
    follow_log(caplog)

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        response = await world.session.post(world.base + CHAT, data=STREAM, headers=NAMED)
        await response.content.readany()
        response.close()
        await until(lambda: world.upstream.left == 1)
        await until(world.store.rows)

    row = run(story, World(upstream=Leaving(**LONG))).store.rows()[0]
    assert (row["answer"], row["complete"]) == ("allow", False)
    assert row["tokens"] > 0
    assert logged(caplog, "cut") == []


def test_a_client_that_leaves_while_it_sends_ends_the_exchange() -> None:
    """Half a request is none."""

    async def story(world: World) -> None:
        for path in (CHAT, "/v1/files"):
            _, writer = await asyncio.open_connection("127.0.0.1", int(world.base.rpartition(":")[2]))
            writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n".encode() + b"x")
            await writer.drain()
            writer.close()
        await asyncio.sleep(0.2)
        assert (await world.chat()).status == 200

    assert run(story).upstream.served == 1


def test_a_client_that_reads_nothing_does_not_keep_its_stream() -> None:
    """The model waits for it (back-pressure), and a measure ends it all the same."""

    async def story(world: World) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(world.base.rpartition(":")[2]), limit=1024)
        head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nX-Answerable-User: subject_a\r\n"
        writer.write((head + f"Content-Length: {len(STREAM)}\r\n\r\n" + STREAM).encode())
        await until(lambda: world.upstream.sent > 1_000_000)
        await until(lambda: _stands_still(world.upstream))
        await world.hold(held(Level.PAUSED))
        await until(lambda: world.upstream.left == 1)
        writer.close()
        assert reader is not None

    run(story, World(upstream=Torrent()))


async def _stands_still(upstream: Torrent) -> bool:
    before = upstream.sent
    await asyncio.sleep(0.3)
    return upstream.sent == before


def test_nothing_is_watched_once_all_is_served() -> None:
    """Neither the gate nor the registry keeps anything of an exchange that ended."""

    async def story() -> None:
        gate = Bench().gate
        runnings = Runnings(gate, ManualClock(START))
        request = Request(identity="subject_a", model=None, tools=None)
        both = [runnings.enter(request, None) for _ in range(2)]  # type: ignore[arg-type]
        assert both[0].alias == alias(GATE_KEY, "subject_a")
        for one in both:
            runnings.leave(one)
        assert not any((gate._watched, runnings._by_alias, runnings._unheard))

    asyncio.run(story())


class Leaving(StandIn):
    """A stand-in that counts the clients who leave while it writes."""

    left = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        body = await receive()

        async def again() -> Any:
            return body

        serving = asyncio.create_task(super().__call__(scope, again, send))
        leaving = asyncio.create_task(receive())
        await asyncio.wait([serving, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            self.left += 1
            serving.cancel()
        leaving.cancel()


class Silent(StandIn):
    """A stand-in that never answers."""

    async def _complete(self, scope: Any, body: bytes, speaks: Any, send: Any) -> None:
        self.served += 1
        await asyncio.sleep(600)


class HalfABody(StandIn):
    """A stand-in that promises more than it sends."""

    async def _complete(self, scope: Any, body: bytes, speaks: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await asyncio.sleep(600)


class Torrent(Leaving):
    """A stand-in that writes as fast as it is read."""

    sent = 0

    async def _complete(self, scope: Any, body: bytes, speaks: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        while True:
            await send({"type": "http.response.body", "body": b"data: " + b"x" * 50_000 + b"\n\n", "more_body": True})
            self.sent += 50_000
            await asyncio.sleep(0)
