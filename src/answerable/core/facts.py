"""The closed union of facts: everything that can ever be said to have happened.

A fact is past tense, passive of blame, and holds only tokens, enums, numbers and commitments (L7, L8).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from answerable.core.accounts import (
    AccountsLinked,
    EntitlementRaiseRefused,
    EntitlementsFrozen,
    ExposureGap,
    ExposureSealed,
    HelpdeskRefused,
    LinkConfirmed,
    LinkWithdrawn,
    SubjectSeen,
)
from answerable.core.acts import (
    ActRefused,
    CaseClosed,
    CaseViewed,
    CountersignerDrawn,
    DecisionTaken,
    Dissented,
    LiftVoided,
    LoweringProposed,
    MeasureConfirmed,
    MeasureLifted,
    MeasureSet,
    Overridden,
    ProposalSigned,
)
from answerable.core.kept import (
    GateFound,
    GateLost,
    HoldConfirmed,
    HoldLapsed,
    HoldOrdered,
    HoldUnconfirmed,
    HoldUpheld,
)
from answerable.core.outside import (
    AttemptNoticesAsked,
    AttemptNoticesEnded,
    AttemptsRefused,
    Authority,
    Clause,
    ClauseExecuted,
    DigestPlanned,
    DigestSent,
    EventId,
    EventKind,
    Found,
    OrderEnded,
    OrderId,
    OrderReceived,
    OrderShown,
    OrderVerified,
    OutsideEventReported,
    OutsideEventVerified,
    OutsideFact,
)
from answerable.core.reports import (
    ActRecorded,
    AdoptionUndone,
    AnswerLapsed,
    EffectsBounded,
    EvidenceRefuted,
    LookBackEnded,
    LookBackStarted,
    MeasureAdopted,
    NoticeAnswered,
    NoticeConfirmed,
    NoticeReceived,
    NoticesCrossed,
    NoticeWithdrawn,
    ReplySent,
    SignalAnswered,
    SignalRaised,
    VendorNoticed,
    VendorNoticeUnread,
)
from answerable.core.sourced import (
    RecallProposed,
    RecallSigned,
    SourceConfirmed,
    SourceFact,
    SourceFlooded,
    SourceRecalled,
)
from answerable.core.tenanted import (
    AskId,
    Named,
    Party,
    PartyKnown,
    TenantAnswered,
    TenantAsked,
    TenantFact,
    TenantReceived,
)
from answerable.core.words import (
    AUTOMATIC,
    SYSTEM,
    THE_PUBLIC,
    THE_SUBJECT,
    UNKNOWN,
    ActId,
    ActorId,
    CaseId,
    DeadlineId,
    DeadlineKind,
    DecisionId,
    DeskAction,
    EndState,
    Grade,
    Hazard,
    HoldId,
    ItemId,
    LinkId,
    LookBackResult,
    LoweringKind,
    NoticeId,
    OfCase,
    OfSubject,
    OfSystem,
    Outcome,
    PersonId,
    ProposalId,
    RecallId,
    Role,
    SignalId,
    SignalKind,
    StaffId,
    StreamId,
    SubjectId,
    TextRef,
    Tier,
)
from answerable_gate import Standing

__all__ = [
    "AUTOMATIC", "SYSTEM", "THE_PUBLIC", "THE_SUBJECT", "UNKNOWN", "AccountsLinked", "ActId", "ActRecorded",
    "ActRefused", "ActorId", "AdoptionUndone", "AnswerLapsed", "AskId", "AttemptNoticesAsked", "AttemptNoticesEnded",
    "AttemptsRefused", "Authority", "CaseAssigned", "CaseClosed", "CaseFact", "CaseId", "CaseOpened", "CaseReopened",
    "CaseViewed", "Clause", "ClauseExecuted", "ClockSuspected", "CountersignerDrawn", "DeadlineId", "DeadlineKind",
    "DeadlineMissed", "DeadlineSet", "DecisionId", "DecisionTaken", "DefaultArmed", "DefaultStepped",
    "DefaultTookEffect", "DeskAction", "DigestPlanned", "DigestSent", "Dissented", "EffectsBounded", "EndState",
    "EntitlementRaiseRefused", "EntitlementsFrozen", "Escalated", "EventId", "EventKind", "EvidenceRefuted",
    "ExposureGap", "ExposureSealed", "Fact", "Found", "GateFound", "GateLost", "Grade", "Hazard", "HazardAdded",
    "HelpdeskRefused", "HoldConfirmed", "HoldId", "HoldLapsed", "HoldOrdered", "HoldUnconfirmed", "HoldUpheld",
    "ItemId", "LiftVoided", "LinkConfirmed", "LinkId", "LinkWithdrawn", "LookBackEnded", "LookBackResult",
    "LookBackStarted", "LoweringKind", "LoweringProposed", "MeasureAdopted", "MeasureConfirmed", "MeasureLifted",
    "MeasureSet", "Named", "NoticeAnswered", "NoticeConfirmed", "NoticeId", "NoticeReceived", "NoticeWithdrawn",
    "NoticesCrossed", "OfCase", "OfSubject", "OfSystem", "OrderEnded", "OrderId", "OrderReceived", "OrderShown",
    "OrderVerified", "Outcome", "OutsideEventReported", "OutsideEventVerified", "OutsideFact", "Overridden", "Party",
    "PartyKnown", "PersonId", "PersonNamed", "PolicyAdopted", "PolicyApplied", "ProposalId", "ProposalSigned",
    "RecallId", "RecallProposed", "RecallSigned", "Recorded", "Refused", "ReplySent", "Role", "SignalAnswered",
    "SignalId", "SignalKind", "SignalRaised", "SourceConfirmed", "SourceFact", "SourceFlooded", "SourceRecalled",
    "StaffEnrolled", "StaffId", "StaffLeft", "StreamId", "SubjectFact", "SubjectId", "SubjectSeen", "SystemFact",
    "TenantAnswered", "TenantAsked", "TenantFact", "TenantReceived", "TextRef", "Tier", "TierLowered", "TierRaised",
    "VendorNoticeUnread", "VendorNoticed", "stream_of",
]


# --- system stream ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffEnrolled(OfSystem):
    """A person may act from here on; the name is only a commitment, the role decides what the person may do."""

    staff: StaffId
    role: Role
    duty: bool
    superior: StaffId | None
    commit: str
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffLeft(OfSystem):
    """A person may no longer act."""

    staff: StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAdopted(OfSystem):
    """A policy version came into force: these two signed it, each with a token of his own."""

    version: str
    digest: str
    signed_by: tuple[StaffId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSuspected(OfSystem):
    """A reader was offered a time too far off its own and did not adopt it (DESIGN section 6)."""

    reader: str
    offered: datetime


# --- case stream -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened(OfCase):
    """One subject and one protected person now have a case, under the policy version in force."""

    person: PersonId
    hazard: Hazard
    tier: Tier
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonNamed(OfCase):
    """A notice named the protected person of a case that knew none."""

    person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardAdded(OfCase):
    """Evidence pointed to a further hazard in the same case."""

    hazard: Hazard


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReopened(OfCase):
    """New evidence reopened a closed case; never a second case for the pair."""

    tier: Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAssigned(OfCase):
    """One named person is answerable from here on."""

    owner: StaffId
    deputy: StaffId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated(OfCase):
    """A missed look went up one rung: the page goes to this person, for ever, until somebody looks."""

    to: StaffId
    rung: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRaised(OfCase):
    """The case became more urgent; it becomes less urgent only through the interlock."""

    tier: Tier
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLowered(OfCase):
    """Two people made the case less urgent (L4)."""

    tier: Tier
    proposal: ProposalId


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyApplied(OfCase):
    """A newer policy version reached a running case; limits may only have become shorter (L3)."""

    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineSet(OfCase):
    """Something is owed by `due`; `about` is the notice or item it is owed for."""

    deadline: DeadlineId
    kind: DeadlineKind
    due: datetime
    about: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineMissed(OfCase):
    """A deadline passed unmet."""

    deadline: DeadlineId
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultArmed(OfCase):
    """From `due` on, unless a decision comes first, this standing is in force at every gate by itself (L1).

    One level, fixed by the grade of this moment and frozen with the policy version; nothing edits it. `review` is by
    when a person looks at it once it is in force: whoever is refused is told this date.
    """

    item: ItemId
    standing: Standing
    due: datetime
    review: datetime
    tier: Tier
    grade: Grade
    policy: str
    by_notice: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultTookEffect(OfCase):
    """The record of what the gates did at `effective`; once due, for ever due."""

    item: ItemId
    effective: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultStepped(OfCase):
    """A default that nobody reviewed fell one level, as the two who signed its policy had agreed (DESIGN section 5).

    `lifts` no longer count once this entry is sealed; `item` takes their place, in force from this entry on.
    """

    item: ItemId
    lifts: tuple[ItemId, ...]
    standing: Standing
    signed_by: tuple[StaffId, ...]


SystemFact = (
    StaffEnrolled | StaffLeft | PolicyAdopted | ClockSuspected | SourceFact | VendorNoticed | VendorNoticeUnread
    | GateLost | GateFound
)
SubjectFact = (
    SubjectSeen | EntitlementsFrozen | EntitlementRaiseRefused | AccountsLinked | LinkConfirmed | LinkWithdrawn
    | ExposureSealed | ExposureGap | HelpdeskRefused | PartyKnown
)
CaseFact = (
    CaseOpened | PersonNamed | HazardAdded | CaseReopened | CaseAssigned | Escalated | TierRaised | TierLowered
    | PolicyApplied | SignalRaised | SignalAnswered | NoticeReceived | NoticeWithdrawn | NoticeConfirmed
    | NoticesCrossed | ReplySent | NoticeAnswered | AnswerLapsed | EvidenceRefuted | ActRecorded | LookBackStarted
    | LookBackEnded | EffectsBounded | DeadlineSet | DeadlineMissed | DefaultArmed | DefaultTookEffect | DefaultStepped
    | CaseViewed | DecisionTaken | MeasureSet | MeasureConfirmed | LoweringProposed | CountersignerDrawn
    | ProposalSigned | MeasureLifted | LiftVoided | ActRefused | Dissented | Overridden | CaseClosed | HoldOrdered
    | HoldConfirmed | HoldUnconfirmed | HoldUpheld | HoldLapsed
    | MeasureAdopted | AdoptionUndone
    | OutsideFact | TenantFact
)
Fact = SystemFact | SubjectFact | CaseFact


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A fact in its envelope: stream, place in the stream (from 1), when, by whom, in which act, and its leaf index.

    `index` is None until the entry is in the tree.
    """

    stream: StreamId
    seq: int
    at: datetime
    by: ActorId
    act: ActId
    fact: Fact
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """An expected refusal: returned, shown to people, never raised."""

    code: str
    reason: str


def stream_of(fact: Fact) -> StreamId:
    """Return the one stream that the fact belongs to."""
    if isinstance(fact, OfSystem):
        return SYSTEM
    if isinstance(fact, OfSubject):
        return StreamId(f"subject:{fact.subject}")
    return StreamId(f"case:{fact.case}")
