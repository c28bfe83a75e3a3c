"""The feed by threads, over real sockets: a server that is killed, silent, slow or wrong."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from answerable_gate import Gate, Heartbeat, Hello, Level, Malformed, Request, alias, entry_line
from answerable_gate.feed import heartbeat_line, hello_line
from answerable_gate.io.following import Clocks, FeedRefused, Listener
from answerable_gate.io.requests import FeedClient
from tests.addresses import free_port
from tests.gate.build import GATE_KEY, ORIGIN, Log, a_policy, an_entry, an_item

PATIENCE_S = 120.0


def wall() -> datetime:
    """Read the wall clock."""
    return datetime.now(UTC)


def beat(seq: int) -> bytes:
    """Write a heartbeat of now."""
    return heartbeat_line(Heartbeat(seq=seq, now=wall(), size=0))


def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Ended(Exception):
    """The story's server has ended."""


@dataclass
class Store:
    """A feed on a real socket; `answer` writes lines through what it is given."""

    answer: Callable[[Callable[[bytes], None], int], None]
    port: int = 0
    asked: list[tuple[dict, dict]] = field(default_factory=list)
    stop: Event = field(default_factory=Event)
    chunked: bool = True
    status: int = 200

    @contextmanager
    def running(self) -> Iterator[int]:
        """Serve; at the end every connection is cut, as when a process is killed."""
        store, open_sockets = self, []
        self.stop.clear()

        class Feed(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1" if self.chunked else "HTTP/1.0"

            def do_GET(self) -> None:
                open_sockets.append(self.connection)
                store.asked.append((parse_qs(urlsplit(self.path).query), dict(self.headers)))
                self.send_response(store.status)
                if store.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                with suppress(Ended, OSError):
                    store.answer(self.write, len(store.asked))
                self.close_connection = True

            def write(self, data: bytes) -> None:
                if store.stop.is_set():
                    raise Ended
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if store.chunked else data)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.port = self.port or free_port()
        server = ThreadingHTTPServer(("127.0.0.1", self.port), Feed)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self.port
        finally:
            self.stop.set()
            for one in open_sockets:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            server.shutdown()
            server.server_close()
            thread.join()

    def keep_beating(self, write: Callable[[bytes], None], seq: int) -> None:
        """Send heartbeats until the server ends."""
        while not self.stop.wait(0.05):
            write(beat(seq))


@dataclass
class Follower:
    """A gate and what its listener heard."""

    log: Log = field(default_factory=Log)
    lease_s: int = 60
    on_stale: str = "allow"
    lost: list[Exception] = field(default_factory=list)
    refused: list = field(default_factory=list)
    risen: list = field(default_factory=list)
    held: list = field(default_factory=list)
    forces: list[bool] = field(default_factory=list)
    stopped: tuple[datetime, float] | None = None

    def stop_clocks(self, *, go_on: bool = False) -> None:
        """Let no time pass for the gate, or let it be what it is again."""
        self.stopped = None if go_on else (wall(), time.monotonic())

    def hello(self) -> bytes:
        policy = a_policy(lease_s=self.lease_s, on_stale=self.on_stale)
        check = alias(GATE_KEY, "").hex()
        return hello_line(Hello(origin=ORIGIN, key=self.log.key, check=check, policy=policy))

    def client(self, port: int) -> FeedClient:
        clocks = Clocks(
            wall=lambda: self.stopped[0] if self.stopped else wall(),
            monotonic=lambda: self.stopped[1] if self.stopped else time.monotonic(),
        )
        policy = a_policy(version=0)
        gate = Gate(
            gate_key=GATE_KEY, pinned=self.log.pinned, policy=policy, wall=wall(), monotonic=time.monotonic()
        )
        listener = Listener(
            lost=self.lost.append,
            refused=self.refused.append,
            suspect=lambda _: None,
            risen=self.risen.append,
            held=lambda subject, items: self.held.append((subject, items)),
            in_force=self.forces.append,
        )
        return FeedClient(gate, f"http://127.0.0.1:{port}/", "secret", clocks=clocks, listener=listener, name="g")


def ask(client: FeedClient, identity: str = "subject_a") -> str:
    """Ask the gate."""
    return client.check(Request(identity=identity, model=None, tools=None)).answer


@pytest.mark.parametrize("chunked", [True, False])
def test_threads_are_answered_while_the_feed_goes_on(chunked: bool) -> None:
    """It asks with token and cursor, catches up while others check all the time, and a measure cuts streams."""
    go = Event()
    answers: set[str] = set()
    slowest = 0.0

    def answer(write: Callable[[bytes], None], _: int) -> None:
        lines = [entry_line(n, an_entry(subject=f"subject_{n}"), (), now=wall()) for n in range(1, 2_000)]
        write(story.hello() + b"".join(lines))
        write(beat(1_999))
        assert go.wait(PATIENCE_S)
        write(entry_line(2_000, an_entry(an_item(level=Level.PAUSED)), (), now=wall()))
        store.keep_beating(write, 2_000)

    def ask_on() -> None:
        nonlocal slowest
        while not done.is_set():
            began = time.monotonic()
            answers.add(ask(client))
            slowest = max(slowest, time.monotonic() - began)

    story, store, done, started = Follower(), Store(answer, chunked=chunked), Event(), time.monotonic()
    with store.running() as port, story.client(port) as client:
        threads = [Thread(target=ask_on) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert client.contact(PATIENCE_S)
        took, waited = time.monotonic() - started, slowest
        until(lambda: "allow" in answers)
        watched = client.use(lambda gate: gate.watch("subject_a"))
        go.set()
        until(lambda: story.risen)
        until(lambda: ask(client) == "refuse")
        answers.clear()
        until(lambda: "refuse" in answers)
        done.set()
        for thread in threads:
            thread.join()
        status = client.status()
    assert (status.in_force, status.subjects, status.after) == (True, 2_000, 2_000)
    assert story.risen == [{watched}]
    assert story.held == [("subject_a", ("item_a",))]
    assert waited < 0.8 * took, "a check waits for a turn, not for the whole feed"
    assert store.asked[0][0].keys() == {"after", "gate", "run"}
    assert store.asked[0][1]["Authorization"] == "Bearer secret"
    assert story.lost == []


def test_a_store_that_is_killed_and_comes_back_is_followed_from_where_it_was() -> None:
    """Nobody restarts anything, and what the gate held it held all the time."""

    def answer(write: Callable[[bytes], None], times: int) -> None:
        seq = 3 if times == 1 else 4
        write(story.hello())
        if times == 1:
            write(entry_line(3, an_entry(an_item(level=Level.PAUSED)), (), now=wall()))
        else:
            write(entry_line(4, an_entry(subject="subject_b"), (), now=wall()))
        store.keep_beating(write, seq)

    story, store = Follower(), Store(answer)
    with store.running() as port:
        client = story.client(port)
        client.start()
        assert client.contact(PATIENCE_S)
    with closing(client):
        until(lambda: len(story.lost) >= 2)
        assert ask(client) == "refuse"
        with store.running():
            until(lambda: client.status().after == 4)
            assert ask(client) == "refuse"
    assert store.asked[-1][0]["after"] == ["3"]


def test_a_store_that_falls_silent_is_out_of_force_and_tried_again() -> None:
    """Beyond the lease the gate says so, the unknown get `on_stale`, what was armed falls due; then it comes back."""

    def answer(write: Callable[[bytes], None], times: int) -> None:
        write(story.hello())
        if times == 1:
            due = (wall() - an_item().effective).total_seconds() + 3
            write(entry_line(1, an_entry(an_item(level=Level.PAUSED, effective=due)), (), now=wall()) + beat(1))
            store.stop.wait()
        elif back.wait(PATIENCE_S):
            store.keep_beating(write, 1)

    back = Event()
    story, store = Follower(lease_s=2, on_stale="refuse"), Store(answer)
    story.stop_clocks()
    with store.running() as port, story.client(port) as client:
        assert client.contact(PATIENCE_S)
        assert (ask(client, "stranger"), ask(client)) == ("allow", "allow")
        story.stop_clocks(go_on=True)
        until(lambda: story.forces == [True, False])
        assert (client.status().reach, ask(client, "stranger")) == ("stale", "refuse")
        until(lambda: ask(client) == "refuse")
        until(lambda: story.lost)
        back.set()
        # On a busy machine it may fall silent once more meanwhile.
        until(lambda: story.forces[:3] == [True, False, True])
        until(lambda: (ask(client, "stranger"), ask(client)) == ("allow", "refuse"))


def test_closing_ends_it_promptly_and_for_good() -> None:
    """Also in the middle of a silence; nothing that comes later reaches the gate, and a second close is none."""

    def answer(write: Callable[[bytes], None], _: int) -> None:
        write(story.hello() + beat(0))
        store.stop.wait()

    story, store = Follower(), Store(answer)
    with store.running() as port:
        client = story.client(port)
        client.close()
        client = story.client(port)
        client.start()
        assert client.contact(PATIENCE_S)
        client.close()
        client.close()
        # Who was not woken would wait for the store as long as the lease lasts.
        until(lambda: not any(thread.is_alive() for thread in client._threads))
    assert story.lost == []


def test_what_is_no_feed_is_reported_and_tried_again() -> None:
    """Another answer, a redirect, a bad line; and a listener that fails ends nothing."""

    def answer(write: Callable[[bytes], None], times: int) -> None:
        if times == 3:
            store.status = 200
            write(story.hello() + entry_line(2, an_entry(), (), now=wall()) + b"{}\n")
        elif times > 3:
            write(story.hello())
            store.keep_beating(write, 2)
        store.status = {1: 307}.get(times, 200)

    def fail(error: Exception) -> None:
        story.lost.append(error)
        raise KeyError("x")

    story, store = Follower(), Store(answer, status=403)
    with store.running() as port:
        client = story.client(port)
        object.__setattr__(client._follower.listener, "lost", fail)
        with client:
            assert client.contact(PATIENCE_S)
    assert [str(error) for error in story.lost[:2]] == ["the store answered 403", "the store answered 307"]
    assert [type(error) for error in story.lost] == [FeedRefused, FeedRefused, Malformed]
    assert store.asked[-1][0]["after"] == ["2"]
