"""What the routes share: the writer, the reader, the configuration, and which gates this process hears."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import Request

from answerable.api.fanout import Fanout, Turn
from answerable.app import Adoption, Answerable, Exchange, Reading
from answerable.config import Config
from answerable.edge import Clock
from answerable.errors import AnswerableError, StoreUnavailable
from answerable.work.signs import Gates
from answerable.work.writer import Failed, Verb, Writer
from answerable_gate import GatePolicy

T = TypeVar("T")

_log = logging.getLogger("answerable.api")

WRITE_SECONDS_MAX = 30
BEAT_S = 1.0
LOOKS_A_POLICY = 50
PORT_THREADS = 8


class Pulse:
    """How far the feed has come, by this process or another; whoever waits for more is woken."""

    def __init__(self) -> None:
        """Begin before the first place of the feed."""
        self.head = 0
        self.policy: GatePolicy | None = None
        self.adoption: Adoption | None = None
        self._looked = 0
        self._moved = asyncio.Condition()

    async def follow(self, reading: Reading) -> None:
        """Look at the record until cancelled; its thread is its own, for it mostly waits."""
        loop, executor = asyncio.get_running_loop(), ThreadPoolExecutor(1, "pulse")
        try:
            while True:
                try:
                    self.head, self.policy, self.adoption = await loop.run_in_executor(executor, self._look, reading)
                except AnswerableError:
                    _log.exception("the record cannot be read; gates keep what they hold")
                    await asyncio.sleep(BEAT_S)
                async with self._moved:
                    self._moved.notify_all()
        finally:
            # Whoever closes the record next finds nobody reading in it.
            await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)

    def _look(self, reading: Reading) -> tuple[int, GatePolicy, Adoption]:
        reading.wait_for_change(self.head, BEAT_S / 2)
        self._looked += 1
        if self.policy is not None and self.adoption is not None and self._looked % LOOKS_A_POLICY:
            return reading.head(), self.policy, self.adoption
        return reading.head(), reading.gate_policy(), reading.adoption()

    async def passed(self, at: int, timeout_s: float) -> None:
        """Wait until the feed has passed a place, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._moved:
                await self._moved.wait_for(lambda: self.head > at)


@dataclass(slots=True, kw_only=True)
class Inlet:
    """Everything that a route may use.

    `outside` is for what is no act: asking ports, keeping exchanges. `gate_tokens` are hashes. Each pool of threads is
    for what may not wait for the others: the operator's systems, what gates saw, lists, the feed.
    """

    config: Config
    writer: Writer
    reading: Reading
    outside: Answerable
    clock: Clock
    gate_tokens: tuple[str, ...]
    webhook_secrets: dict[str, str]
    vendor_secrets: dict[str, str] = field(default_factory=dict)
    gates: Gates = field(default_factory=Gates)
    pulse: Pulse = field(default_factory=Pulse)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    ports: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(PORT_THREADS, "ports"))
    keeper: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "keeper"))
    reader: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "reader"))
    feeder: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "feeder"))

    asking_many: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PORT_THREADS // 2))
    """Held by whoever asks for many at once, so that a thread is left for who comes alone."""

    fanout: Fanout = field(init=False)

    def __post_init__(self) -> None:
        """Let the gates share what they read."""
        self.fanout = Fanout(self.read_feed, self.clock.monotonic)

    async def write(self, verb: Verb[T]) -> T:
        """Run a verb and return what it returned, after the commit (L17)."""
        return await _kept(self.writer.submit(verb))

    async def write_all(self, verbs: Sequence[Verb[T]]) -> list[T | Failed]:
        """Run many verbs; each succeeds or fails by itself."""
        return await _kept(self.writer.submit_all(verbs))

    async def read(self, ask: Callable[[Reading], T]) -> T:
        """Read a list in the thread for lists."""
        return await asyncio.get_running_loop().run_in_executor(self.reader, ask, self.reading)

    async def read_feed(self, ask: Callable[[Reading], T]) -> T:
        """Read for the gates, in a thread in which nobody reads a long list."""
        return await asyncio.get_running_loop().run_in_executor(self.feeder, ask, self.reading)

    async def next_turn(self, after: int) -> Turn:
        """Return what the feed has after a place."""
        return await self.fanout.turn(after, self.pulse.head)

    async def ask(self, question: Callable[[Answerable], T]) -> T:
        """Ask the operator's systems in a thread that may wait."""
        return await asyncio.get_running_loop().run_in_executor(self.ports, question, self.outside)

    async def keep(self, rows: Sequence[Exchange]) -> int:
        """Keep what gates saw, one batch after another: nobody who asks the operator's systems waits behind them."""
        return await asyncio.get_running_loop().run_in_executor(self.keeper, self.outside.record_exchanges, rows)

    def close(self) -> None:
        """Let the threads go."""
        self.ports.shutdown(wait=False, cancel_futures=True)
        for pool in (self.keeper, self.reader, self.feeder):
            pool.shutdown(wait=True)


async def _kept(future: Future[T]) -> T:
    try:
        async with asyncio.timeout(WRITE_SECONDS_MAX):
            return await asyncio.wrap_future(future)
    except TimeoutError as error:
        # It may still be committed: whoever asks again under the same id gets the first answer.
        raise StoreUnavailable from error


def inlet(request: Request) -> Inlet:
    """Return what the routes share."""
    found = request.app.state.inlet
    assert isinstance(found, Inlet), "build() puts it there"
    return found
