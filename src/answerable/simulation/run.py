"""One run from a seed, with its outcome; a run that breaks a law says which, where, and after what.

Law: the outcome of a seed is always the same; `root` is over every byte of the record (L16).
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

from answerable.simulation import endings
from answerable.simulation.grounds import Ground, InMemory
from answerable.simulation.laws import Law, LawBroken
from answerable.simulation.people import Size
from answerable.simulation.tally import Tally, tally
from answerable.simulation.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A law that was broken: by which seed, at which step, after which acts."""

    seed: int
    step: int
    at: str
    law: str
    seen: str
    acts: tuple[str, ...]

    def __str__(self) -> str:
        """Return what somebody needs to see it again."""
        acts = "\n".join(f"  {act}" for act in self.acts)
        return f"seed {self.seed}, step {self.step}, {self.at}\n{self.law}: {self.seen}\nthe last acts:\n{acts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run; `checks` counts by law.

    `root` is over the record in the order of its tree, `streams` over each stream by itself, in whatever order the
    streams came into the tree.
    """

    seed: int
    days: int
    steps: int
    facts: int
    root: str
    streams: str
    checks: dict[str, int]
    tally: Tally
    breach: Breach | None


def simulate(
    seed: int,
    *,
    policy: str,
    days: int,
    size: Size | None = None,
    then: str | None = None,
    ground: Ground | None = None,
    crossed: bool = False,
) -> Outcome:
    """Run a world of `days` from a seed under a policy's text; `then` is adopted after 30 days.

    The record lies on `ground`, which is closed at the end: in memory where none is given. With `crossed` acts of
    several programs happen at once, where the ground has room for that.
    """
    world = World(seed, policy, size or Size(), then=then, ground=ground or InMemory(), crossed=crossed)
    with closing(world.house):
        breach = None
        try:
            world.begin()
            while world.step() < timedelta(days=days):
                pass
            endings.bring_to_rest(world)
            endings.check(world)
        except LawBroken as broken:
            breach = _breach(seed, world, broken)
        return _outcome(seed, days, world, breach)


def _outcome(seed: int, days: int, world: World, breach: Breach | None) -> Outcome:
    house = world.house
    return Outcome(
        seed=seed,
        days=days,
        steps=house.steps,
        facts=len(house.facts),
        root=house.store.root().hex(),
        streams=hashlib.sha256(repr(sorted(house.witness.heads.items())).encode()).hexdigest(),
        checks={law.value: house.checks.made[law] for law in Law if house.checks.made[law]},
        tally=tally(world),
        breach=breach,
    )


def _breach(seed: int, world: World, broken: LawBroken) -> Breach:
    house = world.house
    return Breach(
        seed=seed,
        step=house.steps,
        at=f"{house.true.now:%Y-%m-%d %H:%M:%S}",
        law=broken.law.value,
        seen=broken.seen,
        acts=tuple(house.acts_done),
    )
