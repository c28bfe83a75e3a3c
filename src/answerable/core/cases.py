"""The files: one case per subject and protected person, with all that is known; kept by their fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from answerable.core.claims import Event, Order, Telling
from answerable.core.deadlines import Deadline
from answerable.core.facts import (
    UNKNOWN,
    ActorId,
    AskId,
    CaseId,
    Clause,
    DeadlineId,
    DeadlineKind,
    DecisionTaken,
    DefaultArmed,
    DefaultStepped,
    EntitlementsFrozen,
    EventId,
    ExposureGap,
    ExposureSealed,
    Hazard,
    HoldId,
    HoldOrdered,
    ItemId,
    LinkId,
    LookBackResult,
    LoweringKind,
    LoweringProposed,
    MeasureAdopted,
    MeasureSet,
    NoticeId,
    NoticeReceived,
    OrderId,
    Party,
    PersonId,
    ProposalId,
    Recorded,
    SignalId,
    SignalRaised,
    StaffId,
    SubjectId,
    TenantAsked,
    TextRef,
    Tier,
)
from answerable_gate import Item


@dataclass(slots=True, kw_only=True)
class Signal:
    """A flag and what became of it.

    `concerns` says that the case named a person when it came: only then is it known whom it is about (L13).
    `discounted_at` is set only by an answer that judged it harmless.
    """

    fact: SignalRaised
    at: datetime
    concerns: bool
    answered: bool = False
    discounted_at: datetime | None = None
    refuted: bool = False


@dataclass(slots=True, kw_only=True)
class Notice:
    """A warning and what became of it."""

    fact: NoticeReceived
    at: datetime
    answered: bool = False
    lapsed: bool = False
    withdrawn: bool = False
    confirmed_at: datetime | None = None
    crossed_with: CaseId | None = None
    refuted: bool = False


@dataclass(slots=True, kw_only=True)
class Held:
    """An item of the case: a measure or an armed default, and how it stopped counting, if it did.

    `fell` is the durable mark that a default was due once; `lift` is the releasing entry, which counts only once its
    leaf is inside a signed checkpoint (L1, L4).
    """

    item: Item
    fact: DefaultArmed | DefaultStepped | MeasureSet | MeasureAdopted
    settled: bool = False
    fell: bool = False
    lift: Recorded | None = None

    @property
    def is_live(self) -> bool:
        """Tell whether no decision and no lift has named it."""
        return not self.settled and self.lift is None

    @property
    def is_default(self) -> bool:
        """Tell whether it was armed, or is what an armed one left when it stepped down; not decided, not adopted."""
        return not isinstance(self.fact, MeasureSet | MeasureAdopted)


@dataclass(slots=True, kw_only=True)
class Signature:
    """One signature under a proposal, on one digest of the evidence."""

    staff: StaffId
    digest: str
    at: datetime
    waives: bool


@dataclass(slots=True, kw_only=True)
class Proposal:
    """A proposal to lower something, its second person, its signatures, and whether it was carried out or voided."""

    fact: LoweringProposed
    at: datetime
    drawn: StaffId | None = None
    drawn_at: datetime | None = None
    signatures: list[Signature] = field(default_factory=list)
    performed_at: datetime | None = None
    voided: bool = False

    @property
    def is_standing_lift(self) -> bool:
        """Tell whether it lifted or closed something and no notice has voided that since."""
        lifts = self.fact.kind in (LoweringKind.LIFT, LoweringKind.CLOSE)
        return lifts and self.performed_at is not None and not self.voided


@dataclass(slots=True, kw_only=True)
class LookBack:
    """A look into retained history on account of one notice."""

    started_at: datetime
    result: LookBackResult | None = None


@dataclass(slots=True, kw_only=True)
class Hold:
    """An order to the operator's stores to keep the account's data, and what became of it."""

    fact: HoldOrdered
    at: datetime
    confirmed_at: datetime | None = None
    reference: TextRef | None = None
    unconfirmed: bool = False
    upheld_by: StaffId | None = None
    lapsed_at: datetime | None = None

    @property
    def is_standing(self) -> bool:
        """Tell whether the data is to be kept for it."""
        return self.lapsed_at is None


@dataclass(slots=True, kw_only=True)
class Ask:
    """What a tenant was asked, and when it read and answered that."""

    fact: TenantAsked
    at: datetime
    received_at: datetime | None = None
    answered_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Case:
    """One subject and one protected person: everything known, and what is owed."""

    id: CaseId
    subject: SubjectId
    person: PersonId
    tier: Tier
    opened_at: datetime
    seq: int = 0
    is_open: bool = True
    closed_at: datetime | None = None
    lifted_alone_at: datetime | None = None
    hazards: set[Hazard] = field(default_factory=set)
    policies: list[str] = field(default_factory=list)
    owner: StaffId | None = None
    deputy: StaffId | None = None
    rung: int = 0
    raised_for_notice: bool = False
    signals: dict[SignalId, Signal] = field(default_factory=dict)
    notices: dict[NoticeId, Notice] = field(default_factory=dict)
    deadlines: dict[DeadlineId, Deadline] = field(default_factory=dict)
    held: dict[ItemId, Held] = field(default_factory=dict)
    opened_by: dict[StaffId, set[str]] = field(default_factory=dict)
    decisions: list[tuple[datetime, DecisionTaken]] = field(default_factory=list)
    proposals: dict[ProposalId, Proposal] = field(default_factory=dict)
    look_backs: dict[NoticeId, LookBack] = field(default_factory=dict)
    acts_recorded: dict[str, datetime] = field(default_factory=dict)
    refuted: set[str] = field(default_factory=set)
    dissents: dict[str, tuple[datetime, StaffId]] = field(default_factory=dict)
    overridden: set[str] = field(default_factory=set)
    barred: set[StaffId] = field(default_factory=set)
    confirmed: dict[ItemId, set[str]] = field(default_factory=dict)
    bounded: set[NoticeId] = field(default_factory=set)
    beyond: set[SignalId] = field(default_factory=set)
    asks: dict[AskId, Ask] = field(default_factory=dict)
    events: dict[EventId, Event] = field(default_factory=dict)
    orders: dict[OrderId, Order] = field(default_factory=dict)
    telling: Telling = field(default_factory=Telling)
    holds: dict[HoldId, Hold] = field(default_factory=dict)
    adopted: dict[ItemId, datetime] = field(default_factory=dict)
    undone: dict[ItemId, datetime] = field(default_factory=dict)

    @property
    def names_nobody(self) -> bool:
        """Tell whether the protected person is not known."""
        return self.person == UNKNOWN

    @property
    def rests_on_claims(self) -> bool:
        """Tell whether nothing but unverified notices speaks in it: what rests on them stays unnoticeable (L11)."""
        confirmed = any(notice.confirmed_at for notice in self.notices.values())
        # Closing it decided nothing against him: a later notice speaks as alone as the first.
        said = self.signals or self.acts_recorded or any(not held.is_default for held in self.held.values())
        return not said and not confirmed and not self.verified

    @property
    def verified(self) -> dict[str, datetime]:
        """When each event and order of the case was called back; what two people found void is left out."""
        claims: list[tuple[str, Event | Order]] = [*self.events.items(), *self.orders.items()]
        found = [(name, one.verified_at) for name, one in claims if name not in self.refuted]
        return {name: at for name, at in found if at is not None}

    def binding(self, clause: Clause | None = None) -> list[Order]:
        """Return the orders in force, or those with a clause: called back, not ended, not found void."""
        found = [one for name, one in self.orders.items() if name in self.verified and one.ended_at is None]
        return [one for one in found if clause is None or clause in one.fact.clauses]

    @property
    def evidence(self) -> tuple[str, ...]:
        """Every id that a signer must have opened: signals, notices, dissents, outside events, orders."""
        return (*self.signals, *self.notices, *self.dissents, *self.events, *self.orders)

    def running(self, kind: DeadlineKind) -> Deadline | None:
        """Return the running deadline of a kind that falls due first."""
        found = [one for one in self.deadlines.values() if one.kind is kind and one.is_running]
        return min(found, key=lambda one: one.due, default=None)

    def live(self) -> Iterator[Held]:
        """Yield the items that no decision and no lift has named."""
        return (held for held in self.held.values() if held.is_live)

    def live_defaults(self) -> Iterator[Held]:
        """Yield the armed defaults that still stand, due or not."""
        return (held for held in self.live() if held.is_default)


@dataclass(slots=True, kw_only=True)
class Link:
    """A link to another account; `withdrawals` count like a lift, once the last is inside a signed checkpoint."""

    id: LinkId
    other: SubjectId
    strong: bool
    at: datetime
    identifiers: tuple[str, ...]
    confirmed: bool = False
    withdrawals: list[Recorded] = field(default_factory=list)

    @property
    def withdrawal(self) -> Recorded | None:
        """Return the entry with which the withdrawal is complete, None where the link stands."""
        return self.withdrawals[-1] if self.withdrawals else None


@dataclass(slots=True, kw_only=True)
class Subject:
    """One account: its cases, its links, what it could use, and what it was served."""

    id: SubjectId
    seq: int = 0
    found: bool = False
    party: Party = Party.UNKNOWN
    tenant: SubjectId | None = None
    links: dict[LinkId, Link] = field(default_factory=dict)
    cases: dict[CaseId, Case] = field(default_factory=dict)
    frozen: EntitlementsFrozen | None = None
    exposures: list[tuple[datetime, ExposureSealed]] = field(default_factory=list)
    gaps: list[ExposureGap] = field(default_factory=list)
    raise_refused_by: list[ActorId] = field(default_factory=list)

    @property
    def is_tenant(self) -> bool:
        """Tell whether many people stand behind it: what is known of one of them says nothing of the others."""
        return self.party in (Party.API_KEY, Party.ORGANISATION)

    @property
    def is_frozen(self) -> bool:
        """Tell whether what it may use is held as it was at opening.

        A freeze can be felt, so a notice alone does not bring one about; once more is known, it is the one of the
        opening that holds, whatever was bought since (L11, F4).
        """
        return any(case.is_open and not case.rests_on_claims for case in self.cases.values())

    @property
    def has_open_case(self) -> bool:
        """Tell whether any case of this account is open."""
        return any(case.is_open for case in self.cases.values())


@dataclass(slots=True)
class Files:
    """The subjects locked for one act, with all their cases. A holder is a connected component within them."""

    subjects: dict[SubjectId, Subject] = field(default_factory=dict)

    def subject(self, subject: SubjectId) -> Subject:
        """Return an account's file, an empty one where nothing was ever recorded."""
        if subject not in self.subjects:
            self.subjects[subject] = Subject(id=subject)
        return self.subjects[subject]

    def case(self, case: CaseId) -> Case:
        """Return a loaded case. Raise `KeyError` where it is not among the locked files."""
        for subject in self.subjects.values():
            if case in subject.cases:
                return subject.cases[case]
        raise KeyError(case)

    def cases(self) -> Iterator[Case]:
        """Yield every loaded case, in a fixed order."""
        for subject in sorted(self.subjects):
            yield from self.subjects[subject].cases.values()

    def holder(self, subject: SubjectId) -> tuple[Subject, ...]:
        """Return the connected component of strong links around an account, itself first (L2).

        A withdrawn link no longer ties files together; what is in force over it goes on until the withdrawal is inside
        a signed checkpoint, which is `standing`'s to see.
        """
        found = [self.subject(subject)]
        seen = {subject}
        for account in found:
            for link in account.links.values():
                if (link.strong or link.confirmed) and link.withdrawal is None and link.other not in seen:
                    seen.add(link.other)
                    found.append(self.subject(link.other))
        return tuple(found)

    def holder_cases(self, subject: SubjectId) -> Iterator[Case]:
        """Yield the cases of the whole holder."""
        for account in self.holder(subject):
            yield from account.cases.values()
