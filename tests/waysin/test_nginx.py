"""The page's recipe in a real nginx, between clients and a model, beside a gateway."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from answerable.gateway.stand_in import StandIn
from answerable_gate import Level
from tests.addresses import closed_port, free_port
from tests.gateway.world import HEADER, PATIENCE_S, World, held, served
from tests.waysin.recipes import changed, program, recipe, silent
from tests.waysin.test_checks import HASH, SECRET

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="no nginx here: nothing says that the recipe works"),
]
# One process in the foreground that keeps its files to itself; the recipe stands inside `http`.
AROUND = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{recipe}
}}
"""

# The gateway shares its process with everything else of a test.
PATIENT = {
    "proxy_connect_timeout 1s": "proxy_connect_timeout 60s", "proxy_read_timeout 2s": "proxy_read_timeout 60s",
}  # fmt: skip


@asynccontextmanager
async def nginx(folder: Path, gateway: str, model: str, **changes: str) -> AsyncIterator[str]:
    """Run nginx by the recipe."""
    port = free_port()
    given = {
        "127.0.0.1:8080": f"127.0.0.1:{port}",
        "http://127.0.0.1:8701": gateway,
        "http://127.0.0.1:9000": model,
        '"the token"': f'"{SECRET}"',
    }
    text = changed(recipe("A front server (forward-auth)", "nginx"), given | changes)
    config = folder / "nginx.conf"
    config.write_text(AROUND.format(folder=folder, recipe=text))
    command = (shutil.which("nginx") or "nginx", "-e", str(folder / "error.log"), "-c", str(config))
    base = f"http://127.0.0.1:{port}"
    async with program(*command, log=folder / "out", environment=dict(os.environ), alive=base):
        yield base


async def ask(base: str, key: str = "key-of-a-customer", **headers: str) -> tuple[int, bytes]:
    """Ask for a completion with a key of the operator's own."""
    body = {"model": "m1", "messages": [{"role": "user", "content": "Hello"}]}
    named = {"Authorization": f"Bearer {key}"} | headers
    address = f"{base}/v1/chat/completions"
    async with ClientSession() as session, session.post(address, json=body, headers=named) as response:
        return response.status, await response.read()


def test_nginx_asks_before_the_model(tmp_path: Path) -> None:
    """Whoever is refused hears the gateway's own words, says he what he likes; of what passed nothing is known."""

    async def story(world: World) -> None:
        upstream = world.given["upstream"].removesuffix("/v1")
        async with nginx(tmp_path, world.base, upstream, **PATIENT) as base:
            assert (await ask(base))[0] == 200
            await world.hold(held(Level.WATCH))
            assert (await ask(base))[0] == 200
            await world.hold(held(Level.WATCH), held(Level.PAUSED, name="item_p"), version=2)
            refused = (await world.chat()).body
            assert await ask(base) == (403, refused)
            assert await ask(base, **{HEADER: "somebody else", "X-Answerable-Token": "x"}) == (403, refused)
            assert (await ask(base, "key-of-another", **{HEADER: "subject_a"}))[0] == 200

    async def all_of_it() -> World:
        world = World(changes={"checks_token_hash": HASH})
        async with world.running():
            await story(world)
        return world

    world = asyncio.run(all_of_it())
    assert [row["answer"] for row in world.store.rows()] == ["refuse"] * 3
    assert [gap["exchanges"] for gap in world.store.rows("gaps")] == [1]


@pytest.mark.parametrize("is_open", [False, True])
def test_with_the_gateway_away_nobody_passes_unless_the_operator_says_so(is_open: bool, tmp_path: Path) -> None:
    """The page names the line to change."""
    closed = "return 503 '" + recipe("A front server (forward-auth)", "nginx").partition("return 503 '")[2]
    closed = closed.partition(";\n")[0] + ";"

    async def story() -> None:
        async with asyncio.timeout(PATIENCE_S), served(StandIn(token_s=0)) as model:
            opened = {closed: f"proxy_pass {model};"}
            async with nginx(tmp_path, closed_port(), model, **(opened if is_open else {})) as base:
                status, body = await ask(base)
                assert (status, b"not_ready" in body) == ((200, False) if is_open else (503, True))

    asyncio.run(story())


def test_a_silent_gateway_is_one_that_is_away(tmp_path: Path) -> None:
    """Nobody waits for it longer than the page says."""

    async def story() -> None:
        async with (
            asyncio.timeout(PATIENCE_S),
            silent() as gateway,
            served(StandIn(token_s=0)) as model,
            nginx(tmp_path, gateway, model) as base,
        ):
            assert (await ask(base))[0] == 503

    asyncio.run(story())


def test_a_gateway_without_contact_is_one_that_is_away(tmp_path: Path) -> None:
    """It says 503, which is no answer that nginx knows."""

    async def story() -> None:
        world = World(changes={"checks_token_hash": HASH, "feed_base": closed_port()})
        async with world.running(contact=False), nginx(tmp_path, world.base, closed_port()) as base:
            status, body = await ask(base)
            assert (status, b"not_ready" in body) == (503, True)

    asyncio.run(story())
