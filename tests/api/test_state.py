"""What the routes share: who comes alone, and the gates, wait for nothing that comes in masses or takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from answerable.api import ingest
from answerable.api.state import PORT_THREADS, Inlet
from answerable.app import GateRules, Reading
from answerable.config import init_config, load
from answerable.edge import SeededMint
from answerable.errors import BadInput
from answerable.work.writer import Verb, Writer
from tests.work.memory import in_memory

RULES = GateRules(on_stale="allow", on_cold_start="allow", on_no_identity="allow", lease_s=60)
WAITED_S = 60


@pytest.fixture
def inlet(tmp_path: Path) -> Inlet:
    """Give the inlet of a house in memory."""
    path = tmp_path / "answerable.toml"
    init_config(path, mint=SeededMint(7))
    house = in_memory(tmp_path)
    answerable = house.answerable
    return Inlet(
        config=load(path),
        writer=Writer(answerable),
        reading=Reading(answerable.acts, answerable.signer, RULES),
        outside=answerable,
        clock=house.clock,
        gate_tokens=(),
        webhook_secrets={},
    )


def test_neither_the_feed_nor_a_warning_waits_for_masses(inlet: Inlet) -> None:
    """While a long list is read and batches of exchanges queue, gates are read for and the operator's systems asked."""

    async def run() -> None:
        go = Event()
        slow: list[asyncio.Future[Any]] = [asyncio.ensure_future(inlet.read(lambda _: go.wait(WAITED_S)))]
        inlet.keeper.submit(go.wait, WAITED_S)
        slow += [asyncio.ensure_future(inlet.keep([])) for _ in range(2 * PORT_THREADS)]
        try:
            async with asyncio.timeout(WAITED_S / 2):
                assert await inlet.read_feed(lambda reading: reading.head()) == 0
                assert await inlet.ask(lambda _: "asked") == "asked"
            assert not any(one.done() for one in slow)
        finally:
            go.set()
        assert await asyncio.gather(*slow) == [True] + [0] * (2 * PORT_THREADS)
        inlet.close()

    asyncio.run(run())


def test_whoever_asks_for_many_leaves_threads_to_who_comes_alone(inlet: Inlet) -> None:
    """However many bodies of lines come in at once, at most half of the threads are taken for their questions."""
    app = Starlette()
    app.state.inlet = inlet
    running = most = 0
    begun = asyncio.Event()

    async def verbs(came: Sequence[object]) -> list[Verb[Any]]:
        nonlocal running, most
        assert not came
        running += 1
        most = max(most, running)
        if running == PORT_THREADS // 2:
            begun.set()
        await begun.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        running -= 1
        return []

    def refused(_: bytes) -> None:
        raise BadInput("no")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"a line\n", "more_body": False}

    def request() -> Request:
        return Request({"type": "http", "method": "POST", "headers": [], "app": app}, receive)

    async def run() -> None:
        async with asyncio.timeout(WAITED_S):
            await asyncio.gather(*(ingest._many(request(), refused, verbs) for _ in range(3 * PORT_THREADS)))
        inlet.close()

    asyncio.run(run())
    assert most == PORT_THREADS // 2
