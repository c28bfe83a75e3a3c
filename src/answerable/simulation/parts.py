"""The parts of the simulated house that are not the product's: time, a store that fails, a signer in memory.

Law: everything else in the simulation is what runs in service.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from answerable.errors import StoreUnavailable
from answerable.ledger.notes import sign_note, vkey
from answerable.ledger.verify import EMPTY_ROOT, Checkpoint, parse_checkpoint, verify_consistency
from answerable.ports.directory import NoAccount, OneAccount, Resolution
from answerable.ports.entitlements import Plan
from answerable.ports.signer import Prove
from answerable.store.memory import MemoryStore
from answerable.vault.identifiers import Identifier

ORIGIN = "simulation.example/log"


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


class Crash(BaseException):
    """The process died here; a base exception, since nothing in it may catch its own death."""


class FailingStore(MemoryStore):
    """The store in memory with a disk that can be full and a process that can die beside a commit."""

    def __init__(self, origin: str) -> None:
        """Begin well."""
        super().__init__(origin=origin)
        self.is_full = False
        self.dies_before = False
        self.dies_after = False

    def _commit(self) -> None:
        if not self._state.undo:  # nothing was written: a disk need not take anything
            super()._commit()
            return
        if self.is_full:
            raise StoreUnavailable("the disk is full")
        if self.dies_before:
            self.dies_before = False
            raise Crash
        super()._commit()
        if self.dies_after:
            self.dies_after = False
            raise Crash

    def restart(self, *, serves: bool) -> None:
        """Forget what a process keeps in memory, with that of the feed where it serves one: it is all in the facts."""
        self._forget()
        if serves:
            self._feed_folds.clear()


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
        """Return the signed note. Raise `StoreUnavailable` while the signer is down."""
        if self.is_down:
            raise StoreUnavailable("the signer does not answer")
        old, new = self._last, parse_checkpoint(text)
        path: Sequence[bytes] = prove(old.size, new.size) if 0 < old.size < new.size else ()
        grows = verify_consistency(old.size, new.size, old.root, new.root, path)
        assert grows, "the checkpoint does not grow out of the last one"
        self._last = new
        return sign_note(text, self.name, self._private)


class Accounts:
    """The operator's directory and billing: whose identifiers are whose, and what each account may use."""

    def __init__(self) -> None:
        """Begin without accounts."""
        self.owners: dict[str, str] = {}
        self.plans: dict[str, Plan] = {}

    def add(self, account: str, plan: Plan, *identifiers: Identifier) -> None:
        """Enter an account."""
        self.plans[account] = plan
        self.owners.update({one.raw: account for one in identifiers})

    def resolve(self, identifiers: Sequence[Identifier]) -> Resolution:
        """Return whose account the identifiers belong to."""
        found = {self.owners[one.raw] for one in identifiers if one.raw in self.owners}
        return OneAccount(found.pop()) if len(found) == 1 else NoAccount()

    def of(self, account: str) -> Plan:
        """Return what the account may use now."""
        return self.plans.get(account, Plan(plan="free", models=("small",), tools=()))
