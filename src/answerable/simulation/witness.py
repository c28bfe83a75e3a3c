"""The witness: reads the log's bytes entry by entry and keeps its own plain notes of what they say.

Law: it trusts neither fold nor standing nor any table of the house, so that it can contradict them (L7, L8).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from answerable.core import facts as f
from answerable.ledger.codec import read_entry
from answerable.ledger.verify import CompactRange, leaf_hash
from answerable.simulation.laws import Checks, Law
from answerable_gate import Standing

_EVER = timedelta.max


@dataclass(slots=True, kw_only=True)
class SeenItem:
    """An armed default or a measure: what was written of it, and when it was written in true time."""

    id: str
    case: str
    subject: str
    standing: Standing
    due: datetime
    limit: timedelta
    known: timedelta
    lost: timedelta
    is_default: bool
    act: str
    index: int
    settled: bool = False
    fell: bool = False
    lift: int | None = None
    lifted_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Tell whether no decision and no lift has named it."""
        return not self.settled and self.lift is None


@dataclass(slots=True, kw_only=True)
class SeenNotice:
    """A notice and what became of it."""

    fact: f.NoticeReceived
    at: datetime
    by: datetime
    answered: bool = False
    lapsed: bool = False
    confirmed_at: datetime | None = None
    unknown_history: bool = False


@dataclass(slots=True, kw_only=True)
class SeenSignal:
    """A flag and what became of it."""

    fact: f.SignalRaised
    at: datetime
    answered: bool = False


@dataclass(slots=True, kw_only=True)
class SeenProposal:
    """A proposal with its signatures: who, on which evidence, when."""

    fact: f.LoweringProposed
    drawn: list[f.StaffId] = field(default_factory=list)
    signed: list[tuple[f.StaffId, frozenset[str], datetime, bool]] = field(default_factory=list)
    performed_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class SeenCase:
    """A case as its own facts tell it."""

    id: str
    subject: str
    person: str
    tier: f.Tier
    policies: list[str]
    hazards: set[f.Hazard]
    is_open: bool = True
    owner: str | None = None
    owes_by: datetime | None = None
    items: dict[str, SeenItem] = field(default_factory=dict)
    notices: dict[str, SeenNotice] = field(default_factory=dict)
    signals: dict[str, SeenSignal] = field(default_factory=dict)
    dissents: dict[str, datetime] = field(default_factory=dict)
    acts: dict[str, datetime] = field(default_factory=dict)
    refuted: set[str] = field(default_factory=set)
    opened: dict[str, set[str]] = field(default_factory=dict)
    barred: set[str] = field(default_factory=set)
    proposals: dict[f.ProposalId, SeenProposal] = field(default_factory=dict)
    decide_due: dict[str, datetime] = field(default_factory=dict)
    deciders: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class SeenLink:
    """A link between two accounts."""

    ends: tuple[str, str]
    strong: bool
    at: datetime
    known: timedelta
    confirmed: timedelta | None = None
    withdrawn: int | None = None
    lifts: set[str] = field(default_factory=set)


class Witness:
    """Everything that the log has said so far."""

    def __init__(self, checks: Checks) -> None:
        """Begin at the first entry."""
        self._checks = checks
        self.edge = CompactRange()
        self.heads: dict[str, tuple[int, str]] = {}
        self.last: datetime | None = None
        self.cases: dict[str, SeenCase] = {}
        self.accounts: dict[str, list[str]] = {}
        self.links: dict[str, SeenLink] = {}
        self.staff: dict[str, f.StaffEnrolled] = {}
        self.left: set[str] = set()
        self.policies: list[str] = []
        self.effects: dict[tuple[str, str], datetime] = {}
        self.intake: dict[str, str] = {}
        self.views: Counter[tuple[str, str]] = Counter()
        self.owed: set[str] = set()

    def read(self, data: bytes) -> f.Recorded:
        """Read the next entry; check that it goes on from the last of its stream and of the log (L8)."""
        raw = json.loads(data)
        stream, index = raw["stream"], self.edge.size
        seq, prev = self.heads.get(stream, (0, ""))
        self._checks.that(
            Law.L8, (raw["seq"], raw["prev"]) == (seq + 1, prev), f"entry {index} does not follow its stream {stream}"
        )
        recorded = read_entry(data, index)
        older = self.last is not None and recorded.at < self.last
        self._checks.that(Law.L3, not older, f"entry {index} is older than the one before it")
        leaf = leaf_hash(data)
        self.last, self.heads[stream] = recorded.at, (raw["seq"], leaf.hex())
        self.edge.append(leaf)
        return recorded

    # --- who belongs together

    def holder(self, subject: str) -> set[str]:
        """Return the accounts tied to one by strong or confirmed links that nobody withdrew."""
        return self._reach(subject, sealed=None, full=False, by=_EVER)

    def sharing(self, subject: str, sealed: int | None, *, full: bool, by: timedelta | None = None) -> set[str]:
        """Return the accounts that share standing with one, fully or at all, while withdrawals are not sealed.

        With `by` only what was known of links at that true time counts; with `sealed` None no withdrawn link does.
        """
        return self._reach(subject, sealed=sealed, full=full, by=_EVER if by is None else by)

    def _reach(self, subject: str, *, sealed: int | None, full: bool, by: timedelta) -> set[str]:
        found, waiting = {subject}, [subject]
        while waiting:
            here = waiting.pop()
            for link in self.links.values():
                gone = link.withdrawn is not None and (sealed is None or link.withdrawn < sealed)
                confirmed = link.confirmed is not None and link.confirmed <= by
                ties = confirmed or (link.strong and link.known <= by and not full)
                if here in link.ends and not gone and ties:
                    fresh = set(link.ends) - found
                    found |= fresh
                    waiting += sorted(fresh)
        return found

    def cases_of(self, accounts: set[str]) -> Iterator[SeenCase]:
        """Yield the cases of some accounts."""
        for account in sorted(accounts):
            for case in self.accounts.get(account, ()):
                yield self.cases[case]

    def withdrawn_at(self, accounts: set[str], sealed: int) -> int:
        """Return the place of the newest withdrawal among some accounts that is not sealed yet, or 0."""
        places = (link.withdrawn for link in self.links.values() if accounts.intersection(link.ends))
        return max((place for place in places if place is not None and place >= sealed), default=0)

    # --- what is known

    def evidence(self, subject: str) -> frozenset[str]:
        """Return everything that a signature of now covers, over the whole holder; repeats of a text are left out."""
        holder = self.holder(subject)
        links = {name: link for name, link in self.links.items() if holder.intersection(link.ends)}
        found = {f"confirmed {name}" if link.confirmed is not None else name for name, link in links.items()}
        for case in self.cases_of(holder):
            found |= {*case.signals, *case.dissents, *(f"act {one}" for one in case.acts)}
            for name, notice in case.notices.items():
                found |= {name} if notice.fact.repeats is None else set()
                found |= {f"confirmed {name}"} if notice.confirmed_at else set()
        return frozenset(found)

    def may_decide(self, staff: str) -> bool:
        """Tell whether a person is on the roster in a role that decides."""
        enrolled = self.staff.get(staff)
        return enrolled is not None and staff not in self.left and enrolled.role is not f.Role.COMMERCIAL
