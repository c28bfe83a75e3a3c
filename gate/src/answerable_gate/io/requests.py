"""The feed over HTTP for programs with threads, by `requests` (extra `requests`): one thread keeps the connection.

Law: whatever goes wrong, the gate keeps what it holds and the connection is tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from answerable_gate.feed import Lines
from answerable_gate.gate import Gate
from answerable_gate.io.following import CONNECT_S, PULSE_S, Clocks, FeedRefused, Follower, Listener, next_wait
from answerable_gate.judge import Request, Verdict
from answerable_gate.shapes import Status

try:
    from requests import Response, Session
except ImportError as error:
    raise ImportError("the feed over HTTP needs: pip install answerable-gate[requests]") from error

if TYPE_CHECKING:  # it needs the extra `proofs` and POSIX, which this does not
    from answerable_gate.io.snapshots import Snapshots

CHUNK_BYTES = 64 * 1024
# Lines taken in before other threads may run: a gate that catches up still answers.
LINES_AT_ONCE = 16
TURN_S = 0.0005
# What a store that does not answer at all may delay `close`.
CLOSE_S = 1.0

_T = TypeVar("_T")


class FeedClient:
    """Keeps a gate in contact, from `start` to `close`; meanwhile the gate is used through this alone.

    Every method may be called from any thread. A process that forks starts it after the fork.
    """

    def __init__(
        self,
        gate: Gate,
        base: str,
        token: str,
        *,
        clocks: Clocks,
        listener: Listener,
        name: str | None = None,
        snapshots: Snapshots | None = None,
        lock: Lock | None = None,
    ) -> None:
        """Take the gate, the store's address, the bearer token that it gave to this gate, and what it calls it.

        The listener is called in threads of this client, and may call any method but `close`. `snapshots` are loaded
        by the caller, before this; from then on they are kept, and closed, here. `lock` is held at each use.
        """
        self._lock = lock or Lock()
        self._gate = gate
        self._clocks = clocks
        self._follower = Follower(gate, base, token, clocks=clocks, listener=listener, name=name, guard=self._lock)
        self._snapshots = snapshots
        self._reached = Event()
        self._closed = Event()
        self._response: Response | None = None
        self._heard = 0.0
        self._threads = [
            Thread(target=run, name=f"answerable-gate-{run.__name__}", daemon=True)
            for run in (self._stay_connected, self._pulse, self._keep)
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Begin to follow the feed."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End it, within a second or so; the gate keeps what it holds and hears nothing more."""
        self._closed.set()
        self._wake()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(CLOSE_S)
        if self._snapshots is not None:
            self._snapshots.write(at_once=True, guard=self._lock)
            self._snapshots.close()

    def contact(self, timeout_s: float | None = None) -> bool:
        """Wait until the gate has been in force once, that is had caught up with the store; False on time-out."""
        return self._reached.wait(timeout_s)

    # --- the gate

    def check(self, request: Request) -> Verdict:
        """Judge an exchange now."""
        return self.use(lambda gate: gate.check(request, wall=self._clocks.wall(), monotonic=self._clocks.monotonic()))

    def status(self) -> Status:
        """Say where the gate stands."""
        return self.use(lambda gate: gate.status(wall=self._clocks.wall(), monotonic=self._clocks.monotonic()))

    def use(self, what: Callable[[Gate], _T]) -> _T:
        """Do anything with the gate, `watch` and `unwatch` a stream for example, while nobody else does."""
        with self._lock:
            return what(self._gate)

    # --- the threads

    def _stay_connected(self) -> None:
        wait = 0.0
        with Session() as session:
            # What the environment says of proxies and passwords could carry the token elsewhere.
            session.trust_env = False
            while not self._closed.is_set():
                began = self._clocks.monotonic()
                self._watched(lambda: self._follow(session))
                wait = next_wait(wait, self._clocks.monotonic() - began)
                self._closed.wait(wait)

    def _pulse(self) -> None:
        while not self._closed.wait(PULSE_S):
            self._watched(self._follower.pulse)
            # The lease may have become shorter than it was when the connection was made.
            if self._clocks.monotonic() - self._heard > self._gate.policy.lease_s:
                self._wake()

    def _keep(self) -> None:
        snapshots = self._snapshots
        while snapshots is not None and not self._closed.wait(PULSE_S):
            self._watched(lambda: snapshots.write(guard=self._lock))

    def _wake(self) -> None:
        response = self._response
        if response is not None:
            # The connection may be gone already; then there is nothing to wake.
            with suppress(OSError, ValueError, RuntimeError):
                response.raw.shutdown()

    def _watched(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001 - whatever it was, without its threads the gate would stand still
            if not self._closed.is_set():
                with suppress(Exception):
                    self._follower.listener.lost(error)

    def _follow(self, session: Session) -> None:
        response = session.get(
            self._follower.address,
            params=self._follower.params(),
            headers=self._follower.headers | {"Accept-Encoding": "identity"},
            # Silence for a whole lease is a dead connection; redirects could carry the token elsewhere.
            timeout=(CONNECT_S, self._gate.policy.lease_s),
            allow_redirects=False,
            stream=True,
        )
        with response:
            self._heard = self._clocks.monotonic()
            self._response = response
            try:
                if response.status_code != 200:
                    raise FeedRefused(f"the store answered {response.status_code}")
                self._read(response)
            finally:
                self._response = None

    def _read(self, response: Response) -> None:
        lines = Lines()
        while not self._closed.is_set():
            chunk = response.raw.read1(CHUNK_BYTES)
            if not chunk:
                raise FeedRefused("the store ended the feed, or was silent for a whole lease")
            self._heard = self._clocks.monotonic()
            for count, line in enumerate(lines.split(chunk), 1):
                if self._closed.is_set():
                    return
                self._receive(line)
                if count % LINES_AT_ONCE == 0:
                    self._closed.wait(TURN_S)

    def _receive(self, line: bytes) -> None:
        self._follower.receive(line)
        if self._follower.is_in_force:
            self._reached.set()
