"""The model behind the gateway, when it fails."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import ClientPayloadError

from answerable.errors import ConfigError
from answerable.gateway.stand_in import StandIn
from answerable.gateway.upstream import Host, Upstream
from answerable_gate import Level
from tests.addresses import closed_port
from tests.gateway.test_app import run
from tests.gateway.world import World, follow_log, held, logged, served, until

EVENTS = [(b"content-type", b"text/event-stream")]


class Broken(StandIn):
    """A stand-in that writes some parts and then stays silent, or breaks its connection."""

    parts: tuple[bytes, ...] = ()
    headers: list = EVENTS
    breaks = False

    async def _complete(self, scope: Any, body: bytes, speaks: Any, send: Any) -> None:
        self.served += 1
        if self.parts:
            await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        for part in self.parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0.02)
        if self.breaks:
            return  # without an end: the server breaks the connection off
        await asyncio.sleep(600)


def broken(*parts: bytes, breaks: bool = False, headers: list = EVENTS) -> Broken:
    """Build one."""
    upstream = Broken()
    upstream.parts, upstream.breaks, upstream.headers = parts, breaks, headers
    return upstream


def test_a_model_that_is_down_is_a_502(caplog: Any) -> None:
    """In the API's shape, without the address of what is behind, and its row says that nothing was served."""
    follow_log(caplog)
    port = closed_port()

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        got = await world.chat()
        assert (got.status, got.code) == (502, "upstream_unreachable")
        assert port.rpartition(":")[2] not in got.body.decode()
        await until(world.store.rows)

    world = World(changes={"upstream": port})
    row = run(story, world).store.rows()[0]
    assert (row["answer"], row["tokens"], row["complete"]) == ("allow", 0, False)
    assert port.rpartition(":")[2] in logged(caplog, "upstream_unreachable")[0]["cause"]


def test_a_model_that_is_slow_is_a_504() -> None:
    """After the silence that was agreed."""

    async def story(world: World) -> None:
        got = await world.chat()
        assert (got.status, got.code) == (504, "upstream_timeout")

    run(story, World(upstream=broken(), changes={"silence_s": 0.3}))


def test_a_model_that_breaks_before_its_answer_is_a_502() -> None:
    """No half answer is passed."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
        writer.close()

    async def told() -> None:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, World(changes={"upstream": address}).running() as world:
            assert (await world.chat()).status == 502

    asyncio.run(told())


@pytest.mark.parametrize(("breaks", "code"), [(True, "upstream_unreachable"), (False, "upstream_timeout")])
def test_a_stream_that_breaks_says_so(breaks: bool, code: str) -> None:
    """What came whole is passed, half an event is not, and the last event is an error."""

    async def story(world: World) -> None:
        got = await world.chat(stream=True)
        first, last, rest = got.body.split(b"\n\n")
        assert (first, rest) == (b"data: 1", b"")
        assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == code

    changes = {} if breaks else {"silence_s": 3}
    run(story, World(upstream=broken(b"data: 1\n", b"\ndata: ha", breaks=breaks), changes=changes))


def test_a_plain_answer_that_breaks_is_incomplete() -> None:
    """Its client can see it."""

    async def story(world: World) -> None:
        with pytest.raises(ClientPayloadError):
            await world.chat()

    run(story, World(upstream=broken(b"half", breaks=True, headers=[(b"content-length", b"100")])))


def test_an_error_of_the_model_passes_as_it_is() -> None:
    """The gateway does not speak for it."""

    async def story(world: World) -> None:
        got = await world.send(b'{"messages":[],"n":1}')
        assert got.status == 429
        assert got.body == b"slow down"
        assert got.headers["retry-after"] == "7"

    run(story, World(upstream=Refusing()))


class Refusing(StandIn):
    """A stand-in with too much to do."""

    async def _complete(self, scope: Any, body: bytes, speaks: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"7")]})
        await send({"type": "http.response.body", "body": b"slow down"})


@pytest.mark.parametrize("base", ["", "model.example/v1", "ftp://model.example", "http://"])
def test_an_address_that_is_none_is_found_at_the_start(base: str) -> None:
    """And not by the first exchange."""
    with pytest.raises(ConfigError):
        Upstream(base, None, silence_s=1)


def test_a_route_has_its_own_host_and_key() -> None:
    """No key reaches another host than its own; the longest path that fits holds, and no name that begins alike."""

    async def story(world: World) -> None:
        for path in ("/v1/messages", "/v1/messages/count_tokens?beta=true", "/v1/chat/completions", "/v1/messagesx"):
            assert (await world.send(b"{}", path=path)).status == 200
        async with world.session.get(f"{world.base}/v1/files/a_1", headers={"Authorization": "Bearer caller"}) as got:
            assert got.status == 200

    async def both() -> World:
        async with served(other) as messages, served(files) as kept:
            hosts = [Host(b"/messages", f"{messages}/v1/", "other-key"), Host(b"/files", f"{kept}/v1", None)]
            async with (world := World(changes={"upstream_routes": hosts})).running():
                await story(world)
        return world

    def asked(model: Any) -> list[tuple[str, str | None, str | None]]:
        headers = [(one["path"], one["headers"]) for one in model.requests]
        return [(path, found.get("authorization"), found.get("x-api-key")) for path, found in headers]

    other, files = StandIn(), StandIn()
    world = asyncio.run(both())
    main = ("/v1/chat/completions", "/v1/messagesx")
    assert asked(world.upstream) == [(path, "Bearer upstream-key", None) for path in main]
    assert asked(other) == [(path, None, "other-key") for path in ("/v1/messages", "/v1/messages/count_tokens")]
    assert asked(files) == [("/v1/files/a_1", "Bearer caller", None)]


def test_a_route_to_nowhere_is_a_mistake() -> None:
    """Found before anything is served."""
    with pytest.raises(ConfigError):
        Upstream("https://model.example/v1", None, silence_s=1, routes=[Host(b"/messages", "nowhere", None)])
