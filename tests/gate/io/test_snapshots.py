"""The snapshot file of a host: written by one, whole or not at all, and never by who knows less."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from answerable_gate import Gate, Level, Pinned, Request
from answerable_gate.io import snapshots as module
from answerable_gate.io.following import Clocks, Listener
from answerable_gate.io.requests import FeedClient
from answerable_gate.io.snapshots import Snapshots
from tests.gate.build import GATE_KEY, Bench, an_entry, an_item


@dataclass
class Worker:
    """One gate of a host, with clocks that the test moves."""

    path: Path
    bench: Bench = field(default_factory=Bench)
    told: list[tuple[str, dict]] = field(default_factory=list)
    gate_key: bytes = GATE_KEY

    def __post_init__(self) -> None:
        clocks = Clocks(wall=lambda: self.bench.times["wall"], monotonic=lambda: self.bench.monotonic)
        report: Any = lambda kind, told: self.told.append((kind, told))  # noqa: E731
        self.file = Snapshots(self.path, self.bench.gate, self.gate_key, clocks=clocks, report=report)

    def follow(self, level: Level = Level.PAUSED, *, seq: int = 1, subject: str = "subject_a") -> Worker:
        """Let a measure and contact arrive."""
        self.bench.receive(self.bench.hello())
        self.bench.send(an_entry(an_item(level=level), subject=subject), seq=seq)
        self.bench.receive(self.bench.heartbeat())
        return self

    def after(self, seconds: float) -> Worker:
        """Let time pass, and the file be written if it is time to."""
        self.bench.wait(seconds)
        self.file.write()
        return self

    @property
    def subjects(self) -> int:
        """Count what the gate knows of."""
        return self.bench.gate.status(**self.bench.times).subjects


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give where the file is."""
    return tmp_path / "gate.snapshot"


def taken_up(path: Path) -> Worker:
    """Start a gate from the file."""
    worker = Worker(path)
    assert worker.file.load(), worker.told
    return worker


def test_a_restart_with_the_store_away_forgets_nothing(path: Path) -> None:
    """Who was refused is refused, and the gate is stale and not cold; nobody but the key's holder reads the file."""
    Worker(path).follow().after(1)
    assert b"subject_a" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    gate = taken_up(path).bench.gate
    request = Request(identity="subject_a", model=None, tools=None)
    assert gate.check(request, **Bench().times).answer == "refuse"
    assert gate.status(**Bench().times).reach == "stale"


def test_it_is_written_soon_after_a_change_and_else_each_minute(path: Path) -> None:
    """Not for nothing, and never so often that writing is what the gate does."""
    worker = Worker(path).follow().after(0)
    first = path.stat().st_mtime_ns
    assert worker.after(1).path.stat().st_mtime_ns == first
    worker.bench.send(an_entry(subject="subject_b"))
    worker.after(1)
    assert taken_up(path).subjects == 2
    worker.bench.send(an_entry(subject="subject_c"))
    worker.after(module.SOON_S / 2)
    assert taken_up(path).subjects == 2
    worker.after(module.SOON_S / 2)
    assert taken_up(path).subjects == 3
    second = path.stat().st_mtime_ns
    worker.after(module.EVERY_S)
    assert path.stat().st_mtime_ns > second
    assert taken_up(path).bench.gate.tick(**Bench().times) > Bench().times["wall"]


def test_one_writes_and_another_takes_over_once_it_has_gone(path: Path) -> None:
    """Whoever holds the lock; the others only look, and none waits."""
    first, second = Worker(path).follow().after(1), Worker(path).follow(subject="subject_b")
    second.after(1)
    assert taken_up(path).bench.gate.held("subject_b") is None
    first.file.close()
    second.after(module.AGAIN_S)
    assert taken_up(path).bench.gate.held("subject_b") is not None
    second.file.close()
    first.bench.send(an_entry(subject="subject_c"))
    first.after(1)
    assert taken_up(path).bench.gate.held("subject_c") is not None
    first.file.close()


def test_who_knows_less_does_not_write(path: Path) -> None:
    """Neither a cold gate, nor one that is behind the file in place, until it has come as far."""
    Worker(path).follow(seq=5).after(1).file.close()
    whole = path.read_bytes()
    cold = Worker(path)
    cold.bench.send(an_entry(subject="subject_b"), seq=7)
    assert cold.after(1).path.read_bytes() == whole
    cold.bench.receive(cold.bench.heartbeat())
    assert cold.after(1).path.read_bytes() != whole
    cold.file.close()
    whole = path.read_bytes()
    behind = Worker(path).follow(seq=6)
    assert behind.after(1).path.read_bytes() == whole
    behind.bench.send(an_entry(subject="subject_b"), seq=7)
    assert behind.after(1).path.read_bytes() != whole
    behind.file.close()


@pytest.mark.parametrize(
    ("harm", "because"),
    [
        (lambda data: data[:-1] + bytes((data[-1] ^ 1,)), "not sealed"),
        (lambda data: data[: len(data) // 2], "not sealed"),
        (lambda _: b"", "no snapshot of this version"),
        (lambda data: data.replace(b"snapshot 2", b"snapshot 1"), "no snapshot of this version"),
    ],
)
def test_what_cannot_be_used_is_told_and_changes_nothing(path: Path, harm: Any, because: str) -> None:
    """Damaged, cut, empty or of an older version: the gate is cold, the log says why, and contact mends the file."""
    Worker(path).follow().after(1).file.close()
    path.write_bytes(harm(path.read_bytes()))
    worker = Worker(path)
    assert not worker.file.load()
    ((kind, told),) = worker.told
    assert kind == "snapshot_refused"
    assert because in told["because"]
    assert worker.bench.gate.status(**worker.bench.times).reach == "cold"
    worker.follow().after(1)
    assert taken_up(path).subjects == 1
    worker.file.close()


def test_a_file_of_another_key_or_log_is_refused(path: Path) -> None:
    """Nothing of it would ever be found, or its places would mean nothing; where there is none, nothing is told."""
    Worker(path).follow().after(1).file.close()
    foreign = Worker(path, gate_key=b"h" * 32)
    assert not foreign.file.load()
    other = Bench()
    other.gate = Gate(
        gate_key=GATE_KEY, pinned=Pinned(origin="other", key="k"), policy=other.policy, **other.times
    )
    elsewhere = Worker(path, bench=other)
    assert not elsewhere.file.load()
    assert [kind for kind, _ in foreign.told + elsewhere.told] == ["snapshot_refused"] * 2
    nowhere = Worker(path.with_name("none"))
    assert not nowhere.file.load()
    assert nowhere.told == []


def test_a_file_that_cannot_be_written_is_told_and_tried_again(path: Path) -> None:
    """The gate goes on; once there is room the file is there."""
    worker = Worker(path.parent / "later" / "gate.snapshot").follow().after(1)
    assert [kind for kind, _ in worker.told] == ["snapshot_not_written"]
    worker.path.parent.mkdir()
    worker.path.mkdir()  # what is in the way cannot be replaced
    worker.after(10)
    assert [kind for kind, _ in worker.told] == ["snapshot_not_written"] * 2
    assert [one.name for one in worker.path.parent.iterdir() if one.name.startswith(".")] == []
    worker.path.rmdir()
    worker.after(10)
    assert taken_up(worker.path).subjects == 1
    worker.file.close()


def test_a_loop_keeps_it_and_the_end_writes_the_last(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an event loop, while others run; and what came in the last moment is there."""
    monkeypatch.setattr(module, "SOON_S", 0.01)
    worker = Worker(path).follow()

    async def story() -> None:
        task = asyncio.create_task(worker.file.keep())
        while not path.exists():  # noqa: ASYNC110, ASYNC240 - a file tells nobody that it is there
            await asyncio.sleep(0.01)
        task.cancel()
        worker.bench.send(an_entry(subject="subject_b"))
        await asyncio.to_thread(worker.file.write, at_once=True)
        worker.file.close()

    asyncio.run(story())
    assert taken_up(path).subjects == 2


def test_threads_keep_it_too(path: Path) -> None:
    """With no store at all: what a gate took up it writes again, under the client's lock, and at the end."""
    Worker(path).follow().after(1).file.close()
    worker = taken_up(path)
    listener = Listener(lost=lambda _: None, refused=lambda _: None, suspect=lambda _: None, risen=lambda _: None)
    clocks = Clocks(wall=lambda: worker.bench.times["wall"], monotonic=lambda: worker.bench.monotonic)
    address = "http://127.0.0.1:1"
    with FeedClient(
        worker.bench.gate, address, "t", clocks=clocks, listener=listener, snapshots=worker.file
    ) as client:
        client.use(lambda _: worker.bench.send(an_entry(subject="subject_b")))
        deadline = time.monotonic() + 120
        while taken_up(path).subjects < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        client.use(lambda _: worker.bench.send(an_entry(subject="subject_c")))
    assert taken_up(path).subjects == 3


WRITES = """
import sys, threading
from pathlib import Path
from answerable_gate import Level
from answerable_gate.io import snapshots
from tests.gate.build import an_entry, an_item
from tests.gate.io.test_snapshots import Worker
snapshots.SHARE = 1.0
worker = Worker(Path(sys.argv[1])).follow()
for number in range(500):
    worker.bench.send(an_entry(an_item(level=Level.PAUSED), subject=f"{sys.argv[2]}_{number}"))
while True:
    worker.bench.send(an_entry(subject="subject_c", version=worker.bench.gate.after))
    worker.after(1)
    print(worker.bench.gate.after, flush=True)
"""


def test_kill_9_while_writing_leaves_a_whole_file(path: Path) -> None:
    """Two workers write and are killed over and over, at any moment: whoever starts finds a whole file."""
    for round_ in range(3):
        both = [
            subprocess.Popen([sys.executable, "-c", WRITES, str(path), name], stdout=subprocess.PIPE)
            for name in ("one", "two")
        ]
        try:
            for process in both:
                assert process.stdout is not None
                assert process.stdout.readline()
            time.sleep(0.05 + 0.023 * round_)
        finally:
            for process in both:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
        gate = taken_up(path).bench.gate
        assert gate.status(**Bench().times).subjects >= 502
        request = Request(identity="subject_a", model=None, tools=None)
        assert gate.check(request, **Bench().times).answer == "refuse"
    left = Worker(path).follow(seq=10**9).after(1)
    assert taken_up(path).bench.gate.after == 10**9
    left.file.close()
    assert {one.name for one in path.parent.iterdir()} == {path.name, path.name + ".lock"}


def test_two_in_one_process_never_tear_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the lock does not hold them apart, a reader finds a whole file at any moment."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    Worker(path).follow().after(1).file.close()
    done = threading.Event()

    def write() -> None:
        worker = Worker(path).follow()
        while not done.is_set():
            worker.bench.send(an_entry(subject="subject_c", version=worker.bench.gate.after))
            worker.after(1)
        worker.file.close()

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            assert taken_up(path).subjects >= 1
    finally:
        done.set()
        for thread in threads:
            thread.join()
