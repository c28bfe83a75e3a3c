"""What came from outside: facts about events, orders of courts and authorities, and what an order has brought about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from answerable.core.words import Hazard, HoldId, ItemId, NoticeId, OfCase, StaffId, SubjectId, TextRef

EventId = NewType("EventId", str)
OrderId = NewType("OrderId", str)


class EventKind(StrEnum):
    """What happened outside."""

    ARREST = "arrest"
    RELEASE = "release"
    PROTECTIVE_ORDER = "protective_order"
    DISCHARGE = "discharge"
    OTHER = "other"


class Authority(StrEnum):
    """Who issued an order."""

    COURT = "court"
    PROSECUTOR = "prosecutor"
    POLICE = "police"
    REGULATOR = "regulator"


class Clause(StrEnum):
    """What an order asks for; any of them, in any number."""

    BLOCK = "block"
    NO_NEW_ACCOUNT = "no_new_account"
    NOTIFY = "notify"
    PRESERVE = "preserve"


class Found(StrEnum):
    """Where the number that was called back was found: never in the message that is to be verified."""

    OFFICIAL_REGISTER = "official_register"
    OFFICIAL_SITE = "official_site"
    OWN_DIRECTORY = "own_directory"
    SWITCHBOARD = "switchboard"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideEventReported(OfCase):
    """Somebody said that something happened: an unverified claim (E0) until it was called back (L13).

    `numbers` are keyed hashes of the telephone numbers that the message itself gave: none of them verifies it.
    """

    event: EventId
    kind: EventKind
    hazard: Hazard
    text: TextRef
    commit: str
    numbers: tuple[str, ...]
    barred: tuple[StaffId, ...]
    dated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideEventVerified(OfCase):
    """A person called back an independently found number, and it is so: E3.

    `number` seals the number that was called, `commit` commits to it.
    """

    event: EventId
    staff: StaffId
    found: Found
    number: TextRef
    commit: str
    called: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReceived(OfCase):
    """An order came in: an unverified claim (E0) until it was called back.

    `document` seals the SHA-256 of the document, `reference` the number that the issuer gave it; beside each stands
    its commitment. `numbers` are keyed hashes of the telephone numbers on it.
    """

    order: OrderId
    clauses: tuple[Clause, ...]
    authority: Authority
    jurisdiction: str
    document: TextRef
    document_commit: str
    reference: TextRef
    reference_commit: str
    numbers: tuple[str, ...]
    barred: tuple[StaffId, ...]
    dated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderVerified(OfCase):
    """A person called the issuer back under an independently found number, and the order is theirs: E3, in force."""

    order: OrderId
    staff: StaffId
    found: Found
    number: TextRef
    commit: str
    called: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseExecuted(OfCase):
    """What a clause asks for was put in force: as this measure, as this hold, or as a duty from this entry on."""

    order: OrderId
    clause: Clause
    item: ItemId | None = None
    hold: HoldId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEnded(OfCase):
    """A person called the issuer back: the order no longer binds. Nothing is lowered by it (L4)."""

    order: OrderId
    staff: StaffId
    found: Found
    number: TextRef
    commit: str
    called: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptsRefused(OfCase):
    """Under an order in force an account that is shut out asked and was refused: so many exchanges of block `root`."""

    order: OrderId
    account: SubjectId
    root: str
    exchanges: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShown(OfCase):
    """The list of what shows all that was done for an order up to here, by leaf index, drawn up for whoever asked.

    Of refused requests and of confirmations only so many are on it; `left_out` says how many more there were.
    """

    order: OrderId
    leaves: tuple[int, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptNoticesAsked(OfCase):
    """The protected person asked to be told of attempts, between these hours of her time zone, at most once a day."""

    notice: NoticeId
    from_hour: int
    to_hour: int
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptNoticesEnded(OfCase):
    """The protected person does not want to be told any more."""

    notice: NoticeId


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestPlanned(OfCase):
    """At `send`, when her hours begin, she is told that there were attempts; never how many, of what, or when (L12)."""

    notice: NoticeId
    send: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestSent(OfCase):
    """A carrier took the digest that was planned for `send`."""

    notice: NoticeId
    send: datetime


OutsideFact = (
    OutsideEventReported | OutsideEventVerified | OrderReceived | OrderVerified | ClauseExecuted | OrderEnded
    | AttemptsRefused | OrderShown | AttemptNoticesAsked | AttemptNoticesEnded | DigestPlanned | DigestSent
)
