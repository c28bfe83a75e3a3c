"""The parts of the simulated house that are not the product's: time, a store that fails, a signer in memory.

Law: everything else in the simulation is what runs in service.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from answerable.app import Acts, Answerable, Reading
from answerable.core.facts import Recorded
from answerable.errors import SignerUnavailable, StoreUnavailable
from answerable.ledger.notes import sign_note, vkey
from answerable.ledger.verify import EMPTY_ROOT, Checkpoint, parse_checkpoint, verify_consistency
from answerable.ports.directory import NoAccount, OneAccount, Resolution
from answerable.ports.entitlements import Plan
from answerable.ports.signer import Prove
from answerable.store.protocol import Checkpointed, Claimed, Store, Tx
from answerable.vault.identifiers import Identifier

T = TypeVar("T")


class TrueTime:
    """The one time of the world, which no process ever sees."""

    def __init__(self, start: datetime) -> None:
        """Take the first moment."""
        self.start = start
        self.elapsed = timedelta(0)

    @property
    def now(self) -> datetime:
        """The true time."""
        return self.start + self.elapsed


class OwnClock:
    """What one process reads: a wall clock that is off by `offset`, and seconds since it was born."""

    def __init__(self, true: TrueTime, offset: timedelta = timedelta(0)) -> None:
        """Be born now."""
        self._true = true
        self._born = true.elapsed
        self.offset = offset

    def now(self) -> datetime:
        """Return the wall time."""
        return self._true.now + self.offset

    def monotonic(self) -> float:
        """Return the seconds since the process was born."""
        return (self._true.elapsed - self._born).total_seconds()


class Ahead:
    """How far ahead of true time the programs have taken the record to be."""

    def __init__(self, true: TrueTime) -> None:
        """Begin before anybody has looked."""
        self._true = true
        # Only what nobody was below since: the later, the higher.
        self._lows: list[tuple[timedelta, timedelta]] = []

    def hear(self, now: datetime) -> None:
        """Note what a program takes the time to be: it may tell a gate so."""
        ahead = now - self._true.now
        while self._lows and self._lows[-1][1] >= ahead:
            self._lows.pop()
        self._lows.append((self._true.elapsed, ahead))

    def lowest(self, since: timedelta) -> timedelta:
        """Return the least that anybody was ahead since some true time."""
        first = bisect_left(self._lows, since, key=lambda one: one[0])
        return self._lows[first][1] if first < len(self._lows) else timedelta.max


class Crash(BaseException):
    """A program died here; a base exception, since nothing in it may catch its own death."""

    def __init__(self, program: str) -> None:
        """Take the name of who died."""
        super().__init__(program)
        self.program = program


class Disk:
    """What the record lies on, for all programs: it can be full, and its next commit can be somebody's last act.

    While `is_late` nothing gets its place in the tree.
    """

    def __init__(self) -> None:
        """Begin well."""
        self.is_full = self.dies_before = self.dies_after = self.is_late = False

    def before_commit(self, program: str) -> None:
        """Raise where the disk is full or the program dies before its commit."""
        if self.is_full:
            raise StoreUnavailable("the disk is full")
        if self.dies_before:
            self.dies_before = False
            raise Crash(program)

    def after_commit(self, program: str) -> None:
        """Raise where the program dies after its commit."""
        if self.dies_after:
            self.dies_after = False
            raise Crash(program)


class FailingStore:
    """One program's way to the record: each commit of facts can fail or be its last; all else is the store's."""

    def __init__(self, store: Store, disk: Disk, program: str) -> None:
        """Take an open store, what it lies on, and whose it is."""
        self._store = store
        self._disk = disk
        self._program = program
        self._depth = 0
        self._has_written = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        """Return what the store has under this name."""
        return getattr(self._store, name)

    @property
    def is_writing(self) -> bool:
        """Tell whether a transaction is open."""
        return self._depth > 0

    @contextmanager
    def act(self) -> Iterator[Tx]:
        """Open one act."""
        with self._faults(self._store.act) as tx:
            yield cast(Tx, _Noted(tx, self._note))

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Open one transaction for many acts."""
        with self._faults(self._store.batch):
            yield

    @contextmanager
    def _faults(self, opens: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
        with self._writes():
            with opens() as opened:
                yield opened
                if self._is_committing:
                    self._disk.before_commit(self._program)
            if self._is_committing:
                self._disk.after_commit(self._program)

    @contextmanager
    def _writes(self) -> Iterator[None]:
        if not self._depth:
            self._has_written = False
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @property
    def _is_committing(self) -> bool:
        # A commit of nothing asks nothing of a disk.
        return self._depth == 1 and self._has_written

    def _note(self) -> None:
        self._has_written = True

    def put_checkpoint(self, checkpoint: Checkpointed) -> None:
        """Keep a signed checkpoint."""
        with self._writes():
            self._disk.before_commit(self._program)
            self._store.put_checkpoint(checkpoint)
            self._disk.after_commit(self._program)

    def integrate(self) -> int:
        """Grow the tree by what waits, unless whoever does that is dead."""
        with self._writes():
            return 0 if self._disk.is_late else self._store.integrate()

    def claim(self, now: datetime, lease_until: datetime, limit: int) -> list[Claimed]:
        """Take outgoing messages under lease."""
        with self._writes():
            return self._store.claim(now, lease_until, limit)

    def settle_outgoing(self, idem: str, *, done: bool, retry_at: datetime | None) -> None:
        """Record a delivery or plan the next attempt."""
        with self._writes():
            self._store.settle_outgoing(idem, done=done, retry_at=retry_at)


class _Noted:
    """One act, and the word that it has written something."""

    def __init__(self, tx: Tx, note: Callable[[], None]) -> None:
        self._tx = tx
        self._note = note

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the act has
        return getattr(self._tx, name)

    def append(self, written: Sequence[Recorded]) -> list[Recorded]:
        """Add facts."""
        if written:
            self._note()
        return self._tx.append(written)

    def remember(self, source: str, key: str, answer: bytes) -> None:
        """Keep an answer."""
        self._note()
        self._tx.remember(source, key, answer)


@dataclass(slots=True, kw_only=True)
class HeardActs(Acts):
    """The acts of one program, whose every reading of the time is heard."""

    heard: Callable[[datetime], None]

    def now(self, high_water: datetime | None) -> datetime:
        """Return the time of an act."""
        found = Acts.now(self, high_water)
        self.heard(found)
        return found


class Program:
    """A process of the house with its own clock and its own way to the record: a server, or the worker."""

    store: FailingStore
    acts: Acts
    app: Answerable
    reading: Reading

    def __init__(self, name: str, true: TrueTime) -> None:
        """Take the name; the house does the rest when it starts it."""
        self.name = name
        self.clock = OwnClock(true)


class MemorySigner:
    """A signer whose key ends with the process; it keeps the port's law: only what grows is signed."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Take the key's name and its 32 bytes."""
        self.name = name
        self.is_down = False
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._last = Checkpoint(name, 0, EMPTY_ROOT)

    @property
    def vkey(self) -> str:
        """The verifier key to hand out."""
        return vkey(self.name, self._private.public_key())

    def sign(self, text: str, prove: Prove) -> str:
        """Return the signed note. Raise `SignerUnavailable` while the signer is down."""
        if self.is_down:
            raise SignerUnavailable
        old, new = self._last, parse_checkpoint(text)
        path: Sequence[bytes] = prove(old.size, new.size) if 0 < old.size < new.size else ()
        grows = verify_consistency(old.size, new.size, old.root, new.root, path)
        assert grows, "the checkpoint does not grow out of the last one"
        self._last = new
        return sign_note(text, self.name, self._private)

    def signed_last(self) -> Checkpoint:
        """Return the last checkpoint signed."""
        return self._last


class Accounts:
    """The operator's directory and billing: whose identifiers are whose, and what each account may use."""

    def __init__(self) -> None:
        """Begin without accounts."""
        self.owners: dict[str, str] = {}
        self.plans: dict[str, Plan] = {}

    def add(self, account: str, plan: Plan, *identifiers: Identifier) -> None:
        """Enter an account."""
        self.plans[account] = plan
        self.owners.update({account: account, **{one.raw: account for one in identifiers}})

    def resolve(self, identifiers: Sequence[Identifier]) -> Resolution:
        """Return whose account the identifiers belong to."""
        found = {self.owners[one.raw] for one in identifiers if one.raw in self.owners}
        return OneAccount(found.pop()) if len(found) == 1 else NoAccount()

    def of(self, account: str) -> Plan:
        """Return what the account may use now."""
        return self.plans.get(account, Plan(plan="free", models=("small",), tools=()))
