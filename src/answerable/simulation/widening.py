"""Checks that what people set for a tenant is meant for it, and that it is shown its own questions alone (L2, L11).

Law: a decision reaches a tenant because it says so, and reaches it whole; nothing else about an end user gets there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from answerable.app.tenants import Reference
from answerable.core import facts as f
from answerable.simulation.laws import Checks, Law
from answerable.simulation.watching import Watch
from answerable.simulation.witness import Witness

SCOPES = {"organisation": f.Party.ORGANISATION, "api_key": f.Party.API_KEY}


class Widening(Watch):
    """Notes of what tenants were asked, and the checks over whom a measure reaches."""

    def __init__(self, checks: Checks, witness: Witness) -> None:
        """Begin with nothing asked."""
        self._checks = checks
        self._witness = witness
        self._asked: dict[str, set[str]] = {}

    def check(self, recorded: f.Recorded, act: Sequence[f.Fact], /) -> None:
        """Check a measure that a person sets: its tenant has as much by the same act if it says so, else nothing."""
        fact = recorded.fact
        if not isinstance(fact, f.MeasureSet) or fact.proposal is not None:
            return
        above = self._witness.above.get(fact.subject)
        there = [one for one in act if isinstance(one, f.MeasureSet) and one.subject == above]
        if fact.scope not in SCOPES:
            self._checks.that(Law.L2, not there, f"{fact.item} was widened to {above} and does not say so")
            return
        known = above is not None and self._witness.party[above] is SCOPES[fact.scope]
        whole = any(
            (one.staff, one.standing.level, _persons(one)) == (fact.staff, fact.standing.level, _persons(fact))
            for one in there
        )
        self._checks.that(Law.L2, known and whole, f"{fact.item} is of the whole {fact.scope}, and {above} has less")

    def note(self, recorded: f.Recorded, /) -> None:
        """Note what a tenant is asked."""
        if isinstance(recorded.fact, f.TenantAsked):
            self._asked.setdefault(recorded.fact.subject, set()).add(recorded.fact.ask)

    def shown(self, tenant: str | None, listed: Iterable[Reference]) -> None:
        """Check that a tenant is shown what it was asked itself, and nothing of anybody else's (L11)."""
        found, asked = {one.reference for one in listed}, self._asked.get(tenant or "", set())
        self._checks.that(Law.L11, found == asked, f"{tenant} is shown {len(found - asked)} questions of others")


def _persons(fact: f.MeasureSet) -> set[str]:
    return {shield.person for shield in fact.standing.shields}
