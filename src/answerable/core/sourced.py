"""What came to be known of sources: facts of the system stream about floods, and about what a source took back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from answerable.core.words import CaseId, OfSystem, RecallId, StaffId, TextRef, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFlooded(OfSystem):
    """A source raised more than `bound` signals in an hour; until confirmed it raises nobody unknown by itself."""

    source: str
    bound: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfirmed(OfSystem):
    """A person found that what a source says in such numbers is meant; what was held back counts in full."""

    source: str
    staff: StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallProposed(OfSystem):
    """One person proposed to take back what one version of a source's model said in a span; nothing is lowered by it.

    The system drew the second person, and the cases that both have to read first.
    """

    recall: RecallId
    source: str
    model: str
    version: str
    since: datetime
    until: datetime
    staff: StaffId
    drawn: StaffId
    sample: tuple[CaseId, ...]
    reason: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallSigned(OfSystem):
    """One of the two, having read the sample, signed that what the machine said is void."""

    recall: RecallId
    staff: StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecalled(OfSystem):
    """What two people signed takes effect: cases of this tier, or less urgent, whose only evidence it was, are let go.

    Nothing else is: no case with a notice, with a person who is named or identified, or with anything that people did.
    """

    recall: RecallId
    source: str
    model: str
    version: str
    since: datetime
    until: datetime
    tier: Tier
    signed_by: tuple[StaffId, ...]


SourceFact = SourceFlooded | SourceConfirmed | RecallProposed | RecallSigned | SourceRecalled
