"""The real LiteLLM proxy by the page: joined to a gateway by configuration or with the gate in its process."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import Signals
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout

from answerable.gateway.stand_in import StandIn
from answerable_gate import Level, Limit
from tests.addresses import closed_port, free_port
from tests.gate.build import GATE_KEY, an_entry
from tests.gateway.world import TOKEN, Store, World, held, served, until
from tests.sources import ROOT
from tests.waysin.recipes import changed, environment, program, recipe, silent
from tests.waysin.test_checks import HASH, SECRET

pytestmark = pytest.mark.long

LOCK = Path(__file__).with_name("litellm.lock")
PATIENCE_S = 400
WORDS = 300
KEY = "sk-of-the-proxy"
RESTRICTED = "Access is restricted for this account."

CONFIG = """
model_list:
  - model_name: m1
    litellm_params: {{model: openai/m1, api_base: "{model}/v1", api_key: none}}
general_settings: {{master_key: {key}}}
{recipe}
"""
AWAY = """
  - guardrail_name: away
    litellm_params: {{guardrail: generic_guardrail_api, mode: pre_call, api_base: "{nobody}"}}
  - guardrail_name: away_open
    litellm_params:
      guardrail: generic_guardrail_api
      mode: pre_call
      api_base: "{nobody}"
      unreachable_fallback: fail_open
  - guardrail_name: silent
    litellm_params: {{guardrail: generic_guardrail_api, mode: pre_call, api_base: "{silent}", timeout: 1}}
"""
HELLO = [{"role": "user", "content": "Hello"}]
ROUTES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": HELLO},
    "/v1/completions": {"prompt": "Hello"},
    "/v1/responses": {"input": "Hello"},
    "/v1/messages": {"messages": HELLO, "max_tokens": 9},
    "/v1/embeddings": {"input": "Hello"},
}
# Of whoever is guarded only the first is allowed.
TOOLS: dict[str, list[dict[str, Any]]] = {
    "/v1/chat/completions": [{"type": "function", "function": {"name": name}} for name in ("calculator", "search")],
    "/v1/responses": [{"type": "function", "name": name, "parameters": {}} for name in ("calculator", "search")],
    "/v1/messages": [{"name": name, "input_schema": {"type": "object"}} for name in ("calculator", "search")],
}
STREAMS = (
    ("subject_a", "/v1/chat/completions"),
    ("subject_b", "/v1/chat/completions"),
    ("subject_b", "/v1/completions"),
    ("subject_b", "/v1/responses"),
    ("subject_b", "/v1/messages"),
)


@pytest.fixture(scope="module")
def litellm() -> Path:
    """Give the proxy's program."""
    return environment(LOCK) / "litellm"


@asynccontextmanager
async def proxy(litellm: Path, model: str, folder: Path, guardrails: str, **environment: str) -> AsyncIterator[str]:
    """Run the proxy between its clients and a stand-in."""
    config, port = folder / "config.yaml", free_port()
    config.write_text(CONFIG.format(model=model, key=KEY, recipe=guardrails))
    given = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "HOME": str(folder)}
    given |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "gate/src")} | environment
    command = (str(litellm), "--config", str(config), "--host", "127.0.0.1", "--port", str(port))
    base = f"http://127.0.0.1:{port}"
    alive = base + "/health/liveliness"
    # A server that ends by SIGTERM ends before its loop does, and what waits is not told then.
    async with program(*command, log=folder / "log", environment=given, alive=alive, ends_by=Signals.SIGINT):
        yield base


class Client:
    """A client of the proxy, named by the header alone."""

    def __init__(self, session: ClientSession, base: str) -> None:
        self._session = session
        self._base = base
        self._heard: dict[tuple[str, str], bytes] = {}  # of the newest answer

    async def ask(self, who: str, path: str = "/v1/chat/completions", **more: Any) -> tuple[int, str]:
        """Ask for an answer."""
        headers = {"Authorization": f"Bearer {KEY}", "x-answerable-user": who}
        body = {"model": "m1", **ROUTES[path], **more}
        async with self._session.post(self._base + path, json=body, headers=headers) as response:
            self._heard[who, path] = b""
            async for piece in response.content.iter_any():
                self._heard[who, path] += piece
            return response.status, self._heard[who, path].decode()

    def has_heard(self, who: str, path: str, words: int) -> bool:
        """Say whether so many words of an answer have come."""
        return self._heard.get((who, path), b"").count(b"word") >= words

    async def hang_up(self, who: str) -> None:
        """Leave in the middle of a stream."""
        headers = {"Authorization": f"Bearer {KEY}", "x-answerable-user": who}
        body = {"model": "m1", "messages": HELLO, "stream": True}
        async with self._session.post(self._base + "/v1/chat/completions", json=body, headers=headers) as response:
            await response.content.readany()
            response.close()


def model_of() -> StandIn:
    """Give a model whose streams last a minute."""
    return StandIn(token_s=0.2, words=WORDS)


def error_of(text: str) -> dict[str, Any]:
    """Give the error of an answer."""
    found: dict[str, Any] = json.loads(text)["error"]
    return found


def test_litellm_is_joined_by_configuration_alone(litellm: Path, tmp_path: Path) -> None:
    """Whoever is refused gets no model, a measure cuts a stream, others are served; with the gateway away nobody is.

    Unless the operator has chosen otherwise for one guardrail.
    """

    async def story() -> World:
        world = World(changes={"checks_token_hash": HASH, "upstream": "http://127.0.0.1:9"})
        async with world.running(patience_s=PATIENCE_S), served(stand_in) as model, silent() as mute:
            # The gateway shares its process with everything else of this test.
            changes = {"http://127.0.0.1:8701": world.base, "timeout: 2": "timeout: 60"}
            written = changed(recipe("LiteLLM by its configuration", "yaml"), changes)
            guardrails = written + AWAY.format(nobody=closed_port(), silent=mute)
            async with (
                proxy(litellm, model, tmp_path, guardrails, ANSWERABLE_CHECKS_TOKEN=SECRET) as base,
                ClientSession(timeout=ClientTimeout(total=60)) as session,
            ):
                await tell(world, Client(session, base))
        return world

    async def tell(world: World, client: Client) -> None:
        await world.hold(held(Level.WATCH))
        status, text = await client.ask("subject_a")
        assert (status, "stand-in" in text) == (200, True)
        running = asyncio.create_task(client.ask("subject_a", stream=True))
        await until(lambda: stand_in.served == 2)
        await world.hold(held(Level.WATCH), held(Level.PAUSED, name="item_p"), version=2)
        _, text = await running
        assert RESTRICTED in text
        assert "[DONE]" not in text.split(RESTRICTED)[0]
        status, text = await client.ask("subject_a")
        assert (status, RESTRICTED in error_of(text)["message"]) == (400, True)
        assert (await client.ask("somebody else"))[0] == 200
        assert (await client.ask("somebody else", guardrails=["away"]))[0] == 500
        assert (await client.ask("somebody else", guardrails=["silent"]))[0] == 500
        assert (await client.ask("somebody else", guardrails=["away_open"]))[0] == 200

    stand_in = model_of()
    world = asyncio.run(story())
    assert [row["answer"] for row in world.store.rows()] == ["refuse"]
    assert [gap["exchanges"] for gap in world.store.rows("gaps")] == [2]


async def hold(store: Store, version: int, *items: Any) -> None:
    """Send subject_a's entry and wait until the proxy holds it."""
    before = len(store.rows("confirmations"))
    await store.send(an_entry(*items, version=version))
    await until(lambda: len(store.rows("confirmations")) > before)


async def tell_of_the_gate_inside(store: Store, client: Client, stand_in: StandIn) -> None:
    """Let one after the other apply: nothing, care, guarded, paused; then the store goes."""
    for path in ROUTES:
        status, text = await client.ask("somebody else", path)
        assert status == 200, (path, text)
    care = held(Level.WATCH, limits=frozenset({Limit.CARE}))
    await hold(store, 1, care)
    _, text = await client.ask("subject_a")
    assert "Take care." in text
    guarded = held(Level.GUARDED, name="item_g")
    await hold(store, 2, care, guarded)
    for path, tools in TOOLS.items():
        status, text = await client.ask("subject_a", path, tools=tools)
        told = ("Take care." in text, "calculator" in text, "search" in text)
        assert (status, *told) == (200, True, True, False), (path, text)
    status, text = await client.ask("subject_a", extra_body={"tools": TOOLS["/v1/chat/completions"]})
    assert (status, error_of(text)["param"]) == (403, "extra_body")
    status, text = await client.ask("subject_a", "/v1/responses", previous_response_id="resp_1")
    assert (status, error_of(text)["param"]) == (403, "previous_response_id")
    for path in ROUTES.keys() - TOOLS.keys():
        assert (await client.ask("subject_a", path))[0] == 403, path
    await store.send(an_entry(held(Level.WATCH, name="item_b", subject="subject_b"), subject="subject_b"))
    await until(lambda: any(row["subject"] == "subject_b" for row in store.rows("confirmations")))
    await client.hang_up("subject_b")
    await until(lambda: [row["complete"] for row in store.rows() if row["subject"] == "subject_b"] == [False])
    store.posts = [(kind, row) for kind, row in store.posts if row.get("subject") != "subject_b"]
    asked = stand_in.served
    streams = [asyncio.create_task(client.ask(who, path, stream=True)) for who, path in STREAMS]
    await until(lambda: stand_in.served == asked + len(STREAMS))
    await until(lambda: all(client.has_heard(who, path, 10) for who, path in STREAMS))
    await hold(store, 3, care, guarded, held(Level.PAUSED, name="item_p"))
    paused = held(Level.PAUSED, name="item_q", subject="subject_b")
    await store.send(an_entry(paused, subject="subject_b", version=2))
    for (_, path), (_, text) in zip(STREAMS, await asyncio.gather(*streams), strict=True):
        assert RESTRICTED in text.split("[DONE]")[0], (path, text)
    store.down = True
    for path in ROUTES:
        status, text = await client.ask("subject_a", path)
        assert (status, RESTRICTED in text) == (403, True), (path, text)
        assert "give the reference subject_a" in text


def test_litellm_holds_the_gate_in_its_process(litellm: Path, tmp_path: Path) -> None:
    """It edits, refuses and cuts, with the store away as well, and tells what was served before it ends."""

    async def story() -> Store:
        store, stand_in = Store(), model_of()
        async with asyncio.timeout(PATIENCE_S), store.running() as feed, served(stand_in) as model:
            environment = {
                "ANSWERABLE_STORE": feed,
                "ANSWERABLE_GATE_TOKEN": TOKEN,
                "ANSWERABLE_GATE_KEY": GATE_KEY.hex(),
                "ANSWERABLE_VKEY": store.log.key,
                "ANSWERABLE_GATE_NAME": "proxy-1",
            }
            guardrails = recipe("LiteLLM with the gate in its process", "yaml")
            async with (
                proxy(litellm, model, tmp_path, guardrails, **environment) as base,
                ClientSession(timeout=ClientTimeout(total=60)) as session,
            ):
                await tell_of_the_gate_inside(store, Client(session, base), stand_in)
        return store

    store = asyncio.run(story())
    rows = store.rows()
    assert [row["answer"] for row in rows[:6]] == ["limit"] * 4 + ["refuse"] * 2
    cut = [row for row in rows if not row["complete"]]
    assert [row["subject"] for row in cut].count("subject_b") == len(cut) - 1 == len(STREAMS) - 1
    assert all(5 < row["tokens"] < WORDS for row in cut), cut
    assert [row["answer"] for row in rows].count("refuse") == 2 + 2 + 5
    assert all(row["tokens"] for row in rows if row["answer"] == "limit")
    assert store.rows("departures") == [{"gate": "proxy-1"}]


@pytest.mark.parametrize(("old", "new"), [("default_on: true", ""), ("[pre_call, post_call]", "pre_call")])
def test_litellm_does_not_start_with_a_gate_that_would_not_be_asked(
    old: str, new: str, litellm: Path, tmp_path: Path
) -> None:
    """On most errors it would start without the guardrail, and say so in its log only."""
    guardrails = changed(recipe("LiteLLM with the gate in its process", "yaml"), {old: new})

    async def story() -> None:
        async with asyncio.timeout(PATIENCE_S), proxy(litellm, closed_port(), tmp_path, guardrails):
            raise RuntimeError("it has started")

    with pytest.raises(AssertionError, match="this guardrail needs"):
        asyncio.run(story())
