"""Checks of what may happen by itself, who may read, and what is said to be in force (L6, L9, L13).

Law: the ceilings stand here in plain words once more, so that a policy that raised them would be seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median

from answerable.core import facts as f
from answerable.core.policy import CARE_HAZARDS
from answerable.simulation.laws import Checks, Law
from answerable.simulation.witness import SeenCase, Witness
from answerable_gate import Level

CEILING = {f.Grade.E0: Level.WATCH, f.Grade.E1: Level.GUARDED, f.Grade.E2: Level.PAUSED, f.Grade.E3: Level.SUSPENDED}
FLOOR, FACTOR = 20, 5

Holds = Callable[[str, str, str], bool]
"""Tells whether a gate holds an item of a subject."""


def check(checks: Checks, witness: Witness, recorded: f.Recorded, holds: Holds) -> None:
    """Check one fact before it is noted."""
    fact = recorded.fact
    if isinstance(fact, f.CaseAssigned):
        free = fact.owner not in witness.cases[fact.case].barred and witness.may_decide(fact.owner)
        checks.that(Law.L6, free, f"{fact.owner} owns {fact.case} and may not")
    elif isinstance(fact, f.CaseFact) and not isinstance(fact, f.ActRefused | f.CaseOpened):
        _barred(checks, witness.cases[fact.case], fact)
    if isinstance(fact, f.AccountsLinked):
        alone = not (witness.is_tenant(fact.subject) or witness.is_tenant(fact.other))
        checks.that(Law.L2, alone, f"{fact.link} lets what stands for an end user reach the tenant")
    if isinstance(fact, f.MeasureConfirmed):
        held = holds(fact.gate, fact.subject, fact.item)
        checks.that(Law.L9, held, f"{fact.gate} was said to hold {fact.item} and does not")
    elif isinstance(fact, f.DefaultArmed):
        _armed(checks, witness, fact, recorded)


def _barred(checks: Checks, case: SeenCase, fact: f.CaseFact) -> None:
    staff = getattr(fact, "staff", None)
    people = {staff} if isinstance(staff, str) else set(staff or ())
    checks.that(Law.L6, not people & case.barred, f"{type(fact).__name__} by one who is barred from {case.id}")


def _armed(checks: Checks, witness: Witness, fact: f.DefaultArmed, recorded: f.Recorded) -> None:
    case = witness.cases[fact.case]
    level, ceiling = fact.standing.level, CEILING[grade(case)]
    checks.that(Law.L13, level <= ceiling, f"{fact.item} arms {level.word} on {grade(case).name} in {case.id}")
    if case.hazards <= set(CARE_HAZARDS):
        checks.that(Law.L13, level is Level.NONE, f"{fact.item} arms {level.word} where only care is allowed")
    if level > Level.NONE and not (case.signals or case.claims) and grade(case) < f.Grade.E2:
        witness.effects.setdefault((recorded.act, case.id), recorded.at)
        _bounded(checks, witness, recorded.at)


def grade(case: SeenCase) -> f.Grade:
    """Return the most that a case's evidence can be worth (DESIGN section 5)."""
    signals = {name: one.fact for name, one in case.signals.items() if name not in case.refuted}
    notices = {name: one for name, one in case.notices.items() if name not in case.refuted}
    if case.verified or any(name not in case.refuted for name in case.acts):
        return f.Grade.E3
    acts = any(fact.act and fact.identified for fact in signals.values())
    kinds = len({fact.kind for fact in signals.values()})
    if any(one.confirmed_at for one in notices.values()) or (acts and (notices or kinds > 1)):
        return f.Grade.E2
    danger = any(one.fact.danger_now and one.unknown_history for one in notices.values())
    return f.Grade.E1 if signals or danger else f.Grade.E0


def _bounded(checks: Checks, witness: Witness, at: datetime) -> None:
    recent = sum(1 for time in witness.effects.values() if at - timedelta(hours=1) <= time)
    bound = FLOOR
    if recent > FLOOR:
        hours = Counter(
            time.replace(minute=0, second=0, microsecond=0)
            for time in witness.effects.values()
            if at - timedelta(days=30) <= time
        )
        # The hour itself does not count: a flood must not raise its own bound.
        now = at.replace(minute=0, second=0, microsecond=0)
        before = [count for hour, count in hours.items() if hour != now]
        bound = max(FLOOR, FACTOR * int(median(before or [0])))
    seen = f"{recent} automatic effects of notices in an hour, at most {bound} are allowed"
    checks.that(Law.L13, recent <= bound, seen)
