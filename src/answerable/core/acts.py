"""What people did in a case: facts about views, decisions, measures, lowerings, dissents and closings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from answerable.core.words import (
    DecisionId,
    EndState,
    ItemId,
    LinkId,
    LoweringKind,
    OfCase,
    ProposalId,
    StaffId,
    TextRef,
    Tier,
)
from answerable_gate import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseViewed(OfCase):
    """A person opened the file, for a purpose, and saw these items: from here on that person knew (L6)."""

    staff: StaffId
    purpose: str
    opened: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTaken(OfCase):
    """A named person decided; `settles` are the armed defaults that the measure takes the place of."""

    decision: DecisionId
    staff: StaffId
    settles: tuple[ItemId, ...]
    reason: TextRef
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSet(OfCase):
    """A measure is in force from its entry on; it has no end by time, only a review (L4).

    `proposal` is set where it is what a lift left over, and not a decision of its own.
    """

    item: ItemId
    standing: Standing
    staff: StaffId
    scope: str
    proportionality: TextRef | None
    review: datetime
    proposal: ProposalId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureConfirmed(OfCase):
    """A gate said that it holds the item: decided, in force and confirmed are three facts (L9)."""

    item: ItemId
    gate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweringProposed(OfCase):
    """One person proposed to lower something; nothing is lowered by it (L4). `to` is what would remain."""

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
class CountersignerDrawn(OfCase):
    """The system drew the second person."""

    proposal: ProposalId
    staff: StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalSigned(OfCase):
    """A person signed a proposal on exactly this evidence; `waives` asks that the cooling-off be waived."""

    proposal: ProposalId
    staff: StaffId
    digest: str
    waives: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureLifted(OfCase):
    """The lift itself: these items no longer count once this entry is inside a signed checkpoint.

    `proposal` is the case's own, or the recall of the source that the case rested on; None where one person closed it.
    """

    proposal: ProposalId | None
    lifts: tuple[ItemId, ...]
    staff: tuple[StaffId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftVoided(OfCase):
    """A flag and a notice met: a past lift is void and its flags are open again (F12).

    `proposal` is None where one person had closed the case alone.
    """

    proposal: ProposalId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRefused(OfCase):
    """Somebody tried something that the laws refuse; the attempt is part of the record (R1)."""

    staff: StaffId
    verb: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dissented(OfCase):
    """A member of staff disagreed in writing; it is evidence, and stales a proposal (F22)."""

    dissent: str
    staff: StaffId
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Overridden(OfCase):
    """A named senior overrode a dissent, with a reason; a second look is owed within 72 h (R12)."""

    dissent: str
    staff: StaffId
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed(OfCase):
    """The case closed; measures set by people stay in force."""

    end: EndState
    proposal: ProposalId | None
    sampled: bool
