"""Checks of the date by which a person looks again: as it is armed, as it is owed, and as the refused are told it (L3).

Law: no date is ever later than the one that was armed, and none is made up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from answerable.core import facts as f
from answerable.core.policy import Policy
from answerable.simulation.laws import Checks, Law
from answerable.simulation.watching import Watch
from answerable.simulation.witness import SeenItem, Witness
from answerable_gate import Verdict


class Reviewing(Watch):
    """The dates of defaults, fact by fact."""

    def __init__(self, checks: Checks, witness: Witness, policies: Mapping[str, Policy]) -> None:
        """Take the witness's notes, and how long each policy lets a default wait for a person."""
        self._checks = checks
        self._witness = witness
        self._policies = policies

    def check(self, recorded: f.Recorded, act: Sequence[f.Fact], /) -> None:
        """Check the date of a default when it is armed, and that it is owed as it was armed once it takes effect."""
        fact = recorded.fact
        if not isinstance(fact, f.DefaultArmed | f.DefaultTookEffect):
            return
        case = self._witness.cases[fact.case]
        if isinstance(fact, f.DefaultArmed):
            longest = min(self._policies[version].default_review for version in case.policies)
            fits = fact.due <= fact.review <= fact.due + longest
            self._checks.that(Law.L3, fits, f"{fact.item} is due {fact.due} and to be reviewed by {fact.review}")
            return
        armed = case.items[fact.item].review
        dues = [one.due for one in act if isinstance(one, f.DeadlineSet) and one.about == fact.item]
        owed = armed is not None and any(due <= armed for due in dues)
        self._checks.that(Law.L3, owed, f"{fact.item} was to be reviewed by {armed}, and is owed by {dues}")


def check_told(
    checks: Checks,
    verdict: Verdict,
    held: Iterable[SeenItem],
    ever: Iterable[SeenItem],
    *,
    now: datetime,
    where: str,
) -> None:
    """Check that a gate tells the first date ahead, at its own `now`, of what is `held` there and nobody let go.

    What it tells is a date of something that there ever was for the account.
    """
    told = verdict.review_by
    ahead = [item.review for item in held if item.is_live and item.review is not None and item.review > now]
    if ahead:
        soon = told is not None and told <= min(ahead)
        checks.that(Law.L3, soon, f"{where} tells of a review by {told}, and {min(ahead)} was set")
    if told is not None:
        known = any(item.review == told for item in ever)
        checks.that(Law.L7, known, f"{where} tells of a review by {told}, which stands in no fact")
