"""The page's recipe in a real Envoy, between clients with tokens and a model, beside a gateway."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from joserfc import jwk, jwt

from answerable.gateway.stand_in import StandIn
from answerable_gate import Level, Limit
from tests.addresses import closed_port, free_port
from tests.gateway.world import HEADER, PATIENCE_S, World, held, served
from tests.waysin.recipes import changed, environment, program, recipe, silent
from tests.waysin.test_checks import HASH, SECRET

pytestmark = pytest.mark.long

LOCK = Path(__file__).with_name("envoy.lock")
AROUND = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: here
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: model}}}}]}}
{filters}
  clusters:
  - name: model
    type: STATIC
    load_assignment:
      cluster_name: model
      endpoints:
      - lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {model}}}}}}}}}]
{clusters}
"""


@pytest.fixture(scope="module")
def envoy() -> Path:
    """Give the program."""
    return environment(LOCK) / "envoy"


def indented(text: str, by: int) -> str:
    """Move a block to the right."""
    return "".join(" " * by + line for line in text.splitlines(keepends=True))


@asynccontextmanager
async def running(envoy: Path, folder: Path, gateway: str, model: str, **changes: str) -> AsyncIterator[Client]:
    """Run Envoy by the recipe."""
    key = jwk.ECKey.generate_key("P-256", {"kid": "one"})
    (folder / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    given = {
        "http://127.0.0.1:8701": gateway,
        "port_value: 8701": f"port_value: {urlsplit(gateway).port}",
        "jwks.json": str(folder / "jwks.json"),
        '"the token"': f'"{SECRET}"',
    }
    filters, _, clusters = changed(recipe("Envoy", "yaml"), given | changes).partition("clusters:\n")
    port, config = free_port(), folder / "envoy.yaml"
    config.write_text(
        AROUND.format(
            port=port, model=urlsplit(model).port, filters=indented(filters, 10), clusters=indented(clusters, 2)
        )
    )
    command = (str(envoy), "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "-l", "warning")
    base = f"http://127.0.0.1:{port}"
    async with program(*command, log=folder / "log", environment=dict(os.environ), alive=base + "/none"):
        yield Client(base, key)


class Client:
    """A client with a token of the operator's sign-in."""

    def __init__(self, base: str, key: jwk.ECKey) -> None:
        self._base = base
        self._key = key

    async def ask(self, who: str, **headers: str) -> tuple[int, bytes]:
        """Ask for a completion."""
        claims = {"iss": "https://sign-in.example", "sub": who, "exp": int(time.time()) + 300}
        token = jwt.encode({"alg": "ES256", "kid": "one"}, claims, self._key)
        body = {"model": "m1", "messages": [{"role": "user", "content": "Hello"}]}
        named = {"Authorization": f"Bearer {token}"} | headers
        address = f"{self._base}/v1/chat/completions"
        async with ClientSession() as session, session.post(address, json=body, headers=named) as response:
            return response.status, await response.read()


def test_envoy_asks_before_the_model(envoy: Path, tmp_path: Path) -> None:
    """Whoever is refused hears the gateway's own words, say he what he likes; the limits come to what is behind."""
    model: Any = StandIn(token_s=0)

    async def story(world: World) -> None:
        # The gateway shares its process with everything else of this test.
        claims = {"/check/none": "/check/preamble", "timeout: 2s": "timeout: 60s"}
        upstream = world.given["upstream"].removesuffix("/v1")
        async with running(envoy, tmp_path, world.base, upstream, **claims) as client:
            assert (await client.ask("subject_a"))[0] == 200
            await world.hold(held(Level.WATCH, limits=frozenset({Limit.CARE})))
            assert (await client.ask("subject_a"))[0] == 200
            assert model.requests[-1]["headers"]["x-answerable-limits"] == "preamble"
            await world.hold(held(Level.WATCH), held(Level.PAUSED, name="item_p"), version=2)
            refused = (await world.chat()).body
            assert await client.ask("subject_a") == (403, refused)
            assert await client.ask("subject_a", **{HEADER: "subject_b", "x-answerable-token": "x"}) == (403, refused)
            assert (await client.ask("subject_b", **{HEADER: "subject_a"}))[0] == 200

    async def all_of_it() -> World:
        world = World(upstream=model, changes={"checks_token_hash": HASH})
        async with world.running():
            await story(world)
        return world

    world = asyncio.run(all_of_it())
    assert [row["answer"] for row in world.store.rows()] == ["refuse"] * 3


@pytest.mark.parametrize("is_open", [False, True])
def test_with_the_gateway_away_nobody_passes_unless_the_operator_says_so(
    is_open: bool, envoy: Path, tmp_path: Path
) -> None:
    """One word of the recipe decides."""
    changes = {"failure_mode_allow: false": "failure_mode_allow: true"} if is_open else {}

    async def story() -> None:
        async with (
            asyncio.timeout(PATIENCE_S),
            served(StandIn(token_s=0)) as model,
            running(envoy, tmp_path, closed_port(), model, **changes) as client,
        ):
            assert (await client.ask("subject_a"))[0] == (200 if is_open else 503)

    asyncio.run(story())


def test_a_silent_gateway_is_one_that_is_away(envoy: Path, tmp_path: Path) -> None:
    """Nobody waits for it longer than the page says."""

    async def story() -> None:
        async with (
            asyncio.timeout(PATIENCE_S),
            silent() as gateway,
            served(StandIn(token_s=0)) as model,
            running(envoy, tmp_path, gateway, model) as client,
        ):
            assert (await client.ask("subject_a"))[0] == 503

    asyncio.run(story())


def test_a_gateway_without_contact_is_one_that_is_away(envoy: Path, tmp_path: Path) -> None:
    """It says 503, which Envoy counts as an error."""

    async def story() -> None:
        world = World(changes={"checks_token_hash": HASH, "feed_base": closed_port()})
        async with world.running(contact=False), running(envoy, tmp_path, world.base, closed_port()) as client:
            assert (await client.ask("subject_a"))[0] == 503

    asyncio.run(story())
