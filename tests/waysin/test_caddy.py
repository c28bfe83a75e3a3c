"""The page's recipe in a real Caddy, between clients and a model, beside a gateway."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from answerable.gateway.stand_in import StandIn
from answerable_gate import Level, Limit
from tests.addresses import closed_port, free_port
from tests.gateway.world import HEADER, PATIENCE_S, World, held, served
from tests.waysin.recipes import changed, program, recipe, silent
from tests.waysin.test_checks import HASH, SECRET
from tests.waysin.test_nginx import ask

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("caddy") is None, reason="no caddy here: nothing says that the recipe works"),
]


@asynccontextmanager
async def caddy(folder: Path, gateway: str, model: str, **changes: str) -> AsyncIterator[str]:
    """Run Caddy by the recipe."""
    base = f"http://127.0.0.1:{free_port()}"
    given = {
        "http://127.0.0.1:8080": base,
        "http://127.0.0.1:8701": gateway,
        "http://127.0.0.1:9000": model,
        '"the token"': f'"{SECRET}"',
    }
    config = folder / "Caddyfile"
    text = changed(recipe("A front server (forward-auth)", "caddy"), given | changes)
    config.write_text("{\n\tadmin off\n}\n" + text)
    command = (shutil.which("caddy") or "caddy", "run", "--adapter", "caddyfile", "--config", str(config))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    async with program(*command, log=folder / "log", environment=environment, alive=base):
        yield base


def test_caddy_asks_before_the_model(tmp_path: Path) -> None:
    """Whoever is refused hears the gateway's own words, say he what he likes; the limits come to what is behind."""
    model = StandIn(token_s=0)

    async def story(world: World) -> None:
        # The gateway shares its process with everything else of this test.
        claims = {"/check/none": "/check/preamble", "timeout 2s": "timeout 60s"}
        async with caddy(tmp_path, world.base, world.given["upstream"].removesuffix("/v1"), **claims) as base:
            assert (await ask(base))[0] == 200
            await world.hold(held(Level.WATCH, limits=frozenset({Limit.CARE})))
            assert (await ask(base))[0] == 200
            headers = model.requests[-1]["headers"]
            assert isinstance(headers, dict) and headers["x-answerable-limits"] == "preamble"
            await world.hold(held(Level.WATCH), held(Level.PAUSED, name="item_p"), version=2)
            refused = (await world.chat()).body
            assert await ask(base) == (403, refused)
            assert await ask(base, **{HEADER: "somebody else", "X-Answerable-Token": "x"}) == (403, refused)
            assert (await ask(base, "key-of-another", **{HEADER: "subject_a"}))[0] == 200

    async def all_of_it() -> None:
        world = World(upstream=model, changes={"checks_token_hash": HASH})
        async with world.running():
            await story(world)

    asyncio.run(all_of_it())


def test_with_the_gateway_away_or_silent_nobody_passes(tmp_path: Path) -> None:
    """As the page says."""

    async def story() -> None:
        async with asyncio.timeout(PATIENCE_S), served(StandIn(token_s=0)) as model, silent() as mute:
            for gateway, status in ((closed_port(), 502), (mute, 504)):
                async with caddy(tmp_path, gateway, model) as base:
                    assert (await ask(base))[0] == status

    asyncio.run(story())
