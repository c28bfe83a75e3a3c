"""The real LiteLLM proxy, joined to a gateway by its configuration alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientSession, ClientTimeout

from answerable.gateway.stand_in import StandIn
from answerable_gate import Level
from tests.gateway.world import World, closed_port, held, served, until
from tests.sources import ROOT
from tests.waysin.test_checks import HASH, SECRET

LOCK = Path(__file__).with_name("litellm.lock")
PATIENCE_S = 240
KEY = "sk-of-the-proxy"

CONFIG = """
model_list:
  - model_name: m1
    litellm_params: {{model: openai/m1, api_base: "{model}/v1", api_key: none}}
guardrails:
  - guardrail_name: answerable
    litellm_params:
      guardrail: generic_guardrail_api
      mode: [pre_call, post_call]
      default_on: true
      api_base: "{gateway}"
      headers: {{x-answerable-token: os.environ/ANSWERABLE_CHECKS_TOKEN}}
      extra_headers: [x-answerable-user]
      streaming_sampling_rate: 1
  - guardrail_name: away
    litellm_params: {{guardrail: generic_guardrail_api, mode: pre_call, api_base: "{nobody}"}}
  - guardrail_name: away_open
    litellm_params:
      guardrail: generic_guardrail_api
      mode: pre_call
      api_base: "{nobody}"
      unreachable_fallback: fail_open
general_settings: {{master_key: {key}}}
"""


@pytest.fixture(scope="module")
def program() -> Path:
    """Give the proxy's program, in a virtual environment of its own that is made once for each lock."""
    place = ROOT / ".cache" / f"litellm-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    if not (place / "ready").exists():
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK)]
        try:
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
            subprocess.run(pip, check=True)
        except (subprocess.CalledProcessError, OSError) as error:
            pytest.skip(f"LiteLLM cannot be installed here, so nothing says that it can be joined: {error}")
        (place / "ready").touch()
    return place / "bin" / "litellm"


@asynccontextmanager
async def proxy(program: Path, world: World, model: str, folder: Path) -> AsyncIterator[str]:
    """Run the proxy between its clients and a stand-in, beside a gateway."""
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(model=model, gateway=world.base, nobody=closed_port(), key=KEY))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "HOME": str(folder)}
    quiet["ANSWERABLE_CHECKS_TOKEN"] = SECRET
    with (folder / "log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port),
            env={"PATH": os.environ["PATH"], **quiet}, stdout=log, stderr=log,
        )  # fmt: skip
        base = f"http://127.0.0.1:{port}"

        async def is_alive() -> bool:
            assert running.returncode is None, (folder / "log").read_text(errors="replace")[-2000:]
            await asyncio.sleep(0.5)
            try:
                async with world.session.get(base + "/health/liveliness") as response:
                    return response.status == 200
            except ClientConnectionError:
                return False

        try:
            await until(is_alive)
            yield base
        finally:
            running.terminate()
            await running.wait()


async def ask(session: ClientSession, base: str, who: str, **more: Any) -> tuple[int, str]:
    """Ask for a completion, named by the header alone."""
    body = {"model": "m1", "messages": [{"role": "user", "content": "Hello " * 40}], **more}
    headers = {"Authorization": f"Bearer {KEY}", "x-answerable-user": who}
    async with session.post(base + "/v1/chat/completions", json=body, headers=headers) as response:
        return response.status, await response.text()


@pytest.mark.long
def test_litellm_is_joined_by_configuration_alone(program: Path, tmp_path: Path) -> None:
    """Whoever is refused gets no model, a measure cuts a stream, others are served; with the gateway away nobody is.

    Unless the operator has chosen otherwise for one guardrail.
    """

    async def story() -> World:
        world = World(changes={"checks_token_hash": HASH, "upstream": "http://127.0.0.1:9"})
        async with (
            world.running(patience_s=PATIENCE_S),
            served(StandIn(token_s=0.2)) as model,
            proxy(program, world, model, tmp_path) as base,
            ClientSession(timeout=ClientTimeout(total=60)) as session,
        ):
            await tell(world, session, base)
        return world

    async def tell(world: World, session: ClientSession, base: str) -> None:
        await world.hold(held(Level.WATCH))
        status, text = await ask(session, base, "subject_a")
        assert (status, "stand-in" in text) == (200, True)
        running = asyncio.create_task(ask(session, base, "subject_a", stream=True))
        await asyncio.sleep(2)
        await world.hold(held(Level.WATCH), held(Level.PAUSED, name="item_p"), version=2)
        _, text = await running
        assert "Access is restricted for this account." in text
        assert "[DONE]" not in text.split("Access is restricted")[0]
        status, text = await ask(session, base, "subject_a")
        assert 400 <= status < 500
        assert "Access is restricted for this account." in json.loads(text)["error"]["message"]
        assert (await ask(session, base, "somebody else"))[0] == 200
        assert (await ask(session, base, "somebody else", guardrails=["away"]))[0] == 500
        assert (await ask(session, base, "somebody else", guardrails=["away_open"]))[0] == 200

    world = asyncio.run(story())
    assert [row["answer"] for row in world.store.rows()] == ["refuse"]
    assert [gap["exchanges"] for gap in world.store.rows("gaps")] == [2]
