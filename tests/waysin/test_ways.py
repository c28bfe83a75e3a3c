"""The ways in as data, against what each does, and against the page.

LiteLLM with the gate in its process, and the servers that ask, are run for real beside this (test_litellm, test_nginx).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as Asked
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from answerable.gateway.stand_in import StandIn
from answerable_gate import Level, Limit, Request, Shield, Standing, judge
from answerable_gate.carrying import (
    ALL,
    FRONT_SERVER,
    GATEWAY,
    LITELLM_INSIDE,
    LITELLM_JOINED,
    LOOP_CLIENT,
    MIDDLEWARE,
    SAYABLE,
    THREAD_CLIENT,
    WAYS,
    Carried,
    Way,
    closes,
)
from answerable_gate.io.answers import refusal
from answerable_gate.io.asgi import GateMiddleware
from answerable_gate.io.client import Checks, Settings
from answerable_gate.io.loop import AsyncGateClient
from answerable_gate.io.threads import GateClient
from tests.gate.build import GATE_KEY, a_policy, an_entry
from tests.gateway.world import HEADER, TOKEN, World, held, now, served, until
from tests.waysin.recipes import PAGE
from tests.waysin.test_checks import HASH, guard, look

STANDINGS = {
    "nobody": Standing(),
    "watched": Standing(Level.WATCH),
    "cared-for": Standing(Level.WATCH, limits=frozenset({Limit.CARE})),
    "shielded": Standing(Level.WATCH, shields=frozenset({Shield("person_a", ("Mara",))})),
    "guarded": Standing(Level.GUARDED),
    "guarded-shielded": Standing(Level.GUARDED, shields=frozenset({Shield("person_a", ("Mara",))})),
    "paused": Standing(Level.PAUSED),
}
CUT_WITHIN_S = 30
# Whether somebody passes; and a wait that ends when what he has running ends.
Passes = Callable[[str], Awaitable[bool]]
Driven = tuple[Passes, Callable[[str], Awaitable[None]] | None]


def expected(way: Way, standing: Standing) -> bool:
    """Say by the data whether somebody passes, who asks for nothing in particular."""
    entry = an_entry(held(standing.level, limits=standing.limits, shields=standing.shields))
    verdict = judge(entry, Request(identity="subject_a", model="m1", tools=()), now(), a_policy())
    return verdict.answer != "refuse" and not closes(verdict, way.carries)


def settings_of(world: World) -> Settings:
    """Say how to reach the store beside a gateway."""
    base, key = world.given["feed_base"], world.store.log.key
    return Settings(store=base, token=TOKEN, gate_key=GATE_KEY, vkey=key, name="shop-1", report=lambda *_: None)


async def gateway(world: World, _: AsyncExitStack) -> Driven:
    """Ask the gateway itself."""

    async def passes(who: str) -> bool:
        return (await world.chat(who)).status == 200

    async def stream(who: str) -> None:
        assert b"account_restricted" in (await world.chat(who, stream=True)).body

    return passes, stream


async def middleware(world: World, stack: AsyncExitStack) -> Driven:
    """Ask an application behind the middleware."""

    async def say(asked: Asked) -> Response:
        return Response()

    async def events(_: Asked) -> Response:
        async def pieces() -> Any:
            yield b"data: one\n\n"
            await asyncio.sleep(600)

        return StreamingResponse(pieces(), media_type="text/event-stream")

    client = await stack.enter_async_context(AsyncGateClient(settings_of(world), carries=MIDDLEWARE.carries))
    gate = Middleware(GateMiddleware, client=client, paths=["/"])
    routes = [Route("/say", say), Route("/events", events)]
    base = await stack.enter_async_context(served(Starlette(routes=routes, middleware=[gate])))
    session = await stack.enter_async_context(ClientSession())
    assert await client.contact(60)

    async def get(path: str, who: str) -> tuple[int, bytes]:
        async with session.get(base + path, headers={HEADER: who}) as response:
            return response.status, await response.read()

    async def passes(who: str) -> bool:
        return (await get("/say", who))[0] == 200

    async def stream(who: str) -> None:
        assert b"account_restricted" in (await get("/events", who))[1]

    return passes, stream


def told(client: Checks) -> Passes:
    """Ask a program."""

    async def passes(who: str) -> bool:
        with client.exchange(user=who, model="m1", tools=()) as exchange:
            return not exchange.is_refused

    return passes


async def loop_client(world: World, stack: AsyncExitStack) -> Driven:
    """Ask a program with an event loop."""
    client = await stack.enter_async_context(AsyncGateClient(settings_of(world), carries=LOOP_CLIENT.carries))
    assert await client.contact(60)

    async def stream(who: str) -> None:
        ended = asyncio.Event()
        with client.exchange(user=who) as exchange:
            exchange.on_end = ended.set
            await ended.wait()

    return told(client), stream


async def thread_client(world: World, stack: AsyncExitStack) -> Driven:
    """Ask a program with threads."""
    client = GateClient(settings_of(world), carries=THREAD_CLIENT.carries)
    client.start()
    stack.push_async_callback(asyncio.to_thread, client.close)  # the store that it tells then is in this thread
    assert await asyncio.to_thread(client.contact, 10)

    async def stream(who: str) -> None:
        with client.exchange(user=who) as exchange:
            await until(lambda: not exchange.look())

    return told(client), stream


async def litellm_joined(world: World, _: AsyncExitStack) -> Driven:
    """Ask as LiteLLM does."""

    async def passes(who: str) -> bool:
        return bool((await guard(world, who, model="m1"))["action"] == "NONE")

    async def stream(who: str) -> None:
        async def is_blocked() -> bool:
            return bool((await guard(world, who, "response"))["action"] == "BLOCKED")

        await until(is_blocked)

    return passes, stream


async def front_server(world: World, _: AsyncExitStack) -> Driven:
    """Ask as a front server does before an application that does what it is told."""

    async def passes(who: str) -> bool:
        return (await look(world, ",".join(sorted(FRONT_SERVER.carries)), who)).status == 200

    return passes, None


DRIVEN = {
    GATEWAY.name: gateway,
    MIDDLEWARE.name: middleware,
    LOOP_CLIENT.name: loop_client,
    THREAD_CLIENT.name: thread_client,
    LITELLM_JOINED.name: litellm_joined,
    FRONT_SERVER.name: front_server,
}


def run(way: Way, story: Callable[[World, Driven], Awaitable[None]]) -> World:
    """Tell a story of one way in."""

    async def all_of_it() -> World:
        world = World(upstream=StandIn(token_s=0.2, words=1000), changes={"checks_token_hash": HASH})
        async with world.running(), AsyncExitStack() as stack:
            await story(world, await DRIVEN[way.name](world, stack))
        return world

    return asyncio.run(all_of_it())


@pytest.mark.parametrize("way", [way for way in WAYS if way.name in DRIVEN], ids=lambda way: way.name)
def test_who_passes_is_whom_the_data_let_pass(way: Way) -> None:
    """Under each standing; whoever is refused everywhere is refused by each."""

    async def story(world: World, driven: Driven) -> None:
        for who, standing in STANDINGS.items():
            item = held(standing.level, limits=standing.limits, shields=standing.shields, subject=who, name=who)
            await world.store.send(an_entry(item, subject=who))
        gates = 1 + (way in (MIDDLEWARE, LOOP_CLIENT, THREAD_CLIENT))
        await until(lambda: len(world.store.rows("confirmations")) >= gates * len(STANDINGS))
        found = {who: await driven[0](who) for who in STANDINGS}
        assert found == {who: expected(way, standing) for who, standing in STANDINGS.items()}
        assert found["paused"] is False

    passed = {who for who, standing in STANDINGS.items() if expected(way, standing)}
    world = run(way, story)
    rows = {row["subject"] for row in world.store.rows()}
    gaps = {gap["subject"] for gap in world.store.rows("gaps")}
    seen = STANDINGS.keys() if way.tells == "each exchange" else STANDINGS.keys() - passed
    assert (rows, gaps) == (seen, STANDINGS.keys() - seen)


@pytest.mark.parametrize("way", [way for way in WAYS if way.name in DRIVEN], ids=lambda way: way.name)
def test_what_runs_ends_as_the_data_say(way: Way) -> None:
    """When a measure arrives; and where nothing is ended there is nothing to ask."""

    async def story(world: World, driven: Driven) -> None:
        assert (driven[1] is None) == (way.ends == "no")
        await world.hold(held(Level.WATCH))
        if driven[1] is None:
            return
        running = asyncio.ensure_future(driven[1]("subject_a"))
        await asyncio.sleep(0.3)
        assert not running.done()
        await world.hold(held(Level.WATCH), held(Level.PAUSED, name="item_p"), version=2)
        async with asyncio.timeout(CUT_WITHIN_S):
            await running

    run(way, story)


@pytest.mark.parametrize("carries", [SAYABLE, frozenset[Carried]({"preamble"}), frozenset[Carried]()])
def test_a_program_is_told_to_refuse_what_it_does_not_carry(carries: frozenset[Carried]) -> None:
    """From guarded on, and by default everything; below that it passes, and is reported as not in force."""
    told: list[tuple[str, dict[str, object]]] = []

    async def story(world: World, _: Driven) -> None:
        found = replace(settings_of(world), report=lambda kind, what: told.append((kind, what)))
        await world.hold(held(Level.WATCH, limits=frozenset({Limit.CARE})))
        async with AsyncGateClient(found, carries=carries) as client:
            assert await client.contact(60)
            with client.exchange(user="subject_a", tools=()) as cared_for:
                assert (cared_for.is_refused, cared_for.verdict.answer) == (False, "limit")
            await world.store.send(an_entry(held(Level.GUARDED, name="item_g"), held(Level.WATCH), version=2))
            await until(lambda: client.check(user="subject_a").level is Level.GUARDED)
            with client.exchange(user="subject_a", tools=()) as guarded:
                assert guarded.is_refused == (carries != SAYABLE)
                if guarded.is_refused:
                    assert refusal(guarded.verdict).code == "route_not_available"

    world = run(GATEWAY, story)
    missing = [what["not_carried"] for kind, what in told if kind == "not_in_force"]
    assert missing == ([] if "preamble" in carries else [("preamble",)])
    answers = [row["answer"] for row in world.store.rows()]
    assert answers == ["limit", "limit" if carries == SAYABLE else "refuse"]


def test_a_program_can_find_the_names_that_a_shield_keeps_out() -> None:
    """Which the verdict holds as hashes."""

    async def story(world: World, _: Driven) -> None:
        await world.hold(held(Level.WATCH, shields=STANDINGS["shielded"].shields))
        async with AsyncGateClient(settings_of(world)) as client:
            assert await client.contact(60)
            names = client.names(client.check(user="subject_a"))
            assert (names.find("He met Mara."), names.find("He met Maria.")) == (True, False)

    run(GATEWAY, story)


def table() -> str:
    """Write the table as it stands on the page."""
    lines = ["| way | carries | done by | ends what runs | tells the store |", "|---|---|---|---|---|"]
    for way in WAYS:
        carries = "everything" if way.carries == ALL else ", ".join(sorted(way.carries))
        lines.append(f"| {way.name} | {carries} | {way.done_by} | {way.ends} | {way.tells} |")
    return "\n".join(lines)


def test_the_table_on_the_page_is_the_data() -> None:
    """Line by line; and no way but the one that needs LiteLLM itself goes without a test here."""
    page = PAGE.read_text(encoding="utf-8")
    assert table() in page
    assert [name for name in sorted(ALL) if f"\n| `{name}` |" not in page] == []
    assert DRIVEN.keys() == {way.name for way in WAYS} - {LITELLM_INSIDE.name}
