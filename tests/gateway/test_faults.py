"""The fault matrix: what may go wrong for who stands under nothing, a limit, a refusal; plain and streamed.

Law: no fault opens what is closed (L1), none closes what is open to somebody whom the gate knows, none is silent.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from answerable.gateway.stand_in import StandIn
from answerable_gate import Level
from tests.addresses import closed_port
from tests.gate.build import a_policy
from tests.gateway.test_app import run
from tests.gateway.world import HEADER, Answered, Store, World, held, until

LEVELS = {"allow": Level.WATCH, "guarded": Level.GUARDED, "paused": Level.PAUSED}
KNOWN = {"allow": 200, "guarded": 200, "paused": 403}
# What each fault makes of a request of an account that the gate knows; a cold gate knows nobody.
MATRIX: dict[str, dict[str, int]] = {
    "none": KNOWN,
    "store down": KNOWN,
    "stale": KNOWN,
    "cold start": dict.fromkeys(LEVELS, 503),
    "no identity": dict.fromkeys(LEVELS, 403),
    "forged identity": dict.fromkeys(LEVELS, 400),
    # Who stands under nothing is not told that he is looked at: what his body means is for the model to say.
    "duplicate keys": {"allow": 200, "guarded": 400, "paused": 403},
    "upstream down": {"allow": 502, "guarded": 502, "paused": 403},
}
CODES = {
    ("cold start", 503): "not_ready",
    ("no identity", 403): "identity_required",
    ("forged identity", 400): "bad_input",
    ("duplicate keys", 400): "bad_input",
    ("upstream down", 502): "upstream_unreachable",
}


def asked(*, is_stream: bool, more: bytes = b"") -> bytes:
    """Write a request."""
    said = {"model": "m1", "messages": [{"role": "user", "content": "Hello"}], "stream": is_stream}
    return json.dumps(said).encode()[:-1] + more + b"}"


async def ask(world: World, fault: str, *, is_stream: bool) -> Answered:
    """Send one request as the fault would have it."""
    body = asked(is_stream=is_stream, more=b',"n":1,"n":2' if fault == "duplicate keys" else b"")
    who = None if fault == "no identity" else "subject_a"
    return await world.send(body, who, [(HEADER, "somebody")] if fault == "forged identity" else None)


def world_of(fault: str) -> World:
    """Build the world in which it goes wrong."""
    policy = a_policy(on_stale="refuse", on_no_identity="refuse", lease_s=1 if fault == "stale" else 60)
    changes: dict[str, Any] = {"policy": a_policy(version=0, on_cold_start="refuse", on_no_identity="refuse")}
    if fault == "upstream down":
        changes["upstream"] = closed_port()
    return World(store=Store(policy=policy, down=fault == "cold start"), changes=changes)


@pytest.mark.parametrize("standing", LEVELS)
@pytest.mark.parametrize("fault", MATRIX)
def test_each_fault_has_its_answer(fault: str, standing: str) -> None:
    """The status and the code; the preamble where it is due; the model is asked by nobody else."""
    status = MATRIX[fault][standing]

    async def story(world: World) -> None:
        if fault != "cold start":
            await world.hold(held(LEVELS[standing]))
        if fault in ("store down", "stale"):
            world.store.down, world.store.status = True, 503
        if fault == "stale":
            await until(lambda: is_refused(world))
        served = world.upstream.served
        for is_stream in (False, True):
            got = await ask(world, fault, is_stream=is_stream)
            assert got.status == status, got.body
            if status != 200:
                assert got.code == CODES.get((fault, status), "account_restricted")
                continue
            assert got.headers["content-type"].startswith("text/event-stream" if is_stream else "application/json")
            assert (b"Take" in got.body) == (standing == "guarded")
        assert world.upstream.served == served + (2 if status == 200 else 0)

    run(story, world_of(fault), contact=fault != "cold start")


async def is_refused(world: World) -> bool:
    """Whether somebody of whom nothing is known is refused by now."""
    return (await world.chat("somebody")).status == 503


class Slow(StandIn):
    """A stand-in that takes long, and tells whether it came to an end."""

    async def _complete(self, scope: Any, body: bytes, speaks: Any, send: Any) -> None:
        if not json.loads(body)["stream"]:
            self.served += 1
            await asyncio.sleep(600)
            return
        await super()._complete(scope, body, speaks, send)


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("standing", LEVELS)
def test_a_client_that_leaves_is_recorded_as_gone(standing: str, is_stream: bool) -> None:
    """Its row says that it was not complete; who is refused was served nothing, and had that said whole."""

    async def story(world: World) -> None:
        await world.hold(held(LEVELS[standing]))
        host, port = world.base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = asked(is_stream=is_stream)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{HEADER}: subject_a\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        if is_stream and standing != "paused":
            await reader.readuntil(b"data: ")
        elif standing == "paused":
            assert await reader.readline()
        else:
            await until(lambda: world.upstream.served)
        writer.close()
        await writer.wait_closed()
        await until(world.store.rows)

    world = run(story, World(upstream=Slow(token_s=0.05, words=100_000)))
    (row,) = world.store.rows()
    is_refused = standing == "paused"
    assert (row["answer"] == "refuse", row["complete"]) == (is_refused, is_refused)
    assert world.upstream.finished == 0
    assert (row["tokens"] > 0) == (is_stream and not is_refused)
