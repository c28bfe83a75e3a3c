"""The gateway as an ASGI application, and everything that runs beside it from start to stop.

Law L1: what runs beside is begun again if it fails; the gate goes on with what it holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from aiohttp import ClientSession, DummyCookieJar

from answerable.edge import Clock, Mint, RandomMint
from answerable.gateway.answers import NO_ROUTE
from answerable.gateway.asgi import Receive, Scope, Send, respond
from answerable.gateway.callers import Callers
from answerable.gateway.checks import Checks
from answerable.gateway.courier import Courier
from answerable.gateway.exchange import Desk, serve
from answerable.gateway.later import Later
from answerable.gateway.recorder import CONFIRMATIONS_MAX, ROWS_MAX, Recorder, report
from answerable.gateway.reply import Reply
from answerable.gateway.routes import REALTIME, route_of
from answerable.gateway.running import Runnings
from answerable.gateway.tunnel import POLICY, tunnel
from answerable.gateway.upstream import SILENCE_S, Host, Upstream
from answerable_gate import ClockSuspect, Gate, GatePolicy, Item, Pinned
from answerable_gate.io.aiohttp import FeedClient
from answerable_gate.io.following import Clocks, Listener
from answerable_gate.io.snapshots import Snapshots

NONCE_BYTES = 16
AGAIN_S = 1.0
LAST_DELIVERY_S = 5.0
HEALTH = b"/health"


class Gateway:
    """The application; one event loop and one process own it, and each worker of a host builds its own."""

    def __init__(
        self,
        desk: Desk,
        checks: Checks,
        feed: FeedClient,
        couriers: tuple[Courier, ...],
        snapshots: Snapshots | None,
    ) -> None:
        """Take what serves and checks, what keeps the gate in contact, what carries rows, and the host's file."""
        self._desk = desk
        self._checks = checks
        self._feed = feed
        self._couriers = couriers
        self._snapshots = snapshots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request, or the server's start and stop."""
        if scope["type"] == "http":
            route = route_of(scope["method"], scope["raw_path"])
            if route is not None:
                await serve(self._desk, route, scope, receive, Reply(send, api=route.api, talk=route.talk))
            else:
                await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        elif route_of("GET", scope["raw_path"]) is REALTIME:
            await tunnel(self._desk, REALTIME, scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": POLICY})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: bytes = scope["raw_path"]
        if path == HEALTH:
            await self._tell_health(send)
        elif self._checks.takes(path):
            await self._checks.serve(scope, receive, send)
        else:
            await Reply(send).whole(NO_ROUTE)

    async def _tell_health(self, send: Send) -> None:
        desk = self._desk
        status = desk.gate.status(wall=desk.clock.now(), monotonic=desk.clock.monotonic())
        # No word of what waits here: a row after his own request would tell a client that he is looked at (L11).
        told = {
            "in_force": status.in_force,
            "contact": status.reach,
            "policy": status.policy_version,
            "withheld": status.withheld,
            "lowering_refused": status.lowering_refused,
        }
        code = 200 if status.in_force else 503
        await respond(send, code, [(b"content-type", b"application/json")], msgspec.json.encode(told))

    def _files(self) -> tuple[Snapshots, ...]:
        return () if self._snapshots is None else (self._snapshots,)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._desk.upstream.open()
        async with ClientSession(cookie_jar=DummyCookieJar()) as store:
            beside = [
                asyncio.create_task(keep("feed", lambda: self._feed.run(store))),
                asyncio.create_task(keep("sweep", self._desk.runnings.sweep)),
                asyncio.create_task(keep("checks", self._checks.run)),
                asyncio.create_task(keep("later", self._desk.later.run)),
                *(asyncio.create_task(keep("courier", _running(one, store))) for one in self._couriers),
                *(asyncio.create_task(keep("snapshot", one.keep)) for one in self._files()),
            ]
            await send({"type": "lifespan.startup.complete"})
            await receive()
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
            for one in self._files():
                await asyncio.to_thread(one.write, at_once=True)
                one.close()
            self._desk.recorder.tell_gaps()
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_DELIVERY_S):
                    await asyncio.gather(*(courier.deliver(store) for courier in self._couriers))
        await self._desk.upstream.close()
        await send({"type": "lifespan.shutdown.complete"})


def build(
    *,
    upstream: str,
    upstream_key: str | None,
    upstream_routes: Sequence[Host] = (),
    feed_base: str,
    gate_token: str,
    gate_key: bytes,
    pinned: Pinned,
    callers: Callers,
    name: str,
    clock: Clock,
    policy: GatePolicy,
    body_bytes: int,
    mint: Mint | None = None,
    silence_s: float = SILENCE_S,
    rows_max: int = ROWS_MAX,
    snapshot: Path | None = None,
    identifies: bool = False,
    checks_token_hash: str | None = None,
) -> Gateway:
    """Build a gateway; `policy` holds until the feed brings one. Raise ConfigError.

    `upstream_routes` are other hosts for some routes. `snapshot` is the file that all gateways of a host share, sealed
    under a key derived from `gate_key`; it is taken up here, so that what was due stays due. With `identifies` the
    model is told an account's alias at the gate.
    """
    gate = Gate(gate_key=gate_key, pinned=pinned, policy=policy, wall=clock.now(), monotonic=clock.monotonic())
    snapshots = _snapshots(snapshot, gate, gate_key, clock) if snapshot is not None else None
    couriers = _couriers(feed_base, gate_token, rows_max)
    model = Upstream(upstream, upstream_key, silence_s=silence_s, routes=upstream_routes)
    desk = Desk(
        gate=gate, clock=clock, upstream=model, recorder=_recorder(name, mint or RandomMint(), couriers),
        runnings=Runnings(gate, clock), later=Later(gate, clock, model), callers=callers, identifies=identifies,
        body_bytes=body_bytes,
    )  # fmt: skip
    checks = Checks(desk, couriers[1], name=name, token_hash=checks_token_hash)
    return Gateway(desk, checks, _feed(desk, feed_base, gate_token, name), couriers, snapshots)


def _couriers(feed: str, token: str, rows_max: int) -> tuple[Courier, Courier, Courier]:
    base = feed.rstrip("/")
    return (
        Courier(f"{base}/v1/exchanges", token, room=rows_max, report=report),
        Courier(f"{base}/v1/gaps", token, room=rows_max, report=report),
        Courier(f"{base}/v1/confirmations", token, room=CONFIRMATIONS_MAX, report=report),
    )


def _recorder(name: str, mint: Mint, couriers: tuple[Courier, Courier, Courier]) -> Recorder:
    rows, gaps, confirmations = couriers
    return Recorder(name, mint.secret(NONCE_BYTES), rows=rows, gaps=gaps, confirmations=confirmations)


def _snapshots(path: Path, gate: Gate, gate_key: bytes, clock: Clock) -> Snapshots:
    found = Snapshots(path, gate, gate_key, clocks=_clocks(clock), report=report)
    found.load()
    return found


def _clocks(clock: Clock) -> Clocks:
    return Clocks(wall=clock.now, monotonic=clock.monotonic)


def _feed(desk: Desk, base: str, token: str, name: str) -> FeedClient:
    listener = Listener(
        lost=_lost,
        refused=_not_lowered,
        suspect=_suspect,
        risen=lambda aliases: _risen(desk, aliases),
        held=desk.recorder.confirm,
        withheld=_withheld,
        in_force=_in_force,
    )
    return FeedClient(desk.gate, base.rstrip("/"), token, clocks=_clocks(desk.clock), listener=listener, name=name)


def _risen(desk: Desk, aliases: Iterable[bytes]) -> None:
    risen = tuple(aliases)
    desk.runnings.rise(risen)
    desk.later.rise(risen)


def _running(courier: Courier, store: ClientSession) -> Callable[[], Awaitable[None]]:
    return lambda: courier.run(store)


async def keep(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run something for ever; where it fails or ends, say so and begin it again."""
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - whatever it was, without this task nothing would be cut or recorded
            report("failed", {"task": name, "error": repr(error)})
        await asyncio.sleep(AGAIN_S)


def _lost(error: Exception) -> None:
    report("feed_lost", {"error": repr(error)})


def _not_lowered(items: tuple[Item, ...]) -> None:
    report("not_lowered", {"items": [item.id for item in items], "because": "no proof came with it"})


def _withheld(subject: str) -> None:
    report("withheld", {"subject": subject, "because": "a newer program wrote it than the store that feeds this gate"})


def _in_force(is_in_force: bool) -> None:
    report("in_contact" if is_in_force else "out_of_contact", {})


def _suspect(suspect: ClockSuspect) -> None:
    report("clock_suspect", {"store": suspect.offered, "here": suspect.wall})
