"""Checks of what model vendors announced and what became of it: each once, none lost, and due as it was announced.

Law: clocks run from when an announcement was first kept, however late it could be read (L3, L17).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from answerable.core import facts as f
from answerable.core.policy import Policy
from answerable.simulation.laws import Checks, Law
from answerable.simulation.watching import Watch
from answerable.simulation.witness import OFF, WEBHOOK, Said, SeenCase, Witness, said_by


class Announcing(Watch):
    """Notes of what was read at vendors' and from them; `read` holds whom each was about."""

    def __init__(self, checks: Checks, witness: Witness, policies: Mapping[str, Policy]) -> None:
        """Begin with nothing read."""
        self._checks = checks
        self._witness = witness
        self._policies = policies
        self._refusing: set[tuple[str, str]] = set()
        self.read: dict[Said, str] = {}

    def check(self, recorded: f.Recorded, act: Sequence[f.Fact], /) -> None:
        """Check that nothing is announced or read twice, and that what follows is due as it was announced."""
        fact = recorded.fact
        if isinstance(fact, f.VendorNoticed):
            known = (fact.vendor, fact.kind, fact.reference) in self._witness.announced
            self._checks.that(Law.L17, not known, f"{fact.kind} {fact.reference} was announced a second time")
        elif isinstance(fact, f.SignalRaised) and fact.source.startswith(WEBHOOK):
            said = said_by(fact)
            self._checks.that(Law.L17, said not in self.read, f"{said} is in the record twice")
        elif isinstance(fact, f.DefaultArmed | f.DeadlineSet):
            self._due(fact, recorded.at, act)

    def _due(self, fact: f.DefaultArmed | f.DeadlineSet, at: datetime, act: Sequence[f.Fact]) -> None:
        before = [one for one in act[: act.index(fact)] if isinstance(one, f.SignalRaised | f.MeasureAdopted)]
        told = [self._witness.announced_at(one) for one in before if one.case == fact.case]
        since = min((one for one in told if one is not None), default=None)
        limit = self._limit(fact, self._witness.cases[fact.case])
        if since is None or limit is None:
            return
        latest = max(at, since + limit)
        self._checks.that(Law.L3, fact.due <= latest, f"announced {since}, read {at}, and due {fact.due}: {fact}")

    def _limit(self, fact: f.DefaultArmed | f.DeadlineSet, case: SeenCase) -> timedelta | None:
        """Return the longest that the policies of a case give to this, None where it counts from the reading."""
        kind = fact.kind if isinstance(fact, f.DeadlineSet) else f.DeadlineKind.DECIDE
        policies = [self._policies[version] for version in case.policies]
        rules = [policy.tiers[case.tier] for policy in policies]
        match kind:
            case f.DeadlineKind.DECIDE:
                return min(max(rule.decide, rule.decide_at_night) for rule in rules)
            case f.DeadlineKind.REFER:
                return min((rule.refer for rule in rules if rule.refer is not None), default=None)
            case f.DeadlineKind.MEASURE_REVIEW:
                return min(policy.measure_review_first for policy in policies)
            case _:
                return None

    def note(self, recorded: f.Recorded, /) -> None:
        """Note whom a vendor spoke of, and whether what it refuses is refused here."""
        fact = recorded.fact
        if isinstance(fact, f.SignalRaised) and fact.source.startswith(WEBHOOK):
            self.read[said_by(fact)] = fact.subject
            if fact.version in OFF and not self._is_refused(fact.subject, fact.source):
                self._refusing.add((fact.subject, fact.source))
        elif isinstance(fact, f.MeasureAdopted):
            self._refusing.discard((fact.subject, fact.source))

    def _is_refused(self, subject: str, source: str) -> bool:
        cases = self._witness.cases_of({subject})
        return any(case.items[item].is_live for case in cases for item in case.adopted if case.off[item] == source)

    def owed(self, subjects: set[str], _: datetime, /) -> None:
        """Check, after an act on some subjects, that whom a vendor refuses is held here as well (L4)."""
        left = [source for subject, source in self._refusing if subject in subjects]
        self._checks.that(Law.L4, not left, f"{left} refuse an account that is not held here")

    def at_rest(self) -> None:
        """Check that everything that was announced has been read (L17)."""
        left = self._witness.announced.keys() - self.read.keys()
        self._checks.that(Law.L17, not left, f"{len(left)} announced notices were never read: {sorted(left)[:3]}")
