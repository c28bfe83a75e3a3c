"""A gate for a program with threads: check before the model is asked, record what it said (extras requests, proofs).

Law L1: a check never waits for the network; with the store away it answers by what is held.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from answerable_gate.carrying import Carried
from answerable_gate.io.client import GAPS_EVERY_S, LAST_DELIVERY_S, Checks, Settings
from answerable_gate.io.requests import FeedClient
from answerable_gate.io.rows import ANSWER_S, BACKOFF_MAX_S, EVERY_S, Queue

try:
    from requests import RequestException, Session
except ImportError as error:
    raise ImportError("a gate for threads needs: pip install answerable-gate[proofs,requests]") from error


class GateClient(Checks):
    """The gate of one process; every method may be called from any thread. A process that forks builds it afterwards.

    A context manager: it follows the feed from entry to exit, and tells the store what waits before it leaves. Between
    the pieces of a stream an exchange is to be asked to `look`, since nothing can end a thread from outside.
    """

    def __init__(self, settings: Settings, *, carries: Collection[Carried] = ()) -> None:
        """Build it for a program that carries so much of a limit; raise Malformed where `vkey` is no key line."""
        lock = Lock()
        super().__init__(settings, lock, carries)
        self._feed = FeedClient(
            self._desk.gate,
            settings.store,
            settings.token,
            clocks=settings.clocks,
            listener=self._desk.listener(lambda _: None),
            name=settings.name,
            snapshots=self._desk.snapshots,
            lock=lock,
        )
        self._closed = Event()
        self._posting = Lock()
        self._courier = Thread(target=self._carry, name="answerable-gate-rows", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Begin to follow the feed and to tell the store."""
        self._feed.start()
        self._courier.start()

    def close(self) -> None:
        """Tell the store what waits and end, within about ten seconds where the store does not answer."""
        self._feed.close()
        self._closed.set()
        if self._courier.is_alive():
            self._courier.join(LAST_DELIVERY_S)
        self._desk.rows.tell_gaps()
        with _session() as session:
            self._deliver(session, LAST_DELIVERY_S)
            self._say_farewell(session)

    def contact(self, timeout_s: float | None = None) -> bool:
        """Wait until it has been in force once; False on time-out."""
        return self._feed.contact(timeout_s)

    # --- the thread

    def _carry(self) -> None:
        wait, monotonic = EVERY_S, self._desk.settings.clocks.monotonic
        told = monotonic()
        with _session() as session:
            while not self._closed.wait(wait):
                if monotonic() - told > GAPS_EVERY_S:
                    self._desk.rows.tell_gaps()
                    told = monotonic()
                taken = self._deliver(session, ANSWER_S)
                wait = EVERY_S if taken else min(2 * wait, BACKOFF_MAX_S)

    def _deliver(self, session: Session, timeout_s: float) -> bool:
        with self._posting:
            return all(self._empty(queue, session, timeout_s) for queue in self._desk.rows.queues)

    def _empty(self, queue: Queue, session: Session, timeout_s: float) -> bool:
        while batch := queue.batch():
            if not queue.settle(batch, self._post(session, queue.path, b"\n".join(batch) + b"\n", timeout_s)):
                return False
        return True

    def _say_farewell(self, session: Session) -> None:
        # So that its silence alarms nobody; best effort.
        told = b'{"gate":"%b"}\n' % self._desk.settings.name.encode()
        self._post(session, "/v1/departures", told, 1.0)

    def _post(self, session: Session, path: str, body: bytes, timeout_s: float) -> int | None:
        found = self._desk.settings
        headers = {"Authorization": f"Bearer {found.token}", "Content-Type": "application/x-ndjson"}
        with suppress(RequestException, OSError):
            address = found.store.rstrip("/") + path
            answer = session.post(address, data=body, headers=headers, timeout=timeout_s, allow_redirects=False)
            return answer.status_code
        return None


def _session() -> Session:
    session = Session()
    # What the environment says of proxies and passwords could carry the token elsewhere.
    session.trust_env = False
    return session
