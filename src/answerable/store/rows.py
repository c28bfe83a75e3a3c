"""The read tables, as functions of facts: what one append changes in them, and what they hold over all facts.

Law L7: `tables_of(all facts)` is what every store's tables hold, however it came there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import get_args

from answerable.core import facts as f
from answerable.core.cases import Case, Files
from answerable.core.fold import evolve
from answerable.core.lapses import next_wake
from answerable.core.standing import case_yardstick
from answerable.store.protocol import CaseRow
from answerable_gate import NOTHING

LOOK_BACK_LIMIT = timedelta(minutes=10)
"""The longest a policy gives a look-back (DESIGN section 5); by then somebody has to look whether it ended."""

QUIET = frozenset({
    f.HelpdeskRefused,
    f.PartyKnown, f.TenantAsked, f.TenantReceived, f.TenantAnswered,
    f.SubjectSeen, f.EntitlementRaiseRefused, f.ExposureSealed, f.ExposureGap, f.PersonNamed, f.HazardAdded,
    f.CaseAssigned, f.Escalated, f.TierRaised, f.TierLowered, f.PolicyApplied, f.SignalRaised, f.SignalAnswered,
    f.NoticeReceived, f.NoticeWithdrawn, f.NoticeConfirmed, f.NoticesCrossed, f.ReplySent, f.NoticeAnswered,
    f.AnswerLapsed, f.EvidenceRefuted, f.ActRecorded, f.LookBackStarted, f.LookBackEnded, f.EffectsBounded,
    f.DeadlineSet, f.DeadlineMissed, f.DefaultTookEffect, f.CaseViewed, f.MeasureConfirmed, f.LoweringProposed,
    f.CountersignerDrawn, f.ProposalSigned, f.LiftVoided, f.ActRefused, f.Dissented, f.Overridden, f.MeasureLifted,
    f.LinkWithdrawn, f.AdoptionUndone, f.HoldOrdered, f.HoldConfirmed, f.HoldUnconfirmed, f.HoldUpheld, f.HoldLapsed,
    *(set(get_args(f.OutsideFact)) - {f.OutsideEventVerified, f.OrderVerified}),
})  # fmt: skip
"""Facts that change no entry at once. Every other one does, so a fact that nobody thought of here reaches the gates."""

RELEASES = (f.MeasureLifted, f.LinkWithdrawn, f.DefaultStepped)
"""Facts after which an entry differs once a checkpoint holds them."""

ASIDE = (f.ClockSuspected, f.VendorNoticed, f.VendorNoticeUnread, f.GateLost, f.GateFound)
"""Facts of the system stream by which no act decides what it may."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
LATEST = 2**63 - 1
HASH_BYTES = 32

Table = list[tuple[object, ...]]


def micros(at: datetime) -> int:
    """Return a time as microseconds since 1970, the way tables hold and compare it."""
    return (at - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """Return the time that `micros` wrote."""
    return _EPOCH + at * _MICROSECOND


def case_row(case: Case) -> CaseRow:
    """Return a case as the lists show it."""
    decide = case.running(f.DeadlineKind.DECIDE)
    return CaseRow(
        case=case.id,
        subject=case.subject,
        person=case.person,
        tier=case.tier.value,
        is_open=case.is_open,
        owner=case.owner,
        deputy=case.deputy,
        opened_at=case.opened_at,
        decide_due=decide.due if decide else None,
        wake_at=next_wake(case, look_back_limit=LOOK_BACK_LIMIT),
        yardstick=case_yardstick(case).level.value,
        barred=tuple(sorted(case.barred)),
        policy=case.policies[-1],
    )


def place(row: CaseRow) -> tuple[bool, int, int, str]:
    """Return a case's place in the queue: open first, then the more urgent, then the sooner due."""
    return not row.is_open, row.tier, LATEST if row.decide_due is None else micros(row.decide_due), row.case


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """An entry on its way into the tree; `subject` is None in the system stream.

    `end` is where its subject's facts end with it. `nodes` are the inner nodes that it completes, the lowest first, 32
    bytes each: they are kept beside it. Where the tree is grown later, `index` is None and there are no nodes yet.
    """

    index: int | None
    subject: f.SubjectId | None
    stream: f.StreamId
    seq: int
    end: int
    at: datetime
    nodes: bytes
    data: bytes


def inner_place(level: int, index: int) -> tuple[int, int]:
    """Return the leaf that completes an inner node, and where the node's hash begins among that leaf's nodes."""
    return ((index + 1) << level) - 1, (level - 1) * HASH_BYTES


@dataclass(slots=True, kw_only=True)
class Delta:
    """Everything that one append changes; a store writes it down and decides nothing.

    A case's row comes with the one that is stored, where that is known. A look-back that is None has ended; an effect
    that is known stays as it is; `bumped` is in the order of the feed. `rules` tells that staff or policy change, by
    which every act decides what it may.
    """

    high_water: datetime
    rules: bool = False
    leaves: list[Leaf] = field(default_factory=list)
    cases: list[tuple[CaseRow, CaseRow | None]] = field(default_factory=list)
    look_backs: dict[tuple[f.CaseId, f.NoticeId], tuple[f.SubjectId, datetime] | None] = field(default_factory=dict)
    effects: dict[tuple[f.ActId, f.CaseId], datetime] = field(default_factory=dict)
    releasing: list[Leaf] = field(default_factory=list)
    bumped: list[f.SubjectId] = field(default_factory=list)


def note(delta: Delta, recorded: f.Recorded, leaf: Leaf) -> None:
    """Note in a delta what one placed fact changes by itself, apart from its case's row."""
    fact = recorded.fact
    match fact:
        case f.LookBackStarted():
            delta.look_backs[fact.case, fact.notice] = (fact.subject, recorded.at)
        case f.LookBackEnded():
            delta.look_backs[fact.case, fact.notice] = None
        case f.DefaultArmed() if is_effect(fact):
            delta.effects.setdefault((recorded.act, fact.case), recorded.at)
        case f.MeasureLifted() | f.LinkWithdrawn() | f.DefaultStepped():
            delta.releasing.append(leaf)
        case _:
            pass


def is_effect(fact: f.DefaultArmed) -> bool:
    """Tell whether the hourly bound counts this default (L13)."""
    return fact.by_notice and fact.standing != NOTHING


# --- the whole of the tables, for L7 ---------------------------------------------------------------------------


def case_tuple(row: CaseRow) -> tuple[object, ...]:
    """Return a case's row as tables hold it."""
    return (
        row.case,
        row.subject,
        row.person,
        row.tier,
        int(row.is_open),
        row.owner,
        row.deputy,
        micros(row.opened_at),
        None if row.decide_due is None else micros(row.decide_due),
        None if row.wake_at is None else micros(row.wake_at),
        row.yardstick,
        " ".join(row.barred),
        row.policy,
    )


def tables_of(recorded: Iterable[f.Recorded]) -> dict[str, Table]:
    """Return the tables as the facts of a whole record, in the order of its tree, make them."""
    files = Files()
    effects: dict[tuple[str, str], int] = {}
    releasing: Table = []
    for one in recorded:
        if isinstance(one.fact, f.SystemFact):
            continue
        assert one.index is not None, "the facts of a record have their indexes"
        evolve(files, one)
        if isinstance(one.fact, f.DefaultArmed) and is_effect(one.fact):
            effects.setdefault((one.act, one.fact.case), micros(one.at))
        if isinstance(one.fact, RELEASES):
            releasing.append((one.index, one.fact.subject))
    cases = list(files.cases())
    return {
        "cases": in_order(case_tuple(case_row(case)) for case in cases),
        "look_backs": in_order(row for case in cases for row in _look_backs(case)),
        "effects": in_order((*key, at) for key, at in effects.items()),
        "releasing": in_order(releasing),
    }


def _look_backs(case: Case) -> Iterable[tuple[object, ...]]:
    return (
        (case.id, notice, case.subject, micros(one.started_at))
        for notice, one in case.look_backs.items()
        if one.result is None
    )


def in_order(rows: Iterable[tuple[object, ...]]) -> Table:
    """Return rows in the one order in which tables are compared."""
    # A row's key comes first and is unique, so the order is decided before an empty column is compared.
    return sorted(rows)
