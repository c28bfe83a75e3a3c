"""The gateway while its store is away: what each rule gives, what a restart keeps, and what the status says."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from answerable.gateway import build
from answerable_gate import Level, withheld_line
from answerable_gate.io.proofs import snapshot_key, unsealer
from answerable_gate.snapshot import place
from tests.addresses import closed_port
from tests.gate.build import GATE_KEY, a_policy, a_withheld, an_entry
from tests.gateway.world import Store, World, follow_log, held, logged, served, until


def run(story: Any, world: World, *, contact: bool = True) -> World:
    """Run a story in a world and give the world back."""

    async def told() -> None:
        async with world.running(contact=contact):
            await story(world)

    asyncio.run(told())
    return world


async def health(world: World) -> dict:
    """Ask the gateway how it stands."""
    async with world.session.get(f"{world.base}/health") as response:
        return await response.json()


async def is_out_of_force(world: World) -> bool:
    """Ask whether the gateway says that it is not in force."""
    return not (await health(world))["in_force"]


@asynccontextmanager
async def restarted(world: World, **changes: Any) -> Any:
    """Build the gateway of a world anew, with the store gone, and serve it."""
    async with served(build(**(world.given | {"feed_base": closed_port()} | changes))) as base:
        before, world.base = world.base, base
        yield
        world.base = before


@pytest.mark.parametrize(("rule", "chat", "other"), [("allow", 200, 200), ("guarded", 200, 503), ("refuse", 503, 503)])
def test_beyond_the_lease_each_rule_holds_and_the_known_keep_theirs(
    rule: Any, chat: int, other: int, caplog: Any
) -> None:
    """A real feed goes away and comes back: NOT IN FORCE in status and log, and the rule for the unknown."""
    follow_log(caplog)
    store = Store(policy=a_policy(on_stale=rule, on_cold_start="allow", on_no_identity="allow", lease_s=1))

    async def story(world: World) -> None:
        await world.hold(held(Level.PAUSED))
        await store.go_down()
        await until(lambda: is_out_of_force(world))
        assert (await health(world))["contact"] == "stale"
        got = await world.chat("somebody else")
        assert got.status == chat
        assert (b"I was told: Take care." in got.body) == (rule == "guarded")
        closed = await world.send(b"x", "somebody else", path="/v1/unheard")
        assert closed.status == other
        assert {one.code for one in (got, closed) if one.status == 503} <= {"not_ready"}
        assert (await world.chat()).code == "account_restricted"
        store.down = False
        await until(world.is_in_force)
        # On a busy machine a lease of a second may pass once more.
        await until(lambda: _served(world, "somebody else"))

    run(story, World(store=store))
    told = [record.message for record in caplog.records if record.message.endswith("_contact")]
    assert len(told) >= 3
    assert told == [("in_contact", "out_of_contact")[place % 2] for place in range(len(told))], "each is told once"


def test_a_looser_entry_without_proof_is_refused_and_stays_in_the_status() -> None:
    """The store says that nothing stands any more: refused, counted until the proof comes, and no word of whom."""

    async def story(world: World) -> None:
        await world.hold(held(Level.PAUSED))
        await world.store.send(an_entry(version=2))
        await until(lambda: _count(world, "lowering_refused", 1))
        told = await health(world)
        assert told["in_force"]
        assert all(isinstance(value, bool | int) or key == "contact" for key, value in told.items())
        assert (await world.chat()).status == 403
        await world.store.send(an_entry(version=3), world.store.log.lift("item_a"))
        await until(lambda: _count(world, "lowering_refused", 0))
        assert (await world.chat()).status == 200

    run(story, World())


async def _served(world: World, who: str) -> bool:
    return (await world.chat(who)).status == 200


async def _count(world: World, key: str, count: int) -> bool:
    return bool((await health(world))[key] == count)


@pytest.mark.parametrize(("rule", "chat"), [("allow", 200), ("guarded", 200), ("refuse", 503)])
def test_what_the_store_cannot_read_is_not_silently_absent(rule: Any, chat: int, caplog: Any) -> None:
    """A newer program wrote about somebody: he gets at least `on_stale`, the status counts him, the log pages once."""
    follow_log(caplog)
    store = Store(policy=a_policy(on_stale=rule, on_no_identity="allow"))

    async def story(world: World) -> None:
        store.seq += 1
        store.lines.append(withheld_line(store.seq, a_withheld()))
        await until(lambda: _count(world, "withheld", 1))
        got = await world.chat()
        assert got.status == chat
        assert (b"I was told: Take care." in got.body) == (rule == "guarded")
        if chat == 503:
            assert got.code == "not_ready"
        assert (await world.chat("somebody else")).status == 200
        assert (await health(world))["in_force"]
        await store.send(an_entry(version=2))
        await until(lambda: _count(world, "withheld", 0))
        assert (await world.chat()).status == 200

    run(story, World(store=store))
    assert [line["subject"] for line in logged(caplog, "withheld")] == ["subject_a"]


@pytest.mark.parametrize("rule", ["allow", "guarded", "refuse"])
def test_a_restart_with_the_store_away_keeps_what_was_due(rule: Any, tmp_path: Path) -> None:
    """Refused stays refused, what was armed falls due, the unknown get `on_stale`: cold is who has no snapshot."""
    path = tmp_path / "gates.snapshot"
    unseal = unsealer(snapshot_key(GATE_KEY))
    policy = a_policy(on_stale=rule, on_cold_start="refuse", on_no_identity="allow")
    wanted = 503 if rule == "refuse" else 200

    async def story(world: World) -> None:
        await world.hold(held(Level.PAUSED))
        await world.store.send(an_entry(held(Level.PAUSED, due_in=2, subject="subject_b"), subject="subject_b"))
        await until(lambda: path.exists() and place(path.read_bytes(), unseal, world.store.log.pinned) == 2)
        world.store.down = True

        async def then() -> None:
            assert (await health(world))["contact"] == "stale"
            assert (await world.chat()).code == "account_restricted"
            assert (await world.chat("somebody else")).status == wanted
            await until(lambda: _refused(world, "subject_b"))

        async with restarted(world, snapshot=path):
            await then()
        async with restarted(world, snapshot=path):
            assert (await world.chat("subject_b")).code == "account_restricted"
        async with restarted(world, snapshot=tmp_path / "none"):
            assert (await health(world))["contact"] == "cold"
            assert (await world.chat("somebody else")).status == 503

    run(story, World(store=Store(policy=policy), changes={"snapshot": path}))


async def _refused(world: World, who: str) -> bool:
    return (await world.chat(who)).status == 403


def test_a_snapshot_that_cannot_be_used_is_told_and_changes_nothing(tmp_path: Path, caplog: Any) -> None:
    """The gateway starts cold, says why, and follows its store."""
    follow_log(caplog)
    path = tmp_path / "gates.snapshot"
    path.write_bytes(b"answerable-gate-snapshot 1\nof an older program")

    async def story(world: World) -> None:
        assert (await world.chat()).status == 200

    run(story, World(changes={"snapshot": path}))
    (told,) = logged(caplog, "snapshot_refused")
    assert "no snapshot of this version" in told["because"]


KILLED = """
import asyncio, sys
from pathlib import Path
from answerable.edge import SystemClock
from answerable.gateway import build
from answerable.gateway.callers import Callers
from answerable_gate import Pinned
from tests.gate.build import GATE_KEY, Log, a_policy
from tests.gateway.world import HEADER, TOKEN, served

async def main():
    gateway = build(
        upstream="http://127.0.0.1:1/v1", upstream_key="k", feed_base=sys.argv[1], gate_token=TOKEN,
        gate_key=GATE_KEY, pinned=Log().pinned, callers=Callers(header=HEADER.lower().encode()),
        name="gate-2", clock=SystemClock(),
        policy=a_policy(version=0), body_bytes=1000, snapshot=Path(sys.argv[2]),
    )
    async with served(gateway):
        await asyncio.sleep(600)

asyncio.run(main())
"""


def test_a_killed_gateway_leaves_what_its_host_needs(tmp_path: Path) -> None:
    """kill -9 soon after the file is there, and a restart with the store down: who was refused is refused."""
    path = tmp_path / "gates.snapshot"
    store = Store(policy=a_policy(on_cold_start="allow", on_no_identity="allow"))

    async def story(world: World) -> None:
        await world.hold(held(Level.PAUSED))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, str(world.given["feed_base"]), str(path)
        )
        try:
            await until(path.exists)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
        store.down = True
        async with restarted(world, snapshot=path, policy=replace(store.policy, version=0)):
            assert (await health(world))["contact"] == "stale"
            assert (await world.chat()).code == "account_restricted"

    run(story, World(store=store))
