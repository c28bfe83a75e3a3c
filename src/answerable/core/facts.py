"""The closed union of facts: everything that can ever be said to have happened.

A fact is past tense, passive of blame, and holds only tokens, enums, numbers and commitments (L7, L8, DESIGN section 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import ClassVar, NewType

from answerable_gate import Standing

SubjectId = NewType("SubjectId", str)
PersonId = NewType("PersonId", str)
CaseId = NewType("CaseId", str)
NoticeId = NewType("NoticeId", str)
SignalId = NewType("SignalId", str)
DeadlineId = NewType("DeadlineId", str)
ItemId = NewType("ItemId", str)
DecisionId = NewType("DecisionId", str)
ProposalId = NewType("ProposalId", str)
LinkId = NewType("LinkId", str)
StaffId = NewType("StaffId", str)
ActorId = NewType("ActorId", str)
ActId = NewType("ActId", str)
StreamId = NewType("StreamId", str)
TextRef = NewType("TextRef", str)
"""The token of a sealed text in the vault; the fact carries its commitment beside it where a court may ask for it."""

SYSTEM = StreamId("system")
UNKNOWN = PersonId("unknown")
THE_PUBLIC = PersonId("the_public")
THE_SUBJECT = PersonId("the_subject")
AUTOMATIC = ActorId("automatic")


class Hazard(StrEnum):
    """What kind of harm the evidence points to; it chooses the play (DESIGN section 5)."""

    STALKING = "stalking"
    THREAT = "threat"
    INTIMATE_IMAGES = "intimate_images"
    IMPERSONATION = "impersonation"
    MASS_CASUALTY = "mass_casualty"
    SELF_HARM = "self_harm"
    CRISIS = "crisis"
    PSYCHOSIS = "psychosis"
    OTHER = "other"


class Tier(IntEnum):
    """How urgent a case is; the smaller number is the more urgent one."""

    CRITICAL = 1
    SERIOUS = 2
    CONCERN = 3


class Grade(IntEnum):
    """How far evidence may go by itself (DESIGN section 5, L13)."""

    E0 = 0
    E1 = 1
    E2 = 2
    E3 = 3


class Role(StrEnum):
    """What a member of staff is; commercial roles never decide (R12)."""

    REVIEWER = "reviewer"
    LEAD = "lead"
    EXECUTIVE = "executive"
    PARTNER = "partner"
    COMMERCIAL = "commercial"


class DeadlineKind(StrEnum):
    """What is owed by a deadline."""

    LOOK = "look"
    DECIDE = "decide"
    ANSWER = "answer"
    REFER = "refer"
    DEFAULT_REVIEW = "default_review"
    MEASURE_REVIEW = "measure_review"


class LookBackResult(StrEnum):
    """What the look-back into retained history gave; never "nothing" for what was not read (L10)."""

    FOUND = "found"
    NOTHING = "nothing"
    NOT_KNOWN = "not_known"


class SignalKind(StrEnum):
    """Who or what raised a signal: a vendor's flag, a rule here, a trajectory, or a look-back into history."""

    FLAG = "flag"
    RULE = "rule"
    TRAJECTORY = "trajectory"
    LOOK_BACK = "look_back"


class LoweringKind(StrEnum):
    """What a proposal would lower (L4)."""

    LIFT = "lift"
    RETIER = "retier"
    CLOSE = "close"
    WITHDRAW_LINK = "withdraw_link"
    REFUTE = "refute"


class Outcome(StrEnum):
    """What an answer in writing says of a notice or a flag."""

    UPHELD = "upheld"
    NOT_UPHELD = "not_upheld"
    NOT_FOUND = "not_found"
    HARMLESS = "harmless"


class EndState(StrEnum):
    """How a case closed; an account is terminated, a case closes."""

    RESOLVED = "resolved"
    UNFOUNDED = "unfounded"
    NOT_FOUND = "not_found"
    HANDED_TO_AUTHORITY = "handed_to_authority"
    DORMANT = "dormant"


# --- system stream ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffEnrolled:
    """A person may act from here on; the name is only a commitment, the role decides what the person may do."""

    stream: ClassVar[str] = "system"
    staff: StaffId
    role: Role
    duty: bool
    superior: StaffId | None
    commit: str
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffLeft:
    """A person may no longer act."""

    stream: ClassVar[str] = "system"
    staff: StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAdopted:
    """A policy version came into force, signed by two."""

    stream: ClassVar[str] = "system"
    version: str
    digest: str
    signed_by: tuple[StaffId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSuspected:
    """A reader was offered a time too far off its own and did not adopt it (DESIGN section 6)."""

    stream: ClassVar[str] = "system"
    reader: str
    offered: datetime


# --- subject stream --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSeen:
    """An account came to be known here under a random token; `found` is false while only a notice speaks of it."""

    stream: ClassVar[str] = "subject"
    subject: SubjectId
    commit: str
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementsFrozen:
    """What the account could use when its case opened; None is not known, and not frozen (L10)."""

    stream: ClassVar[str] = "subject"
    subject: SubjectId
    case: CaseId
    models: tuple[str, ...] | None
    tools: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementRaiseRefused:
    """Somebody raised the plan of an account with an open case; the gate goes on with what was frozen (R1, F4)."""

    stream: ClassVar[str] = "subject"
    subject: SubjectId
    models: tuple[str, ...] | None
    tools: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsLinked:
    """Two accounts appear to be one person's; written to both streams. Nothing is merged."""

    stream: ClassVar[str] = "subject"
    subject: SubjectId
    other: SubjectId
    link: LinkId
    strong: bool
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfirmed:
    """A person confirmed a link; from here on standing joins fully."""

    stream: ClassVar[str] = "subject"
    subject: SubjectId
    other: SubjectId
    link: LinkId


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkWithdrawn:
    """A link was withdrawn through the interlock (L4); written to both streams."""

    stream: ClassVar[str] = "subject"
    subject: SubjectId
    other: SubjectId
    link: LinkId
    proposal: ProposalId


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureSealed:
    """A block of exchanges of this account was sealed: `root` is the Merkle root over their rows, in order of arrival."""

    stream: ClassVar[str] = "subject"
    subject: SubjectId
    root: str
    exchanges: int
    served: int
    looser: int
    tokens: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureGap:
    """Exchanges in this span may have been served without a record here (L18)."""

    stream: ClassVar[str] = "subject"
    subject: SubjectId
    since: datetime
    until: datetime
    reason: str


# --- case stream -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened:
    """One subject and one protected person now have a case, under the policy version in force."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    person: PersonId
    hazard: Hazard
    tier: Tier
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonNamed:
    """A notice named the protected person of a case that knew none."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardAdded:
    """Evidence pointed to a further hazard in the same case."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    hazard: Hazard


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReopened:
    """New evidence reopened a closed case; never a second case for the pair."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    tier: Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAssigned:
    """One named person is answerable from here on."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    owner: StaffId
    deputy: StaffId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated:
    """A missed look went up one rung: the page goes to this person, for ever, until somebody looks."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    to: StaffId
    rung: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRaised:
    """The case became more urgent; it becomes less urgent only through the interlock."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    tier: Tier
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLowered:
    """Two people made the case less urgent (L4)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    tier: Tier
    proposal: ProposalId


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyApplied:
    """A newer policy version reached a running case; limits may only have become shorter (L3)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRaised:
    """A machine said something about an exchange or a trajectory: opinion, with its source, model and version.

    `act` says that the subject's own text held an act, `identified` that it held a real person by more than a first
    name (L13); `score` is in thousandths, None where the source gives none; `label` is the source's, verbatim, and
    `label_text` stands for one that is not `[\\x21-\\x7e]{1,64}`.
    """

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    signal: SignalId
    kind: SignalKind
    source: str
    model: str
    version: str
    label: str | None
    label_text: TextRef | None
    hazard: Hazard
    score: int | None
    gravest: bool
    act: bool
    identified: bool
    conversation: str | None
    evidence: TextRef | None
    seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAnswered:
    """A person answered a flag in writing; it counts again with a new notice."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    signal: SignalId
    outcome: Outcome
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeReceived:
    """A person warned. The answer is owed to this notice, whatever becomes of the case (L5).

    `repeats` names an earlier notice with the same text; `barred` are members of staff whom the reporter named or
    who match an identifier of subject or reporter (L6).
    """

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    notice: NoticeId
    reporter: PersonId
    person: PersonId
    hazard: Hazard
    danger_now: bool
    minor_at_risk: bool
    text: TextRef
    commit: str
    repeats: NoticeId | None
    barred: tuple[StaffId, ...]
    seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeWithdrawn:
    """The reporter took a notice back; no clock stops for it (L3)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    notice: NoticeId


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeConfirmed:
    """A verified partner (shelter, lawyer, police by call-back) confirmed a notice: E2."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    notice: NoticeId
    partner: StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesCrossed:
    """Reporter and subject have each warned about the other; order of arrival carries no rank (L13)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    notice: NoticeId
    other: CaseId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySent:
    """Somebody wrote to the reporter without deciding anything; no clock stops for it (L3, F11)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    notice: NoticeId
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeAnswered:
    """The notice has its reasoned answer."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    notice: NoticeId
    outcome: Outcome
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLapsed:
    """The answer was not given in time; the factual, signed answer goes out by itself (L5)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    notice: NoticeId
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRefuted:
    """Two people found evidence void (wrong account, wrong text, recalled source); it never counts again."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    evidence: str
    signed_by: tuple[StaffId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRecorded:
    """A reviewer recorded the act after opening it: E3."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    evidence: str
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class LookBackStarted:
    """A notice made the system look back; until it ended it arms nothing more."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    notice: NoticeId


@dataclass(frozen=True, slots=True, kw_only=True)
class LookBackEnded:
    """What retained history gave."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    notice: NoticeId
    result: LookBackResult
    messages: int
    not_screened: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectsBounded:
    """The hourly bound of automatic effects was reached: code, clock and answer stand, nothing is armed, it pages."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    notice: NoticeId


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineSet:
    """Something is owed by `due`; `about` is the notice or item it is owed for."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    deadline: DeadlineId
    kind: DeadlineKind
    due: datetime
    about: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineMissed:
    """A deadline passed unmet."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    deadline: DeadlineId
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultArmed:
    """From `due` on, unless a decision comes first, this standing is in force at every gate by itself (L1).

    One level, fixed by the grade of this moment and frozen with the policy version; nothing edits it.
    """

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    item: ItemId
    standing: Standing
    due: datetime
    tier: Tier
    grade: Grade
    policy: str
    by_notice: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultTookEffect:
    """The record of what the gates did at `effective`; once due, for ever due."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    item: ItemId
    effective: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseViewed:
    """A person opened the file, for a purpose, and saw these items: from here on that person knew (L6)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    staff: StaffId
    purpose: str
    opened: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTaken:
    """A named person decided; `settles` are the armed defaults that the measure takes the place of."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    decision: DecisionId
    staff: StaffId
    settles: tuple[ItemId, ...]
    reason: TextRef
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSet:
    """A measure is in force from its entry on; it has no end by time, only a review (L4)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    item: ItemId
    standing: Standing
    staff: StaffId
    scope: str
    proportionality: TextRef | None
    review: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureConfirmed:
    """A gate said that it holds the item: decided, in force and confirmed are three facts (L9)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    item: ItemId
    gate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweringProposed:
    """One person proposed to lower something; nothing is lowered by it (L4). `to` is what would remain."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    proposal: ProposalId
    kind: LoweringKind
    staff: StaffId
    to: Standing
    tier: Tier | None
    end: EndState | None
    link: LinkId | None
    evidence: str | None
    reason: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class CountersignerDrawn:
    """The system drew the second person."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    proposal: ProposalId
    staff: StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalSigned:
    """A person signed a proposal on exactly this evidence; `waives` asks that the cooling-off be waived."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    proposal: ProposalId
    staff: StaffId
    digest: str
    waives: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureLifted:
    """The lift itself: these items no longer count once this entry is inside a signed checkpoint."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    proposal: ProposalId | None
    lifts: tuple[ItemId, ...]
    staff: tuple[StaffId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftVoided:
    """A flag and a notice met: the past lift under this proposal is void and its flags are open again (F12)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    proposal: ProposalId


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRefused:
    """Somebody tried something that the laws refuse; the attempt is part of the record (R1)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    staff: StaffId
    verb: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dissented:
    """A member of staff disagreed in writing; it is evidence, and stales a proposal (F22)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    dissent: str
    staff: StaffId
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Overridden:
    """A named senior overrode a dissent, with a reason; a second look is owed within 72 h (R12)."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    dissent: str
    staff: StaffId
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed:
    """The case closed; measures set by people stay in force."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
    end: EndState
    proposal: ProposalId | None
    sampled: bool


SystemFact = StaffEnrolled | StaffLeft | PolicyAdopted | ClockSuspected
SubjectFact = (
    SubjectSeen | EntitlementsFrozen | EntitlementRaiseRefused | AccountsLinked | LinkConfirmed | LinkWithdrawn
    | ExposureSealed | ExposureGap
)
CaseFact = (
    CaseOpened | PersonNamed | HazardAdded | CaseReopened | CaseAssigned | Escalated | TierRaised | TierLowered
    | PolicyApplied | SignalRaised | SignalAnswered | NoticeReceived | NoticeWithdrawn | NoticeConfirmed
    | NoticesCrossed | ReplySent | NoticeAnswered | AnswerLapsed | EvidenceRefuted | ActRecorded | LookBackStarted
    | LookBackEnded | EffectsBounded | DeadlineSet | DeadlineMissed | DefaultArmed | DefaultTookEffect | CaseViewed
    | DecisionTaken | MeasureSet | MeasureConfirmed | LoweringProposed | CountersignerDrawn | ProposalSigned
    | MeasureLifted | LiftVoided | ActRefused | Dissented | Overridden | CaseClosed
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
    match fact.stream:
        case "system":
            return SYSTEM
        case "subject":
            return StreamId(f"subject:{fact.subject}")  # type: ignore[union-attr]
        case _:
            return StreamId(f"case:{fact.case}")  # type: ignore[union-attr]
