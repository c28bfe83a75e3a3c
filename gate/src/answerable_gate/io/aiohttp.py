"""The feed over HTTP, by `aiohttp` (extra `aiohttp`): keeps one connection to GET {base}/v1/feed and feeds the gate.

Law: whatever goes wrong, the gate keeps what it holds and the connection is tried again.
"""

from __future__ import annotations

import asyncio

from answerable_gate.feed import Lines
from answerable_gate.gate import Gate
from answerable_gate.io.following import CONNECT_S, PULSE_S, Clocks, FeedRefused, Follower, Listener, next_wait
from answerable_gate.shapes import FeedBehind, NotOurFeed
from answerable_gate.strict import Malformed

try:
    from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
except ImportError as error:
    raise ImportError("the feed over HTTP needs: pip install answerable-gate[aiohttp]") from error

# Lines taken in before others may run: a gate that catches up still answers.
LINES_AT_ONCE = 64


class FeedClient:
    """Keeps a gate in contact; one event loop owns both."""

    def __init__(
        self, gate: Gate, base: str, token: str, *, clocks: Clocks, listener: Listener, name: str | None = None
    ) -> None:
        """Take the gate, the store's address, the bearer token that it gave to this gate, and what it calls it."""
        self._follower = Follower(gate, base, token, clocks=clocks, listener=listener, name=name)
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
        wait, clocks = 0.0, self._follower.clocks
        while True:
            began = clocks.monotonic()
            try:
                await self._follow(session)
            except (ClientError, OSError, FeedRefused, Malformed, NotOurFeed, FeedBehind) as error:
                self._follower.listener.lost(error)
            wait = next_wait(wait, clocks.monotonic() - began)
            await asyncio.sleep(wait)

    async def _follow(self, session: ClientSession) -> None:
        lines = Lines()
        request = session.get(
            self._follower.address,
            params=self._follower.params(),
            headers=self._follower.headers,
            # Silence for a whole lease is a dead connection; redirects could carry the token elsewhere.
            timeout=ClientTimeout(total=None, connect=CONNECT_S, sock_read=self._follower.gate.policy.lease_s),
            allow_redirects=False,
        )
        async with request as response:
            if response.status != 200:
                raise FeedRefused(f"the store answered {response.status}")
            while chunk := await self._next(response):
                for count, line in enumerate(lines.split(chunk), 1):
                    self._receive(line)
                    if count % LINES_AT_ONCE == 0:
                        await asyncio.sleep(0)
        raise FeedRefused("the store ended the feed")

    async def _next(self, response: ClientResponse) -> bytes:
        # The lease may have become shorter than it was when the connection was made.
        async with asyncio.timeout(self._follower.gate.policy.lease_s):
            return await response.content.readany()

    def _receive(self, line: bytes) -> None:
        self._follower.receive(line)
        if self._follower.is_in_force:
            self._reached.set()

    async def _pulse(self) -> None:
        while True:
            self._follower.pulse()
            await asyncio.sleep(PULSE_S)
