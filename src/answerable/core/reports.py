"""What was reported of a case: facts about signals, notices, their answers, and looks into history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from answerable.core.words import (
    CaseId,
    Hazard,
    ItemId,
    LookBackResult,
    NoticeId,
    OfCase,
    OfSystem,
    Outcome,
    PersonId,
    SignalId,
    SignalKind,
    StaffId,
    TextRef,
)
from answerable_gate import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRaised(OfCase):
    """A machine said something about an exchange or a trajectory: opinion, with its source, model and version.

    `act` says that the subject's own text held an act, `identified` that it held a real person by more than a first
    name (L13); `score` is in thousandths, None where the source gives none; `label` is the source's, verbatim, and
    `label_text` stands for one that is not `[\\x21-\\x7e]{1,64}`. `beyond` says that its source was flooding and that
    nothing else spoke of the account: it raises nobody until a person has confirmed the source.
    """

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
    beyond: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAnswered(OfCase):
    """A person answered a flag in writing; it counts again with a new notice."""

    signal: SignalId
    outcome: Outcome
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeReceived(OfCase):
    """A person warned. The answer is owed to this notice, whatever becomes of the case (L5).

    `repeats` names an earlier notice with the same text; `barred` are members of staff whom the reporter named or
    who match an identifier of subject or reporter (L6). `promised` is by when its reporter is told to expect an answer:
    by what the notice itself says, whatever else is known; the case's own clock is as soon, or sooner (L11).
    """

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
    promised: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeWithdrawn(OfCase):
    """The reporter took a notice back; no clock stops for it (L3)."""

    notice: NoticeId


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeConfirmed(OfCase):
    """A verified partner (shelter, lawyer, police by call-back) confirmed a notice: E2."""

    notice: NoticeId
    partner: StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesCrossed(OfCase):
    """Reporter and subject have each warned about the other; order of arrival carries no rank (L13)."""

    notice: NoticeId
    other: CaseId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySent(OfCase):
    """Somebody wrote to the reporter without deciding anything; no clock stops for it (L3, F11)."""

    notice: NoticeId
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeAnswered(OfCase):
    """The notice has its reasoned answer."""

    notice: NoticeId
    outcome: Outcome
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLapsed(OfCase):
    """The answer was not given in time; the factual, signed answer goes out by itself (L5)."""

    notice: NoticeId
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRefuted(OfCase):
    """Two people found evidence void (wrong account, wrong text, recalled source); it never counts again."""

    evidence: str
    signed_by: tuple[StaffId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRecorded(OfCase):
    """A reviewer recorded the act after opening it: E3."""

    evidence: str
    text: TextRef


@dataclass(frozen=True, slots=True, kw_only=True)
class LookBackStarted(OfCase):
    """A notice made the system look back; until it ended it arms nothing more."""

    notice: NoticeId


@dataclass(frozen=True, slots=True, kw_only=True)
class LookBackEnded(OfCase):
    """What retained history gave."""

    notice: NoticeId
    result: LookBackResult
    messages: int
    not_screened: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectsBounded(OfCase):
    """The hourly bound of automatic effects was reached: code, clock and answer stand, nothing is armed, it pages."""

    notice: NoticeId


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureAdopted(OfCase):
    """The operator's own systems had switched the account off and reported it; in force here from its entry on (L4).

    `source` is who reported, `label` its own word for the reason, `seen` when it says that it was done.
    """

    item: ItemId
    standing: Standing
    source: str
    hazard: Hazard
    label: str | None
    review: datetime
    seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionUndone(OfCase):
    """A source switched an account on again whose switch-off is held here; nothing is lowered by it (L4)."""

    items: tuple[ItemId, ...]
    source: str
    seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorNoticed(OfSystem):
    """A model vendor announced a notice of its own about somebody; what it says is read there under its `reference`."""

    vendor: str
    notice: str
    reference: str
    kind: str
    seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorNoticeUnread(OfSystem):
    """An announced notice could not be read for long: whom it is about is not known (L10)."""

    vendor: str
    notice: str
