"""What runs on at the model without anybody waiting: background answers and batches, ended when a measure arrives.

Law: a run that began before a measure does not go on under it; where it cannot be ended, somebody is told.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from answerable.edge import Clock
from answerable.errors import AnswerableError
from answerable.gateway.asgi import Headers
from answerable.gateway.headers import CREDENTIALS
from answerable.gateway.recorder import report
from answerable.gateway.routes import Api
from answerable.gateway.upstream import Upstream
from answerable_gate import Gate, Level, Request

RUNS_MAX = 20_000
AGAIN_S = 0.5
TRIES = 20
_KEPT = CREDENTIALS | {b"anthropic-version"}


@dataclass(slots=True)
class Run:
    """One run; `headers` are what the model was asked with, `tenant` is whose end user had it begun."""

    id: str
    identity: str
    target: bytes
    headers: Headers
    api: Api
    tenant: str | None = None
    tries: int = 0


class Later:
    """The runs that this gateway saw begin; one event loop owns it."""

    def __init__(self, gate: Gate, clock: Clock, upstream: Upstream) -> None:
        """Take the gate that watches, and the model."""
        self._gate = gate
        self._clock = clock
        self._upstream = upstream
        self._runs: OrderedDict[str, tuple[tuple[bytes, ...], Run]] = OrderedDict()
        self._due: dict[str, Run] = {}
        self._is_due = asyncio.Event()

    def add(self, run: Run) -> None:
        """Follow a run from now on; the oldest goes where there is no room."""
        if run.id in self._runs:
            return
        run.headers = [(name, value) for name, value in run.headers if name in _KEPT]
        # What people decide of a tenant ends what its end users have running.
        aliases = tuple([self._gate.watch(name) for name in (run.identity, run.tenant) if name])
        self._runs[run.id] = (aliases, run)
        if len(self._runs) > RUNS_MAX:
            self._forget(next(iter(self._runs)))
        self.rise(aliases)

    def rise(self, aliases: Iterable[bytes]) -> None:
        """Judge anew the runs of those whose standing rose, and have ended what may not go on."""
        risen = set(aliases)
        for watched, run in tuple(self._runs.values()):
            if not risen.isdisjoint(watched) and self._may_not_go_on(watched[0], run):
                self._due[run.id] = run
                self._forget(run.id)
        if self._due:
            self._is_due.set()

    async def run(self) -> None:
        """End what is due until cancelled; what the model does not take is tried again."""
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            await asyncio.gather(*(self._end(run) for run in tuple(self._due.values())))
            if self._due:
                await asyncio.sleep(AGAIN_S)
                self._is_due.set()

    def _may_not_go_on(self, alias: bytes, run: Run) -> bool:
        wall, monotonic = self._clock.now(), self._clock.monotonic()
        request = Request(identity=run.identity, model=None, tools=None, tenant=run.tenant)
        verdict = self._gate.check(request, wall=wall, monotonic=monotonic, alias=alias)
        return verdict.answer == "refuse" or verdict.level >= Level.GUARDED

    def _forget(self, run_id: str) -> None:
        watched, _ = self._runs.pop(run_id)
        for alias in watched:
            self._gate.unwatch(alias)

    async def _end(self, run: Run) -> None:
        run.tries += 1
        try:
            response = await self._upstream.ask("POST", run.target, run.headers, b"", plain=True, api=run.api)
            response.close()
            status = response.status
        except AnswerableError as error:
            status = error.status
        # A run that has ended, or is not there any more, is a 4xx.
        is_over = status < 500 and status not in (401, 403, 408, 429)
        if is_over or run.tries >= TRIES:
            del self._due[run.id]
            report("run_ended" if is_over else "run_not_ended", {"run": run.id, "status": status})
