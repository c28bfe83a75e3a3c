"""The words of the record: ids, enums and the names that stand for nobody in particular; one word per idea."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import ClassVar, NewType

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
RecallId = NewType("RecallId", str)
HoldId = NewType("HoldId", str)
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
    DEFAULT_STEP = "default_step"
    CALL_BACK = "call_back"
    MEASURE_REVIEW = "measure_review"
    TENANT = "tenant"


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


class DeskAction(StrEnum):
    """What support may be about to do for an account (F4, F25, F35)."""

    CHANGE_TIER = "change_tier"
    CHANGE_EMAIL = "change_email"
    CHANGE_GUARDIAN = "change_guardian"
    UNBAN = "unban"
    SEND_REENTRY_INSTRUCTIONS = "send_reentry_instructions"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSystem:
    """A fact of the one stream about staff, policies and clocks."""

    stream: ClassVar[str] = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSubject:
    """A fact of an account's stream."""

    stream: ClassVar[str] = "subject"
    subject: SubjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class OfCase:
    """A fact of a case's stream."""

    stream: ClassVar[str] = "case"
    subject: SubjectId
    case: CaseId
