"""The snapshot file that the gates of a host share (POSIX): one of them writes it, each reads it once, as it starts.

Law: a reader finds the whole old file or the whole new one; no gate that knows less replaces what another knew.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import islice
from pathlib import Path
from tempfile import mkstemp
from threading import Lock
from typing import NamedTuple

from answerable_gate import snapshot
from answerable_gate.gate import Gate
from answerable_gate.io.following import Clocks
from answerable_gate.io.proofs import NotUnsealed, sealer, snapshot_key, unsealer
from answerable_gate.shapes import NotOurFeed
from answerable_gate.strict import Malformed

SOON_S = 0.5
EVERY_S = 60.0
# Writing takes at most this part of the time, however much is held.
SHARE = 1 / 20
# Where another gate writes, or the file cannot be written.
AGAIN_S = 1.0
PARTS_AT_ONCE = 512

Report = Callable[[str, dict[str, object]], None]


class _Began(NamedTuple):
    changes: int
    at: float


class Snapshots:
    """The file as one gate sees it; `report` is told by kind what a person must look at.

    A process that forks makes it after the fork.
    """

    def __init__(self, path: Path, gate: Gate, gate_key: bytes, *, clocks: Clocks, report: Report) -> None:
        """Take where the file is, the gate, and the key from which the seal's is derived."""
        key = snapshot_key(gate_key)
        self._path = path
        self._gate = gate
        self._clocks = clocks
        self._report = report
        self._seal, self._unseal = sealer(key), unsealer(key)
        self._lock: int | None = None
        self._least = 0
        self._writing = Lock()
        self._written = -1
        self._not_before = self._not_after = float("-inf")

    def load(self) -> bool:
        """Take the file up in a gate that holds nothing yet; where it is none or cannot be used, nothing changes."""
        try:
            saved = snapshot.read(self._path.read_bytes(), self._unseal)
            self._gate.restore(saved, wall=self._clocks.wall(), monotonic=self._clocks.monotonic())
        except FileNotFoundError:
            return False
        except (OSError, Malformed, NotOurFeed, NotUnsealed) as error:
            self._report("snapshot_refused", {"path": str(self._path), "because": str(error)})
            return False
        self._written = self._gate.changes
        return True

    async def keep(self) -> None:
        """Write soon after each change, and at the latest every minute, until cancelled; the loop owns the gate."""
        while True:
            await asyncio.sleep(SOON_S)
            if self._is_due():
                began, turns = self._begin()
                plain: list[bytes] = []
                for parts in turns:
                    plain += parts
                    await asyncio.sleep(0)
                await asyncio.to_thread(self._put, plain, began)

    def write(self, *, at_once: bool = False, guard: AbstractContextManager[object] | None = None) -> None:
        """Write if it is time to, or `at_once` if anything has changed; each use of the gate is under `guard`."""
        guard = guard or nullcontext()
        with guard:
            if at_once:
                self._not_before = float("-inf")
            if not self._is_due():
                return
            began, turns = self._begin()
        plain: list[bytes] = []
        while True:
            with guard:
                parts = next(turns, None)
            if parts is None:
                break
            plain += parts
        self._put(plain, began)

    def close(self) -> None:
        """Leave the writing to another gate; what is being written is finished first."""
        with self._writing:
            if self._lock is not None:
                os.close(self._lock)
            self._lock = None

    def _is_due(self) -> bool:
        now = self._clocks.monotonic()
        if now < self._not_before or (self._gate.changes == self._written and now < self._not_after):
            return False
        # A cold gate that catches up has a part; one that has taken up a file or had contact has the whole.
        if self._gate.status(wall=self._clocks.wall(), monotonic=now).reach == "cold":
            return False
        try:
            return self._has_lock() and self._gate.after >= self._least
        except OSError as error:
            self._not_written(error)
            return False

    def _has_lock(self) -> bool:
        if self._lock is not None:
            return True
        lock = os.open(self._path.with_name(self._path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            self._not_before = self._clocks.monotonic() + AGAIN_S
            return False
        except OSError:
            os.close(lock)
            raise
        self._lock = lock
        self._least = self._place_in_file()
        for left in self._path.parent.glob(f".{self._path.name}.*"):
            left.unlink(missing_ok=True)  # by a gate that was killed while it wrote
        return True

    def _place_in_file(self) -> int:
        try:
            return snapshot.place(self._path.read_bytes(), self._unseal, self._gate.pinned)
        except (OSError, Malformed, NotOurFeed, NotUnsealed):
            return 0

    def _begin(self) -> tuple[_Began, Iterator[list[bytes]]]:
        began = _Began(self._gate.changes, self._clocks.monotonic())
        parts = snapshot.parts(self._gate, wall=self._clocks.wall(), monotonic=began.at)
        return began, iter(lambda: list(islice(parts, PARTS_AT_ONCE)), [])

    def _put(self, plain: Sequence[bytes], began: _Began) -> None:
        with self._writing:
            # What an ended task had begun may come after what was written since.
            if self._lock is None or began.changes < self._written:
                return
            try:
                self._replace(snapshot.sealed(plain, self._seal))
            except OSError as error:
                self._not_written(error)
                return
            now = self._clocks.monotonic()
            self._written, self._not_after = began.changes, began.at + EVERY_S
            self._not_before = now + max(SOON_S, (now - began.at) / SHARE)

    def _replace(self, data: bytes) -> None:
        file, beside = mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        try:
            with open(file, "wb") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(file)
            Path(beside).replace(self._path)
        except OSError:
            with suppress(OSError):
                Path(beside).unlink(missing_ok=True)
            raise
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _not_written(self, error: OSError) -> None:
        self._report("snapshot_not_written", {"path": str(self._path), "because": str(error)})
        self._written, self._not_before = -1, self._clocks.monotonic() + 10 * AGAIN_S
