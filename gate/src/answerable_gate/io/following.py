"""What every adapter of the feed does alike: where it asks, when it tries again, whom it tells what came of a line.

Law: whatever goes wrong, the gate keeps what it holds and the connection is tried again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime

from answerable_gate.clock import ClockSuspect
from answerable_gate.entry import Item
from answerable_gate.gate import Gate

BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 10.0
CONNECT_S = 5.0
# How often time is looked at for running streams; a new measure cuts them within a second.
PULSE_S = 0.25


class FeedRefused(Exception):
    """The store answered the request for its feed with something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """The readers of time: the wall clock, aware and in UTC, and the process's monotonic seconds."""

    wall: Callable[[], datetime]
    monotonic: Callable[[], float]


def _ignore(*_told: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """What is called: on a lost connection, a lowering without proof, a suspect time, streams to check anew.

    `held` is called with a subject and the items of his that the gate holds from now on, `withheld` with a subject
    whose newest entry the store cannot read, `in_force` whenever the gate comes into force or is it no longer.
    """

    lost: Callable[[Exception], None]
    refused: Callable[[tuple[Item, ...]], None]
    suspect: Callable[[ClockSuspect], None]
    risen: Callable[[frozenset[bytes]], None]
    held: Callable[[str, tuple[str, ...]], None] = _ignore
    withheld: Callable[[str], None] = _ignore
    in_force: Callable[[bool], None] = _ignore


def next_wait(wait_s: float, held_s: float) -> float:
    """Give the wait before the next try, after one that had waited `wait_s` and then held for `held_s`.

    A connection that soon fails again and again is tried ever more seldom, one that held at once.
    """
    if held_s > BACKOFF_MAX_S:
        return BACKOFF_FIRST_S
    return min(max(BACKOFF_FIRST_S, 2 * wait_s), BACKOFF_MAX_S)


class Follower:
    """Feeds one gate and tells its listener; where several threads use the gate, each use is under `guard`."""

    def __init__(
        self,
        gate: Gate,
        base: str,
        token: str,
        *,
        clocks: Clocks,
        listener: Listener,
        name: str | None,
        guard: AbstractContextManager[object] | None = None,
    ) -> None:
        """Take the gate, the store's address, the bearer token that it gave to this gate, and what it calls it."""
        self.gate = gate
        self.address = f"{base.rstrip('/')}/v1/feed"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.clocks = clocks
        self.listener = listener
        self.is_in_force = False
        # The run tells the store this process from the one before it of the same name.
        self._name = {} if name is None else {"gate": name, "run": os.urandom(8).hex()}
        self._guard = guard or nullcontext()

    def params(self) -> dict[str, str]:
        """Give what to ask the feed for."""
        return {"after": str(self.gate.after), **self._name}

    def receive(self, line: bytes) -> None:
        """Take in a line; raise what `Gate.receive` raises."""
        wall, monotonic = self.clocks.wall(), self.clocks.monotonic()
        with self._guard:
            received = self.gate.receive(line, wall=wall, monotonic=monotonic)
            risen = self.gate.risen()
        if received.refused:
            self.listener.refused(received.refused)
        if received.subject and received.fresh:
            self.listener.held(received.subject, received.fresh)
        if received.withheld and received.subject:
            self.listener.withheld(received.subject)
        if received.suspect:
            self.listener.suspect(received.suspect)
        if risen:
            self.listener.risen(risen)
        if received.contact and not self.is_in_force:
            self.pulse()

    def pulse(self) -> None:
        """Let time pass in the gate; to be called every PULSE_S, whether lines come or not."""
        with self._guard:
            status = self.gate.status(wall=self.clocks.wall(), monotonic=self.clocks.monotonic())
            risen = self.gate.risen()
        if risen:
            self.listener.risen(risen)
        if status.in_force != self.is_in_force:
            self.is_in_force = status.in_force
            self.listener.in_force(status.in_force)
