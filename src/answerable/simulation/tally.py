"""What an operator wants to know of a run: cases, decisions, defaults, answers, refusals, pages, exchanges.

Law: every number is counted from the facts or from what the gates did, none is kept on the side.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from answerable.core import facts as f
from answerable.core.deadlines import RUNGS
from answerable.simulation.world import World

PAGED = ("owner", "deputy", "lead", "executive")
"""Who is paged on each rung; the last one daily, for ever."""
assert len(PAGED) == RUNGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The numbers of one run; times are in hours."""

    opened: dict[str, int]
    signals: int
    notices: int
    decisions: int
    decisions_missed: int
    looks_missed: int
    defaults: int
    protected_h: int
    answered: int
    lapsed: int
    answers_open: int
    lifts: int
    refused: dict[str, int]
    pages: dict[str, int]
    rungs: dict[str, int]
    exchanges: int
    refused_exchanges: int
    served_after_notice: int
    plans_refused: int


def tally(world: World) -> Tally:
    """Count a run."""
    house = world.house
    kinds = Counter(type(one.fact).__name__ for one in house.facts)
    missed = Counter(_missed(world))
    opened = (one.fact for one in house.facts if isinstance(one.fact, f.CaseOpened))
    tiers = Counter(f"tier {fact.tier.value}" for fact in opened)
    rungs = Counter(min(one.fact.rung, RUNGS) for one in house.facts if isinstance(one.fact, f.Escalated))
    return Tally(
        opened={name: tiers[name] for name in sorted(tiers)},
        signals=kinds["SignalRaised"],
        notices=kinds["NoticeReceived"],
        decisions=kinds["DecisionTaken"],
        decisions_missed=missed[f.DeadlineKind.DECIDE],
        looks_missed=missed[f.DeadlineKind.LOOK],
        defaults=kinds["DefaultTookEffect"],
        protected_h=round(_protected(world) / timedelta(hours=1)),
        answered=kinds["NoticeAnswered"],
        lapsed=kinds["AnswerLapsed"],
        answers_open=len(house.witness.owed),
        lifts=kinds["MeasureLifted"],
        refused=dict(Counter(one.fact.code for one in house.facts if isinstance(one.fact, f.ActRefused)).most_common()),
        pages=dict(world.mail.pages.most_common()),
        rungs={name: rungs[rung] for rung, name in enumerate(PAGED, start=1) if rungs[rung]},
        exchanges=len(house.log),
        refused_exchanges=sum(1 for one in house.log if one.answer == "refuse"),
        served_after_notice=_served_after_notice(world),
        plans_refused=kinds["EntitlementRaiseRefused"],
    )


def _missed(world: World) -> list[f.DeadlineKind]:
    kinds: dict[str, f.DeadlineKind] = {}
    found = []
    for one in world.house.facts:
        if isinstance(one.fact, f.DeadlineSet):
            kinds[one.fact.deadline] = one.fact.kind
        elif isinstance(one.fact, f.DeadlineMissed):
            found.append(kinds[one.fact.deadline])
    return found


def _protected(world: World) -> timedelta:
    """Return for how long, over all accounts, protection rested on a default that nobody had decided about."""
    total = timedelta(0)
    since: dict[str, dict[str, datetime]] = {}
    for one in world.house.facts:
        fact = one.fact
        if isinstance(fact, f.DefaultTookEffect):
            since.setdefault(fact.case, {})[fact.item] = fact.effective
        elif isinstance(fact, f.DecisionTaken) and fact.case in since:
            total += one.at - min(since.pop(fact.case).values())
    return total + sum((world.house.now - min(times.values()) for times in since.values()), timedelta(0))


def _served_after_notice(world: World) -> int:
    first: dict[str, datetime] = {}
    for one in world.house.facts:
        if isinstance(one.fact, f.NoticeReceived):
            first.setdefault(one.fact.subject, one.at)
    rows = world.house.log
    return sum(1 for row in rows if row.answer != "refuse" and row.subject in first and row.at >= first[row.subject])
