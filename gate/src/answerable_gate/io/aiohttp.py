"""The feed over HTTP, by `aiohttp` (extra `aiohttp`): keeps one connection to GET {base}/v1/feed and feeds the gate.

Law: whatever goes wrong, the gate keeps what it holds and the connection is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from answerable_gate.clock import ClockSuspect
from answerable_gate.entry import Item
from answerable_gate.feed import Lines
from answerable_gate.gate import FeedBehind, Gate, NotOurFeed
from answerable_gate.strict import Malformed

try:
    from aiohttp import ClientError, ClientSession, ClientTimeout
except ImportError as error:
    raise ImportError("the feed over HTTP needs: pip install answerable-gate[aiohttp]") from error

BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 10.0
CONNECT_S = 5.0
# How often time is looked at for running streams; a new measure cuts them within a second.
PULSE_S = 0.25
# Lines taken in before others may run: a gate that catches up still answers.
LINES_AT_ONCE = 64


class FeedRefused(Exception):
    """The store answered the request for its feed with something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """The readers of time: the wall clock, aware and in UTC, and the process's monotonic seconds."""

    wall: Callable[[], datetime]
    monotonic: Callable[[], float]


def _ignore(_subject: str, _items: tuple[str, ...]) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """What is called: on a lost connection, a lowering without proof, a suspect time, streams to check anew.

    `held` is called with a subject and the items of his that the gate holds from now on.
    """

    lost: Callable[[Exception], None]
    refused: Callable[[tuple[Item, ...]], None]
    suspect: Callable[[ClockSuspect], None]
    risen: Callable[[frozenset[bytes]], None]
    held: Callable[[str, tuple[str, ...]], None] = _ignore


def next_wait(wait_s: float, held_s: float) -> float:
    """Give the wait before the next try, after one that had waited `wait_s` and then held for `held_s`.

    A connection that soon fails again and again is tried ever more seldom, one that held at once.
    """
    if held_s > BACKOFF_MAX_S:
        return BACKOFF_FIRST_S
    return min(max(BACKOFF_FIRST_S, 2 * wait_s), BACKOFF_MAX_S)


class FeedClient:
    """Keeps a gate in contact; one event loop owns both."""

    def __init__(
        self, gate: Gate, base: str, token: str, *, clocks: Clocks, listener: Listener, name: str | None = None
    ) -> None:
        """Take the gate, the store's address, the bearer token that it gave to this gate, and what it calls it."""
        self._gate = gate
        self._address = f"{base.rstrip('/')}/v1/feed"
        self._token = token
        self._name = {} if name is None else {"gate": name}
        self._clocks = clocks
        self._listener = listener
        self._reached = asyncio.Event()

    async def run(self, session: ClientSession) -> None:
        """Stay connected until cancelled, and let time pass in the gate meanwhile."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected(session))
            tasks.create_task(self._pulse())

    async def contact(self) -> None:
        """Wait until the gate has been in force once, that is had caught up with the store."""
        await self._reached.wait()

    async def _stay_connected(self, session: ClientSession) -> None:
        wait = 0.0
        while True:
            began = self._clocks.monotonic()
            try:
                await self._follow(session)
            except (ClientError, OSError, FeedRefused, Malformed, NotOurFeed, FeedBehind) as error:
                self._listener.lost(error)
            wait = next_wait(wait, self._clocks.monotonic() - began)
            await asyncio.sleep(wait)

    async def _follow(self, session: ClientSession) -> None:
        lines = Lines()
        request = session.get(
            self._address,
            params={"after": str(self._gate.after), **self._name},
            headers={"Authorization": f"Bearer {self._token}"},
            # Silence for a whole lease is a dead connection; redirects could carry the token elsewhere.
            timeout=ClientTimeout(total=None, connect=CONNECT_S, sock_read=self._gate.policy.lease_s),
            allow_redirects=False,
        )
        async with request as response:
            if response.status != 200:
                raise FeedRefused(f"the store answered {response.status}")
            async for chunk in response.content.iter_any():
                for count, line in enumerate(lines.split(chunk), 1):
                    self._receive(line)
                    if count % LINES_AT_ONCE == 0:
                        await asyncio.sleep(0)
        raise FeedRefused("the store ended the feed")

    def _receive(self, line: bytes) -> None:
        wall, monotonic = self._clocks.wall(), self._clocks.monotonic()
        received = self._gate.receive(line, wall=wall, monotonic=monotonic)
        if received.refused:
            self._listener.refused(received.refused)
        if received.subject and received.fresh:
            self._listener.held(received.subject, received.fresh)
        if received.suspect:
            self._listener.suspect(received.suspect)
        self._report_risen()
        if self._gate.status(wall=wall, monotonic=monotonic).in_force:
            self._reached.set()

    async def _pulse(self) -> None:
        while True:
            self._gate.tick(self._clocks.wall(), self._clocks.monotonic())
            self._report_risen()
            await asyncio.sleep(PULSE_S)

    def _report_risen(self) -> None:
        risen = self._gate.risen()
        if risen:
            self._listener.risen(risen)
