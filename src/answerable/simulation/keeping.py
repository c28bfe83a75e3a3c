"""The operator's stores, which can be away, and the checks of what is held there (L14).

Law: the notes here are made from the facts alone; what is really kept, the stores say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from answerable.core import facts as f
from answerable.ports.preserve import Confirmation
from answerable.ports.unknown import NotKnown
from answerable.simulation.laws import Checks, Law
from answerable.simulation.watching import Watch

HOUR, LAPSE = timedelta(hours=1), timedelta(days=90)


class Stores:
    """Where the operator keeps conversations: they keep what they are told to keep, unless they are away."""

    def __init__(self) -> None:
        """Begin with nothing held."""
        self.is_down = False
        self.kept: set[str] = set()

    def hold(self, account: str, hold: str) -> Confirmation | NotKnown:
        """Keep an account's data."""
        if self.is_down:
            return NotKnown("the stores are away")
        self.kept.add(hold)
        return Confirmation(account=account, hold=hold, reference=f"kept for {hold}")

    def release(self, account: str, hold: str) -> Confirmation | NotKnown:
        """Keep it no longer for this hold."""
        if self.is_down:
            return NotKnown("the stores are away")
        self.kept.discard(hold)
        return Confirmation(account=account, hold=hold, reference=f"released {hold}")


@dataclass(slots=True)
class _Noted:
    """A case as far as holds go."""

    holds: dict[str, datetime] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    upheld: set[str] = field(default_factory=set)
    newest_notice: datetime | None = None
    has_more: bool = False
    is_open: bool = True


class Keeping(Watch):
    """Notes of every hold, and the checks over them."""

    def __init__(self, checks: Checks, stores: Stores) -> None:
        """Begin with no case."""
        self._checks = checks
        self._stores = stores
        self._found: set[str] = set()
        self._cases: dict[str, dict[str, _Noted]] = {}

    def note(self, recorded: f.Recorded, /) -> None:
        """Check one fact and note it."""
        fact = recorded.fact
        if isinstance(fact, f.SubjectSeen) and fact.found:
            self._found.add(fact.subject)
        if not isinstance(fact, f.CaseFact):
            return
        case = self._cases.setdefault(fact.subject, {}).setdefault(fact.case, _Noted())
        match fact:
            case f.HoldOrdered():
                case.holds[fact.hold] = recorded.at
            case f.HoldConfirmed():
                really = fact.hold in self._stores.kept
                self._checks.that(Law.L14, really, f"{fact.hold} was said to be kept, and the stores keep nothing")
                case.settled.add(fact.hold)
            case f.HoldUnconfirmed():
                case.settled.add(fact.hold)
            case f.HoldUpheld():
                case.upheld.add(fact.hold)
            case f.HoldLapsed():
                self._lapsed(case, fact, recorded.at)
            case f.NoticeReceived():
                case.newest_notice = recorded.at
            case f.SignalRaised() | f.ActRecorded() | f.NoticeConfirmed() | f.MeasureSet() | f.MeasureAdopted():
                case.has_more = True
            case f.OutsideEventVerified() | f.OrderVerified():
                case.has_more = True
            case f.CaseClosed() | f.CaseReopened():
                case.is_open = isinstance(fact, f.CaseReopened)

    def _lapsed(self, case: _Noted, fact: f.HoldLapsed, at: datetime) -> None:
        claims = case.newest_notice is not None and not case.has_more and fact.hold not in case.upheld
        self._checks.that(Law.L14, claims, f"{fact.hold} lapsed in {fact.case}, where more than claims speaks")
        since = case.newest_notice or at
        self._checks.that(Law.L14, at - since >= LAPSE, f"{fact.hold} lapsed {at - since} after the newest notice")
        case.settled.add(fact.hold)

    def owed(self, subjects: set[str], at: datetime, /) -> None:
        """Check, after an act on some subjects, that each case has its hold, and that silence about one was noted."""
        for subject in sorted(subjects & self._found):
            for name, case in self._cases.get(subject, {}).items():
                self._checks.that(Law.L14, bool(case.holds) or not case.is_open, f"nothing is held for {name}")
                late = [hold for hold, since in case.holds.items() if hold not in case.settled and since + HOUR < at]
                self._checks.that(Law.L14, not late, f"nobody confirmed {late}, and nothing was noted")
