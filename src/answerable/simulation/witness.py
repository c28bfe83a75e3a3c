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

EVERYTHING = 2**53
"""A checkpoint over all that will ever be written: what is lifted or withdrawn is then gone."""
_EVER = timedelta.max


WEBHOOK = "webhook:"
"""What the source of a vendor's notice begins with."""
OFF = ("deactivation", "user.suspended")
"""The kinds of notice by which vendors say that they refuse an account."""
Said = tuple[str, str, str]
"""A vendor's notice: the vendor, its kind and its reference, which is its reason as well."""


def said_by(fact: f.SignalRaised | f.MeasureAdopted) -> Said:
    """Return the notice that a fact is of, where a vendor said it; only one that is announced has to be asked for."""
    kind = fact.version if isinstance(fact, f.SignalRaised) else OFF[0]
    return fact.source.removeprefix(WEBHOOK), kind, fact.label or ""


@dataclass(slots=True, kw_only=True)
class SeenItem:
    """An armed default or a measure: what was written of it, when in true time, and how far ahead the record was.

    `index` and `lift` are places in the order of commits.
    """

    id: str
    case: str
    subject: str
    standing: Standing
    due: datetime
    review: datetime | None
    limit: timedelta
    known: timedelta
    ahead: timedelta
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
    adopted: dict[str, datetime] = field(default_factory=dict)
    off: dict[str, str] = field(default_factory=dict)
    undone: dict[str, datetime] = field(default_factory=dict)
    claims: dict[str, datetime | None] = field(default_factory=dict)
    orders: set[str] = field(default_factory=set)

    @property
    def items_to_read(self) -> set[str]:
        """What whoever decides or signs must have opened."""
        return {*self.signals, *self.notices, *self.dissents, *self.claims}

    @property
    def verified(self) -> dict[str, datetime]:
        """When each event and order was called back, without what two people found void."""
        return {name: at for name, at in self.claims.items() if at is not None and name not in self.refuted}


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

    def __init__(self, checks: Checks, *, is_crossed: bool = False) -> None:
        """Begin at the first entry; with `is_crossed` acts happen at once."""
        self._checks = checks
        self._is_crossed = is_crossed
        self.edge = CompactRange()
        self.roots = {0: self.edge.root()}
        self._orders: dict[bytes, int] = {}
        self._places: dict[int, int] = {}
        self._grown: dict[str, int] = {}
        self.unplaced: set[int] = set()
        self.heads: dict[str, tuple[int, str]] = {}
        self._last: dict[str, datetime] = {}
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
        self.recalls: set[str] = set()
        self.party: dict[str, f.Party] = {}
        self.above: dict[str, str] = {}
        self.announced: dict[Said, datetime] = {}

    def read(self, data: bytes) -> f.Recorded | None:
        """Read an entry that was committed, None where it was read before; its index is its place among all commits.

        Check that it goes on from the last of its stream (L8), and that time does not go back (L3).
        """
        leaf = leaf_hash(data)
        if leaf in self._orders:
            return None
        raw = json.loads(data)
        stream, order = raw["stream"], len(self._orders)
        seq, prev = self.heads.get(stream, (0, ""))
        follows = (raw["seq"], raw["prev"]) == (seq + 1, prev)
        self._checks.that(Law.L8, follows, f"entry {order} does not follow its stream {stream}")
        recorded = read_entry(data, order)
        # Of two acts at once the one that began first may be committed last; in a stream they stand one by one.
        scope = stream if self._is_crossed else ""
        older = scope in self._last and recorded.at < self._last[scope]
        self._checks.that(Law.L3, not older, f"entry {order} is older than the one before it")
        self._last[scope], self.heads[stream] = recorded.at, (raw["seq"], leaf.hex())
        self._orders[leaf] = order
        self.unplaced.add(order)
        return recorded

    def place(self, data: bytes) -> None:
        """Note the next entry of the tree; check that it was committed, and that each stream is whole up to it (L8)."""
        leaf, index = leaf_hash(data), self.edge.size
        order = self._orders.get(leaf, -1)
        self._checks.that(Law.L8, order in self.unplaced, f"leaf {index} was not committed, or is in the tree already")
        raw = json.loads(data)
        whole = self._grown.get(raw["stream"], 0) + 1 == raw["seq"]
        self._checks.that(Law.L8, whole, f"leaf {index} leaves out an entry of {raw['stream']}")
        self._grown[raw["stream"]], self._places[order] = raw["seq"], index
        self.unplaced.discard(order)
        self.edge.append(leaf)
        self.roots[self.edge.size] = self.edge.root()

    def is_sealed(self, order: int | None, sealed: int) -> bool:
        """Tell whether a fact is in a signed checkpoint of `sealed` leaves."""
        return order is not None and self._places.get(order, EVERYTHING - 1) < sealed

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
                gone = link.withdrawn is not None and (sealed is None or self.is_sealed(link.withdrawn, sealed))
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
        """Return the order of the newest withdrawal among some accounts that is not sealed yet, or 0."""
        orders = (link.withdrawn for link in self.links.values() if accounts.intersection(link.ends))
        return max((one for one in orders if one is not None and not self.is_sealed(one, sealed)), default=0)

    # --- what is known

    def evidence(self, subject: str) -> frozenset[str]:
        """Return everything that a signature of now covers, over the whole holder; repeats of a text are left out."""
        holder = self.holder(subject)
        links = {name: link for name, link in self.links.items() if holder.intersection(link.ends)}
        found = {f"confirmed {name}" if link.confirmed is not None else name for name, link in links.items()}
        for case in self.cases_of(holder):
            found |= {*case.signals, *case.dissents, *(f"act {one}" for one in case.acts)}
            found |= {*(f"adopted {one}" for one in case.adopted), *(f"undone {one}" for one in case.undone)}
            found |= {*case.claims, *(f"verified {one}" for one in case.verified)}
            for name, notice in case.notices.items():
                found |= {name} if notice.fact.repeats is None else set()
                found |= {f"confirmed {name}"} if notice.confirmed_at else set()
        return frozenset(found)

    def announced_at(self, fact: f.SignalRaised | f.MeasureAdopted) -> datetime | None:
        """Return when a vendor announced what it said; None where it said all at once, or is none."""
        return self.announced.get(said_by(fact))

    def is_tenant(self, subject: str) -> bool:
        """Tell whether a key or an organisation stands behind an account."""
        return self.party.get(subject) in (f.Party.API_KEY, f.Party.ORGANISATION)

    def may_decide(self, staff: str) -> bool:
        """Tell whether a person is on the roster in a role that decides."""
        enrolled = self.staff.get(staff)
        return enrolled is not None and staff not in self.left and enrolled.role is not f.Role.COMMERCIAL
