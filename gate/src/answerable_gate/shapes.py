"""What a gate is given and what it gives back, as plain values, and why it refuses a feed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from answerable_gate.clock import ClockSuspect
from answerable_gate.entry import Item
from answerable_gate.judge import Contact, GatePolicy
from answerable_gate.release import Verify


class NotOurFeed(ValueError):
    """The feed belongs to another log, key or gate key than this gate was given."""


class FeedBehind(ValueError):
    """The store knows less than this gate was told before: it was set back, and must not be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """What a gate is given once and checks at each connection: the log, its public key, and how it verifies notes.

    Without `verify` the gate never lowers.
    """

    origin: str
    key: str
    verify: Verify | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came of a line: items kept because their leaving was not proven, and a time that was not adopted.

    `fresh` are the items of `subject` that the gate holds now and did not hold before (L9 asks for a confirmation).
    `contact`: it was a heartbeat, and the gate had everything up to there. `withheld`: from now on the subject's is.
    """

    refused: tuple[Item, ...] = ()
    suspect: ClockSuspect | None = None
    subject: str | None = None
    fresh: tuple[str, ...] = ()
    contact: bool = False
    withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a snapshot keeps: whose feed it was, `check`, the alias of "" under the gate key, and the packed records."""

    origin: str
    key: str
    after: int
    size: int
    high_water: datetime
    policy: GatePolicy
    check: str
    records: Iterable[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where the gate stands; `in_force` says that it has had contact within its lease.

    Of `withheld` subjects it does not know what applies to them by now: for them it is not fully in force. Of
    `lowering_refused` subjects it holds more than the store says, because no proof came.
    """

    in_force: bool
    reach: Contact
    subjects: int
    withheld: int
    lowering_refused: int
    after: int
    policy_version: int
    now: datetime
    suspect: ClockSuspect | None
