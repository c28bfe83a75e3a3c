"""Web sockets through the gateway: judged at the handshake, cut by a measure, untouched between."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from answerable.gateway.stand_in import StandIn
from answerable_gate import Frozen, Level, Limit
from tests.addresses import closed_port
from tests.gate.build import a_policy
from tests.gateway.test_app import run
from tests.gateway.world import HEADER, Store, World, follow_log, held, logged, until


def connect(world: World, who: str | None = "subject_a", headers: Any = (), **more: Any) -> Any:
    """Open a socket to the gateway."""
    named = [*([(HEADER, who)] if who else []), *headers]
    url = world.base.replace("http", "ws") + "/v1/realtime?model=m1"
    return world.session.ws_connect(more.pop("url", url), headers=named, **more)


async def refused(world: World, **more: Any) -> int:
    """Try to open a socket and give the status of the refusal."""
    with pytest.raises(WSServerHandshakeError) as error:
        await connect(world, **more)
    return error.value.status


async def say(socket: ClientWebSocketResponse, text: str) -> str:
    """Say something and hear the answer."""
    await socket.send_str(text)
    return (await socket.receive_json())["said"]


def test_messages_pass_in_both_directions() -> None:
    """Text, bytes, the protocol, the query; the operator's key in place of the caller's; the end on either side."""

    async def story(world: World) -> None:
        protocols = ("realtime", "openai-insecure-api-key.caller")
        async with connect(world, protocols=protocols, headers=[("Authorization", "Bearer caller")]) as socket:
            assert socket.protocol == "realtime"
            assert (await say(socket, "Hello")).endswith("Hello")
            await socket.send_bytes(b"\x00\xff")
            assert await socket.receive_bytes() == b"\x00\xff"
            await socket.send_str("bye")
            assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == 1000

    asked = run(story).upstream.requests[0]
    assert asked["body"] == {"subprotocols": ["realtime"], "query": "model=m1"}
    assert asked["headers"]["authorization"] == "Bearer upstream-key"
    assert HEADER.lower() not in asked["headers"]


@pytest.mark.parametrize("level", [Level.GUARDED, Level.PAUSED])
def test_who_is_limited_opens_none(level: Level) -> None:
    """Nothing could be edited on its way; by the trusted header or by the API's own; nobody else is concerned."""

    async def story(world: World) -> None:
        await world.hold(held(level))
        assert await refused(world) == 403
        assert await refused(world, who=None, headers=[("OpenAI-Safety-Identifier", "subject_a")]) == 403
        async with connect(world, "somebody", [("OpenAI-Safety-Identifier", "subject_a")]) as socket:
            assert await say(socket, "Hi")

    assert run(story).upstream.served == 1


def test_a_doubtful_identity_opens_none() -> None:
    """Twice, joined, or nobody where policy refuses that."""

    async def story(world: World) -> None:
        assert await refused(world, headers=[(HEADER, "somebody")]) == 400
        assert await refused(world, who="a,b") == 400
        assert await refused(world, who=None) == 403

    assert run(story, World(store=Store(policy=a_policy(on_no_identity="guarded")))).upstream.served == 0


def test_a_model_outside_the_freeze_opens_none() -> None:
    """The model stands in the address."""

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH), frozen=Frozen(models=("m2",), tools=None))
        assert await refused(world) == 403

    run(story)


def test_below_guarded_it_is_opened_and_reported(caplog: Any) -> None:
    """NOT IN FORCE, in the handshake's answer and in the log."""
    follow_log(caplog)

    async def story(world: World) -> None:
        await world.hold(held(Level.NONE, limits=frozenset({Limit.CARE})))
        async with connect(world) as socket:
            assert socket._response.headers["x-answerable-not-in-force"] == "preamble"

    run(story)
    assert logged(caplog, "not_in_force")[0]["route"] == "realtime"


@pytest.mark.parametrize("level", [Level.GUARDED, Level.PAUSED])
def test_a_measure_cuts_a_running_socket(level: Level) -> None:
    """With a last event that says why, in either direction's silence; its row says what was handed over."""

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH, name="item_w"))
        async with connect(world) as socket:
            assert await say(socket, "one two")
            assert await say(socket, "three")
            await world.hold(held(Level.WATCH, name="item_w"), held(level), version=2)
            async with asyncio.timeout(10):
                last = json.loads((await socket.receive()).data)
                assert (await socket.receive()).type is WSMsgType.CLOSE
            assert last["type"] == "error"
            assert last["error"]["code"] == ("route_not_available" if level is Level.GUARDED else "account_restricted")
        assert socket.close_code == 1008
        await until(world.store.rows)

    row = run(story).store.rows()[0]
    assert (row["model"], row["tokens"], row["answer"]) == ("m1", 3, "allow")


def test_a_client_that_leaves_ends_the_models_end_too() -> None:
    """And its row is written."""

    class Told(StandIn):
        """A stand-in that tells when its socket has ended."""

        ended = False

        async def _converse(self, scope: Any, receive: Any, send: Any) -> None:
            await super()._converse(scope, receive, send)
            type(self).ended = True

    upstream = Told(token_s=0)

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        async with connect(world) as socket:
            assert await say(socket, "Hi")
        await until(lambda: Told.ended)
        await until(world.store.rows)

    assert run(story, World(upstream=upstream)).store.rows()[0]["complete"] is True


def test_a_model_that_is_away_is_a_502() -> None:
    """Before anything is opened."""

    async def story(world: World) -> None:
        assert await refused(world) == 502

    run(story, World(changes={"upstream": closed_port()}))


def test_other_sockets_are_not_opened() -> None:
    """There is one route for them."""

    async def story(world: World) -> None:
        for path in ("/v1/chat/completions", "/v1/unheard", "/"):
            assert await refused(world, url=world.base.replace("http", "ws") + path) == 403

    assert run(story).upstream.served == 0
