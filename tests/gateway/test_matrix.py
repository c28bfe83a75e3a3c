"""The capability matrix against behaviour: every route under everything that may apply, over real connections."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import ClientSession

from answerable.gateway.routes import ROUTES, Route, is_closed, route_of, uncarried
from answerable_gate import Level, Limit, Request, Shield, Standing, judge
from tests.gate.build import a_policy, after, an_entry
from tests.gateway.test_app import run
from tests.gateway.world import HEADER, World, held, until

STANDINGS = {
    "nothing": Standing(),
    "watch": Standing(Level.WATCH),
    **{limit.value: Standing(limits=frozenset({limit})) for limit in Limit},
    "shield": Standing(shields=frozenset({Shield("person_a", ("Mara",))})),
    "guarded": Standing(Level.GUARDED),
    "paused": Standing(Level.PAUSED),
}
EXTRA = {"other": "POST /fine_tuning/jobs", "messages_other": "POST /messages/unheard"}
TOOL = {"type": "function", "name": "mail", "function": {"name": "mail"}}


def body_of(route: Route) -> bytes:
    """Write what such a route is sent."""
    turns = [{"role": "user", "content": "Hi"}]
    asked: dict[str, Any] = {"model": "m1", "input" if route.talk == "responses" else "messages": turns}
    if route.reads_body and route.talk is not None:
        asked["tools"] = [TOOL if route.talk == "chat" else {"type": "custom", "name": "mail"}]
    return json.dumps(asked).encode() if route.reads_body else b"--x\r\nnot JSON"


async def ask(world: World, session: ClientSession, route: Route, who: str) -> tuple[int, dict, bytes]:
    """Send one request of a route."""
    method, path = (route.requests or (EXTRA[route.name],))[0].split()
    path = "/v1" + path.replace("{id}", "a_1")
    assert route_of(method, path.encode()) is route
    body = None if method == "GET" else body_of(route)
    async with session.request(method, world.base + path, data=body, headers={HEADER: who}) as response:
        return response.status, dict(response.headers), await response.read()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_what_the_matrix_says_is_what_happens(route: Route) -> None:
    """Edited, passed with its report, or refused in the API's own shape: as the data say, for each thing in force."""

    async def story(world: World) -> None:
        for name, standing in STANDINGS.items():
            item = held(standing.level, limits=standing.limits, shields=standing.shields, subject=name)
            await world.store.send(an_entry(item, subject=name))
        await until(lambda: len(world.store.rows("confirmations")) >= len(STANDINGS))
        for name in STANDINGS:
            await check(world, route, name)

    run(story)


@pytest.mark.parametrize("route", [one for one in ROUTES if "names" in one.carries and one.reads_body])
def test_who_carries_names_keeps_them_out(route: Route) -> None:
    """Of the answer, or of what something unreadable would be made of; an embedding says nothing."""
    said = {"messages": [{"role": "user", "content": "Hi Mara"}], "input": "Hi Mara", "prompt": "Hi Mara"}

    async def story(world: World) -> None:
        await world.hold(held(Level.NONE, shields=STANDINGS["shield"].shields))
        path = "/v1" + route.requests[0].split()[1]
        got = await world.send(json.dumps({"model": "m1"} | said).encode(), path=path)
        if route.name == "embeddings":
            assert got.status == 200
            return
        assert got.status == 403
        code = "feature_not_available" if route.prompts else "content_not_available"
        assert got.json["error"]["code"] == code

    run(story)


async def check(world: World, route: Route, name: str) -> None:
    """Ask as one subject and compare."""
    before = world.upstream.served
    status, headers, body = await ask(world, world.session, route, name)
    item = held(STANDINGS[name].level, limits=STANDINGS[name].limits, shields=STANDINGS[name].shields, subject=name)
    model, tools = ("m1" if route.reads_body else None), (("mail",) if route.talk and route.reads_body else None)
    asked = Request(identity=name, model=model, tools=tools)
    verdict = judge(an_entry(item, subject=name), asked, after(10**9), a_policy())
    if verdict.answer == "refuse" or is_closed(route, verdict):
        assert status == 403
        told = json.loads(body)
        assert told["error"]["code"] == ("account_restricted" if verdict.answer == "refuse" else "route_not_available")
        assert ("type" in told) == (route.api == "anthropic")
        assert world.upstream.served == before
        return
    assert status == 200
    missing = uncarried(route, verdict)
    assert headers.get("x-answerable-not-in-force") == (", ".join(missing) or None)
    if route.talk is None or not route.reads_body:
        return
    reached = world.upstream.requests[-1]["body"]
    is_limited = verdict.answer == "limit"
    says = is_limited and (verdict.level >= Level.GUARDED or verdict.shields or verdict.limits - {
        Limit.NO_MEMORY, Limit.NO_TOOLS})  # fmt: skip
    assert ("Take care." in json.dumps(reached)) == bool(says)
    assert ("tools" in reached) == (verdict.tools is None)
    stores = Limit.NO_MEMORY in verdict.limits and route.talk != "messages"
    assert reached.get("store") == (False if stores else None)
