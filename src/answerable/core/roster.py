"""Who may act: the fold of the system stream into staff, roles and adopted policy versions (R12, R28)."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from answerable.core.facts import (
    GateFound,
    GateLost,
    PolicyAdopted,
    RecallId,
    RecallProposed,
    RecallSigned,
    Recorded,
    Role,
    SourceConfirmed,
    SourceFlooded,
    SourceRecalled,
    StaffEnrolled,
    StaffId,
    StaffLeft,
    Tier,
)

DECIDING = frozenset({Role.REVIEWER, Role.LEAD, Role.EXECUTIVE, Role.PARTNER})
"""Roles that may decide and sign; commercial staff are never among them (R12)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """A recall of a source, who has signed it and when, and the most urgent tier that it has let go so far."""

    fact: RecallProposed
    at: datetime
    signed: tuple[tuple[StaffId, datetime], ...] = ()
    released: Tier | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """A span in which a gate may have served what stands in no row; `until` is None while it is lost."""

    gate: str
    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class Roster:
    """The people, policy versions and sources that the system stream has named so far; owned by its fold.

    `since` is when a person could first decide; leaving and coming back does not make anybody new. `floods` are the
    sources that flood and when that was last said, `confirmed` when a person last found that one means what it says.
    `lost` are spans of gates that fell silent.
    """

    staff: dict[StaffId, StaffEnrolled] = field(default_factory=dict)
    left: set[StaffId] = field(default_factory=set)
    since: dict[StaffId, datetime] = field(default_factory=dict)
    policies: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    signers: dict[str, tuple[StaffId, ...]] = field(default_factory=dict)
    floods: dict[str, datetime] = field(default_factory=dict)
    confirmed: dict[str, datetime] = field(default_factory=dict)
    recalls: dict[RecallId, Recall] = field(default_factory=dict)
    recalled: tuple[SourceRecalled, ...] = ()
    confirmations: int = 0
    lost: list[Lost] = field(default_factory=list)
    seq: int = 0

    def copied(self) -> Roster:
        """Return a roster that its owner may evolve."""
        return replace(self, **{one.name: copy(getattr(self, one.name)) for one in fields(self)})

    @property
    def policy(self) -> str:
        """The version in force. There is always one after genesis."""
        assert self.policies, "no policy was adopted: the record has no genesis"
        return self.policies[-1]

    def is_active(self, staff: StaffId) -> bool:
        """Tell whether the person is enrolled and has not left."""
        return staff in self.staff and staff not in self.left

    def may_decide(self, staff: StaffId) -> bool:
        """Tell whether the person may decide and sign."""
        return self.is_active(staff) and self.staff[staff].role in DECIDING

    def deciders(self) -> list[StaffId]:
        """Return everybody who may decide, in a fixed order."""
        return sorted(person for person in self.staff if self.may_decide(person))

    def superiors(self, staff: StaffId) -> list[StaffId]:
        """Return the chain above a person, nearest first; a loop in the data ends it."""
        chain: list[StaffId] = []
        above = self.staff[staff].superior if staff in self.staff else None
        while above is not None and above not in chain and above != staff:
            chain.append(above)
            above = self.staff[above].superior if above in self.staff else None
        return chain

    def are_in_one_line(self, one: StaffId, other: StaffId) -> bool:
        """Tell whether one of the two stands above the other."""
        return other in self.superiors(one) or one in self.superiors(other)

    def ranked(self) -> list[StaffId]:
        """Return who may own a case, first choice first: duty reviewers, then leads, then executives, then others."""
        return sorted(self.deciders(), key=lambda person: (self._rank(person), person))

    def owner(self, barred: frozenset[StaffId]) -> tuple[StaffId, StaffId | None] | None:
        """Choose owner and deputy among those who are not barred; None where nobody is left."""
        able = [person for person in self.ranked() if person not in barred]
        return (able[0], able[1] if len(able) > 1 else None) if able else None

    def _rank(self, staff: StaffId) -> int:
        person = self.staff[staff]
        if person.duty and person.role is Role.REVIEWER:
            return 0
        return {Role.LEAD: 1, Role.EXECUTIVE: 2, Role.REVIEWER: 3, Role.PARTNER: 4}[person.role]

    def partner(self, barred: frozenset[StaffId]) -> StaffId | None:
        """Return the outside approver who is told of what nobody inside has done, None where there is none."""
        partners = [one for one in self.deciders() if self.staff[one].role is Role.PARTNER and one not in barred]
        return partners[0] if partners else None

    def ladder(self, owner: StaffId, deputy: StaffId | None, barred: frozenset[StaffId]) -> list[StaffId]:
        """Return who is paged when nobody looks: owner, deputy, one lead, one executive; the last of them for ever.

        The nearest lead and executive above the owner come first; whoever is barred from the case is passed over.
        """
        above = [*self.superiors(owner), *self.deciders()]
        rungs = [owner, *([deputy] if deputy else [])]
        for role in (Role.LEAD, Role.EXECUTIVE):
            able = [p for p in above if self.may_decide(p) and self.staff[p].role is role]
            rungs += [p for p in able if p not in barred and p not in rungs][:1]
        return [person for person in rungs if person not in barred]


def evolve(roster: Roster, recorded: Recorded) -> None:
    """Fold one fact of the system stream into the roster."""
    assert recorded.seq == roster.seq + 1, "a fact of the system stream is missing"
    roster.seq = recorded.seq
    match recorded.fact:
        case StaffEnrolled(staff=staff):
            roster.staff[staff] = recorded.fact
            roster.left.discard(staff)
            if roster.may_decide(staff):
                roster.since.setdefault(staff, recorded.at)
        case StaffLeft(staff=staff):
            roster.left.add(staff)
        case PolicyAdopted(version=version, digest=digest, signed_by=signed_by):
            roster.policies.append(version)
            roster.digests[version] = digest
            roster.signers[version] = signed_by
        case SourceFlooded(source=source):
            roster.floods[source] = recorded.at
        case SourceConfirmed(source=source):
            roster.floods.pop(source, None)
            roster.confirmed[source] = recorded.at
            roster.confirmations += 1
        case RecallProposed(recall=recall):
            roster.recalls[recall] = Recall(fact=recorded.fact, at=recorded.at)
        case RecallSigned(recall=recall, staff=staff):
            known = roster.recalls[recall]
            roster.recalls[recall] = replace(known, signed=(*known.signed, (staff, recorded.at)))
        case SourceRecalled(recall=recall, tier=tier):
            roster.recalls[recall] = replace(roster.recalls[recall], released=tier)
            roster.recalled = (*roster.recalled, recorded.fact)
        case GateLost(gate=gate, since=begun):
            roster.lost.append(Lost(gate, begun))
        case GateFound(gate=gate, until=until):
            roster.lost = [
                Lost(gate, one.since, until) if one.gate == gate and one.until is None else one for one in roster.lost
            ]
        case _:
            pass


def fold(facts: Iterable[Recorded]) -> Roster:
    """Fold the system stream."""
    roster = Roster()
    for recorded in facts:
        evolve(roster, recorded)
    return roster
