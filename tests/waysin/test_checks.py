"""What a front server and LiteLLM are answered, by a gateway that runs."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from answerable.gateway.callers import Callers
from answerable_gate import Frozen, Level, Limit
from tests.gateway.world import HEADER, Answered, World, held, until

SECRET = "a token of the front server's own"
HASH = hashlib.sha256(SECRET.encode()).hexdigest()
LITELLM = "/beta/litellm_basic_guardrail_api"


def run(story: Callable[[World], Awaitable[None]], **changes: Any) -> World:
    """Tell a story beside a gateway that answers checks, and give the world at its end."""

    async def all_of_it() -> World:
        world = World(changes={"checks_token_hash": HASH} | changes)
        async with world.running():
            await story(world)
        return world

    return asyncio.run(all_of_it())


async def look(world: World, carries: str = "none", who: str | None = "subject_a", **headers: str) -> Answered:
    """Ask as a front server does."""
    named = {"x-answerable-token": SECRET} | ({HEADER: who} if who else {}) | headers
    async with world.session.get(f"{world.base}/check/{carries}", headers=named) as response:
        found = {key.lower(): value for key, value in response.headers.items()}
        return Answered(response.status, found, await response.read())


async def guard(world: World, who: str | None = "subject_a", kind: str = "request", **more: Any) -> Any:
    """Ask as LiteLLM does."""
    asked = {"input_type": kind, "request_data": {"user_api_key_end_user_id": who}, "texts": ["Hello"]} | more
    answer = await world.send(json.dumps(asked).encode(), None, {"x-answerable-token": SECRET}, LITELLM)
    assert answer.status == 200, answer.body
    return answer.json


def test_a_front_server_hears_who_may_pass() -> None:
    """Whoever is refused gets the gateway's own answer; whoever is watched looks like anybody else."""

    async def story(world: World) -> None:
        nobody = await look(world, who="somebody else")
        await world.hold(held(Level.WATCH))
        watched = await look(world)
        assert (watched.status, watched.headers["x-answerable-answer"]) == (200, "allow")
        assert watched.headers.keys() == nobody.headers.keys()
        await world.hold(held(Level.WATCH), held(Level.PAUSED, name="item_p"), version=2)
        refused = await look(world)
        assert (refused.status, refused.code, refused.headers["x-answerable-answer"]) == (
            403,
            "account_restricted",
            "refuse",
        )
        assert refused.body == (await world.chat()).body == refused.headers["x-answerable-said"].encode()

    world = run(story)
    assert [row["answer"] for row in world.store.rows()] == ["refuse", "refuse"]
    assert [(gap["reason"], gap["exchanges"]) for gap in world.store.rows("gaps")] == [("answer_not_seen", 1)]


def test_what_the_front_server_does_not_carry_is_refused_from_guarded_on() -> None:
    """It says in the path what it carries; below guarded the rest passes and is said not to be in force."""

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH, limits=frozenset({Limit.CARE})))
        mild = await look(world)
        assert (mild.status, mild.headers["x-answerable-not-in-force"]) == (200, "preamble")
        await world.hold(held(Level.WATCH), held(Level.GUARDED, name="item_g"), version=2)
        assert (await look(world)).code == "route_not_available"
        assert (await look(world, "preamble,tools,store")).code == "route_not_available"
        carried = await look(world, "documents,preamble,tools,store/v1/chat/completions")
        assert (carried.status, carried.headers["x-answerable-answer"]) == (200, "limit")
        assert carried.headers["x-answerable-limits"] == "documents, preamble, store, tools"
        assert carried.headers["x-answerable-tools"] == "calculator"
        assert (await look(world, "everything")).status == 400

    run(story)


def test_litellm_is_told_to_block_and_nothing_else() -> None:
    """It asks before the model and while it answers; a limit that it cannot carry is refused from guarded on."""

    async def story(world: World) -> None:
        assert await guard(world) == {"action": "NONE"}
        await world.hold(held(Level.WATCH), frozen=Frozen(models=("m1",), tools=None))
        assert await guard(world, model="m1") == {"action": "NONE"}
        assert "not available" in (await guard(world, model="m2"))["blocked_reason"]
        await world.hold(held(Level.WATCH), held(Level.GUARDED, name="item_g"), version=2)
        blocked = await guard(world, model="m1", litellm_trace_id="trace-7", tools=[{"type": "function"}])
        assert blocked["action"] == "BLOCKED"
        assert await guard(world, kind="response") == {"action": "NONE"}
        await world.hold(held(Level.WATCH), held(Level.PAUSED, name="item_p"), version=3)
        assert (await guard(world, kind="response"))["action"] == "BLOCKED"
        by_header = await guard(world, "somebody else", request_headers={HEADER: "subject_a"})
        assert by_header["action"] == "BLOCKED"
        assert (await guard(world, "somebody else"))["action"] == "NONE"

    rows = run(story).store.rows()
    assert [row["answer"] for row in rows] == ["refuse"] * 3
    assert rows[1]["conversation"] == "trace-7"


@pytest.mark.parametrize("sent", [b"{}", b"no json", b'{"input_type":"request","request_data":{},"tools":7}'])
def test_what_is_no_question_is_no_answer(sent: bytes) -> None:
    """LiteLLM fails closed on it."""

    async def story(world: World) -> None:
        assert (await world.send(sent, None, {"x-answerable-token": SECRET}, LITELLM)).status == 400

    run(story)


def test_a_header_that_litellm_keeps_to_itself_is_no_identity() -> None:
    """Else the field that a client chose would be taken instead of the header."""

    async def story(world: World) -> None:
        asked = {
            "input_type": "request",
            "request_data": {"user_api_key_end_user_id": "somebody"},
            "request_headers": {HEADER: "[present]"},
        }
        answer = await world.send(json.dumps(asked).encode(), None, {"x-answerable-token": SECRET}, LITELLM)
        assert (answer.status, "extra_headers" in answer.json["error"]["message"]) == (400, True)

    run(story)


def test_where_bodies_are_not_trusted_the_end_user_of_litellm_is_nobody() -> None:
    """He is whom the client's body named; the header stands."""

    async def story(world: World) -> None:
        await world.hold(held(Level.PAUSED))
        assert await guard(world, "subject_a") == {"action": "NONE"}
        assert (await guard(world, "somebody", request_headers={HEADER: "subject_a"}))["action"] == "BLOCKED"

    run(story, callers=Callers(header=HEADER.lower().encode(), trusts_body=False))


def test_without_the_token_nobody_is_answered() -> None:
    """Twice is none; and where no hash is configured there is no such endpoint."""

    async def story(world: World) -> None:
        assert (await look(world, **{"x-answerable-token": "another"})).status == 401
        async with world.session.get(world.base + "/check/none") as response:
            assert response.status == 401
        twice = [("x-answerable-token", SECRET), ("x-answerable-token", SECRET)]
        async with world.session.get(world.base + "/check/none", headers=twice) as response:
            assert response.status == 401

    async def unknown(world: World) -> None:
        assert (await look(world)).status == 404

    run(story)
    run(unknown, checks_token_hash=None)


def test_before_contact_a_front_server_is_told_to_try_again() -> None:
    """No account is restricted then."""

    async def story() -> None:
        world = World(changes={"checks_token_hash": HASH, "feed_base": "http://127.0.0.1:9"})
        async with world.running(contact=False):
            await until(lambda: world.base)
            answer = await look(world)
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")

    asyncio.run(story())
