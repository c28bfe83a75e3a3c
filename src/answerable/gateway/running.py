"""Exchanges under way: a new measure ends them within a second, and a client that has left frees the model.

Law L1: what fell due while an exchange ran ends it; nobody has to ask again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Literal

from answerable.edge import Clock
from answerable.gateway.asgi import Receive
from answerable_gate import Gate, Request, Verdict

# How often exchanges that last are given a listener for their client's leaving.
SWEEP_S = 0.5

Gone = Literal["gone"]
End = Verdict | Gone


def refuses(verdict: Verdict) -> bool:
    """Say whether a verdict ends whatever is under way; a rise to a limit changes the next request."""
    return verdict.answer == "refuse"


class Running:
    """One exchange under way, in one task. It is ended from outside at most once, by cancelling what it waits for."""

    __slots__ = ("_listener", "_task", "alias", "body_is_read", "end", "ends", "receive", "request", "watched")

    def __init__(self, request: Request, watched: tuple[bytes, ...], receive: Receive) -> None:
        """Take what was asked, and the aliases that it is watched under, its own first; the task is the one of now."""
        task = asyncio.current_task()
        assert task is not None, "an exchange runs in a task"
        self._task = task
        self._listener: asyncio.Task[None] | None = None
        self.request = request
        self.watched = watched
        self.alias = watched[0] if watched else None
        self.receive = receive
        self.body_is_read = False
        self.end: End | None = None
        self.ends: Callable[[Verdict], bool] = refuses

    def stop(self, end: End) -> None:
        """End it for a reason; it sees CancelledError where it waits."""
        if self.end is None:
            self.end = end
            self._task.cancel()

    def caught(self) -> End:
        """Take up again after having been stopped; to be asked where CancelledError was caught.

        A cancellation that came from elsewhere (the server shuts down) goes on.
        """
        if self.end is None:
            raise asyncio.CancelledError
        self._task.uncancel()
        return self.end

    def listen(self) -> None:
        """Begin to notice that the client leaves; a server tells it only to who waits for it."""
        self._listener = asyncio.create_task(self._listen())

    def close(self) -> None:
        """Notice nothing any more."""
        if self._listener is not None:
            self._listener.cancel()

    async def _listen(self) -> None:
        message = await self.receive()
        if message["type"] == "http.disconnect":
            self.stop("gone")


class Runnings:
    """All exchanges under way, by alias."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        """Take the gate that watches and judges anew."""
        self._gate = gate
        self._clock = clock
        self._by_alias: dict[bytes, set[Running]] = {}
        self._unheard: set[Running] = set()

    def enter(self, request: Request, receive: Receive) -> Running:
        """Begin an exchange: from here on no rise is missed."""
        # What people decide of a tenant ends what its end users have running.
        watched = tuple([self._gate.watch(name) for name in (request.identity, request.tenant) if name])
        running = Running(request, watched, receive)
        for alias in running.watched:
            self._by_alias.setdefault(alias, set()).add(running)
        self._unheard.add(running)
        return running

    def leave(self, running: Running) -> None:
        """End an exchange's registration."""
        running.close()
        self._unheard.discard(running)
        for alias in running.watched:
            together = self._by_alias[alias]
            together.discard(running)
            if not together:
                del self._by_alias[alias]
            self._gate.unwatch(alias)

    def rise(self, aliases: Iterable[bytes]) -> None:
        """Judge anew the exchanges of those whose standing rose, and end what is refused now."""
        for alias in aliases:
            for running in tuple(self._by_alias.get(alias, ())):
                wall, monotonic = self._clock.now(), self._clock.monotonic()
                verdict = self._gate.check(running.request, wall=wall, monotonic=monotonic, alias=running.alias)
                if running.ends(verdict):
                    running.stop(verdict)

    async def sweep(self) -> None:
        """Listen for the leaving of clients whose exchange lasts; short ones never cost a task."""
        while True:
            await asyncio.sleep(SWEEP_S)
            for running in [running for running in self._unheard if running.body_is_read]:
                self._unheard.discard(running)
                running.listen()
