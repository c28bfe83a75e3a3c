"""A gate for a program with an event loop: check before the model is asked, record what it said.

Laws L1: a check never waits for the network; what rises while an answer runs ends it within a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import nullcontext, suppress
from types import TracebackType
from typing import Self

from answerable_gate.carrying import Carried
from answerable_gate.io.aiohttp import FeedClient
from answerable_gate.io.client import GAPS_EVERY_S, LAST_DELIVERY_S, Checks, Exchange, Settings
from answerable_gate.io.rows import ANSWER_S, BACKOFF_MAX_S, EVERY_S, Queue

try:
    from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar
except ImportError as error:
    raise ImportError("a gate for an event loop needs: pip install answerable-gate[proofs,aiohttp]") from error

AGAIN_S = 1.0
FAREWELL_S = 1.0


class AsyncGateClient(Checks):
    """The gate of one process; one event loop owns it, and every method but the two that wait answers at once.

    An async context manager: it follows the feed from entry to exit, and tells the store what waits before it leaves.
    """

    def __init__(self, settings: Settings, *, carries: Collection[Carried] = ()) -> None:
        """Build it for a program that carries so much of a limit; raise Malformed where `vkey` is no key line."""
        super().__init__(settings, nullcontext(), carries)
        self._running: dict[bytes, set[Exchange]] = {}
        self._feed = FeedClient(
            self._desk.gate,
            settings.store,
            settings.token,
            clocks=settings.clocks,
            listener=self._desk.listener(self._rise),
            name=settings.name,
        )
        self._session: ClientSession | None = None
        self._beside: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def is_started(self) -> bool:
        """Say whether it follows the feed."""
        return self._session is not None

    async def start(self) -> None:
        """Begin to follow the feed and to tell the store."""
        self._session = session = ClientSession(cookie_jar=DummyCookieJar())
        runs = [self._follow(session), self._carry(session)]
        if self._desk.snapshots is not None:
            runs.append(self._desk.snapshots.keep())
        self._beside = [asyncio.create_task(run) for run in runs]

    async def close(self) -> None:
        """Tell the store what waits and end, within about ten seconds where the store does not answer."""
        session, self._session = self._session, None
        if session is None:
            return
        for task in self._beside:
            task.cancel()
        await asyncio.wait(self._beside)
        async with session:
            await self._keep_file()
            self._desk.rows.tell_gaps()
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_DELIVERY_S):
                    await self._deliver(session)
            told = b'{"gate":"%b"}\n' % self._desk.settings.name.encode()
            # So that its silence alarms nobody; best effort.
            await self._post(session, "/v1/departures", told, FAREWELL_S)

    async def contact(self, timeout_s: float | None = None) -> bool:
        """Wait until it has been in force once; False on time-out."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._feed.contact()
                return True
        return False

    # --- exchanges under way

    def _entered(self, exchange: Exchange) -> None:
        if exchange.request.identity:
            alias = self._desk.gate.watch(exchange.request.identity)
            self._running.setdefault(alias, set()).add(exchange)

    def _left(self, exchange: Exchange) -> None:
        if not exchange.request.identity:
            return
        alias = self._desk.gate.alias(exchange.request.identity)
        together = self._running[alias]
        together.discard(exchange)
        if not together:
            del self._running[alias]
        self._desk.gate.unwatch(alias)

    def _rise(self, aliases: frozenset[bytes]) -> None:
        for alias in aliases:
            for exchange in tuple(self._running.get(alias, ())):
                exchange.look()

    # --- beside

    async def _follow(self, session: ClientSession) -> None:
        while True:
            try:
                await self._feed.run(session)
            except ExceptionGroup as error:  # without this task nothing would be cut
                self.report("failed", {"task": "feed", "error": repr(error)})
            await asyncio.sleep(AGAIN_S)

    async def _keep_file(self) -> None:
        if self._desk.snapshots is not None:
            await asyncio.to_thread(self._desk.snapshots.write, at_once=True)
            self._desk.snapshots.close()

    async def _carry(self, session: ClientSession) -> None:
        wait, monotonic = EVERY_S, self._desk.settings.clocks.monotonic
        told = monotonic()
        while True:
            await asyncio.sleep(wait)
            if monotonic() - told > GAPS_EVERY_S:
                self._desk.rows.tell_gaps()
                told = monotonic()
            taken = await self._deliver(session)
            wait = EVERY_S if taken else min(2 * wait, BACKOFF_MAX_S)

    async def _deliver(self, session: ClientSession) -> bool:
        return all([await self._empty(queue, session) for queue in self._desk.rows.queues])

    async def _empty(self, queue: Queue, session: ClientSession) -> bool:
        while batch := queue.batch():
            if not queue.settle(batch, await self._post(session, queue.path, b"\n".join(batch) + b"\n", ANSWER_S)):
                return False
        return True

    async def _post(self, session: ClientSession, path: str, body: bytes, timeout_s: float) -> int | None:
        found = self._desk.settings
        headers = {"Authorization": f"Bearer {found.token}", "Content-Type": "application/x-ndjson"}
        with suppress(ClientError, OSError, TimeoutError):
            async with session.post(
                found.store.rstrip("/") + path,
                data=body,
                headers=headers,
                timeout=ClientTimeout(total=timeout_s),
                allow_redirects=False,  # redirects could carry the token elsewhere
            ) as response:
                await response.read()
                return response.status
        return None
