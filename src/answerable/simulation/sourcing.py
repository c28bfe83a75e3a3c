"""Sources in the simulated world: they flood and are recalled; and checks that neither does more than it may (L4, L13).

Law: who was held back, and who rests on what was recalled, is worked out here from the facts once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from answerable.app import SignalIn, sources
from answerable.core import facts as f
from answerable.core.policy import Policy
from answerable.core.recalls import Said
from answerable.simulation.chance import Chance
from answerable.simulation.laws import Checks, Law
from answerable.simulation.people import User
from answerable.simulation.watching import Watch
from answerable.simulation.witness import SeenCase, Witness
from answerable_gate import Level

if TYPE_CHECKING:
    from answerable.simulation.world import World

EVERY = timedelta(days=35)
FLOOR, FACTOR = 12, 5
SMALL_BOUND = ("[bounds]\n", f"[bounds]\nsource_floor = {FLOOR}\n")
"""What the world's policies have in place of their table's first line: floods small enough to be played."""
NOISY = "classifier-2"


@dataclass(slots=True, kw_only=True)
class SeenRecall:
    """A recall with who has signed it, and what it let go so far."""

    fact: f.RecallProposed
    signed: set[str] = field(default_factory=set)
    signed_at: datetime | None = None
    released: list[f.SourceRecalled] = field(default_factory=list)


class Sourcing(Watch):
    """What the log has said of sources so far."""

    def __init__(self, checks: Checks, witness: Witness, policies: Mapping[str, Policy]) -> None:
        """Begin with sources that nobody knows; the policies tell what any of them may raise in an hour."""
        self._checks, self._witness, self._policies = checks, witness, policies
        self._decided: set[str] = set()
        self._said: dict[str, Counter[datetime]] = {}
        self._floods: dict[str, datetime] = {}
        self._confirmed: dict[str, datetime] = {}
        self._waiting: dict[str, str] = {}
        self.recalls: dict[str, SeenRecall] = {}

    def note(self, recorded: f.Recorded, /) -> None:
        """Note one fact, after the witness."""
        fact = recorded.fact
        if isinstance(fact, f.SourceFlooded):
            self._floods[fact.source] = recorded.at
        elif isinstance(fact, f.SourceConfirmed):
            self._floods.pop(fact.source, None)
            self._confirmed[fact.source] = recorded.at
            self._waiting = {one: said for one, said in self._waiting.items() if fact.source not in _names(said)}
        elif isinstance(fact, f.RecallProposed):
            self.recalls[fact.recall] = SeenRecall(fact=fact)
            self._witness.recalls.add(fact.recall)
        elif isinstance(fact, f.RecallSigned):
            self._signed(fact, recorded.at)
        elif isinstance(fact, f.SourceRecalled):
            self._released(fact, recorded.at)
        elif isinstance(fact, f.SignalRaised):
            self._raised(fact, recorded.at)
        elif isinstance(fact, f.DecisionTaken | f.OrderReceived | f.OutsideEventReported):
            self._decided.add(fact.case)

    def _raised(self, fact: f.SignalRaised, at: datetime) -> None:
        if fact.kind is not f.SignalKind.LOOK_BACK:
            for name in _names(fact.source):
                if self._is_beyond(name, at):
                    break  # what its own name holds back already is none of the key's
        held = self._is_flood(fact.source) and self._is_alone(fact)
        self._checks.that(Law.L13, held or not fact.beyond, f"{fact.signal} was held back outside a flood")
        if held:
            self._waiting[fact.signal] = fact.source

    def _is_beyond(self, source: str, at: datetime) -> bool:
        """Count one under a name, check that somebody was told of too many, and tell whether it is."""
        hour = at.replace(minute=0, second=0, microsecond=0)
        floor = max(policy.source_floor for policy in self._policies.values())
        said = self._said.setdefault(source, Counter())
        said[hour] += 1
        before = [count for one, count in said.items() if one != hour and at - one <= timedelta(days=31)]
        bound = max(floor, FACTOR * int(median(before or [0])))
        fine = said[hour] <= bound or source in self._floods or self._confirmed.get(source, hour) > hour
        self._checks.that(Law.L13, fine, f"{source} raised {said[hour]} in an hour and nobody was told")
        return said[hour] > bound

    def _is_flood(self, source: str) -> bool:
        meant_at = self._confirmed.get(source)
        own, *key = _names(source)
        return own in self._floods or any(
            name in self._floods and (meant_at is None or meant_at < self._floods[name]) for name in key
        )

    def _is_alone(self, fact: f.SignalRaised) -> bool:
        cases = list(self._witness.cases_of(self._witness.holder(fact.subject)))
        return all(
            not self._is_peoples(case) and set(case.signals) - {fact.signal} - case.refuted <= self._waiting.keys()
            for case in cases
        )

    def owed(self, subjects: set[str], _: datetime, /) -> None:
        """Check, after an act, that nobody is raised by a flood alone (L13)."""
        for case in self._witness.cases_of(subjects):
            # A notice about a linked account speaks of this one as well.
            others = self._witness.cases_of(self._witness.holder(case.subject))
            if case.signals and all(self._only_waits(one) for one in others):
                level = max((one.standing.level for one in case.items.values() if one.is_live), default=Level.NONE)
                mild = case.tier is f.Tier.CONCERN and level <= Level.WATCH
                self._checks.that(Law.L13, mild, f"a flood alone made {case.id} tier {case.tier} and {level.word}")

    def _only_waits(self, case: SeenCase) -> bool:
        return not self._is_peoples(case) and case.signals.keys() <= self._waiting.keys()

    def _is_peoples(self, case: SeenCase) -> bool:
        """Tell whether people have a part in a case: by what they said of it, or by what they did."""
        said = case.notices or case.acts or case.dissents or case.adopted
        return bool(said) or case.id in self._decided

    # --- recalls

    def _signed(self, fact: f.RecallSigned, at: datetime) -> None:
        known = self.recalls[fact.recall]
        ours = fact.staff in (known.fact.staff, known.fact.drawn) and self._witness.may_decide(fact.staff)
        self._checks.that(Law.L4, ours, f"{fact.staff} signed {fact.recall} and was not drawn")
        for name in known.fact.sample:
            case = self._witness.cases[name]
            read = case.signals.keys() <= case.opened.get(fact.staff, set())
            self._checks.that(Law.L4, read, f"{fact.staff} signed {fact.recall} without having read {name}")
        known.signed.add(fact.staff)
        known.signed_at = at

    def _released(self, fact: f.SourceRecalled, at: datetime) -> None:
        known = self.recalls[fact.recall]
        both = known.signed == {known.fact.staff, known.fact.drawn} == set(fact.signed_by) and len(known.signed) == 2
        self._checks.that(Law.L4, both, f"{fact.recall} took effect on the word of {len(known.signed)}")
        waited = known.signed_at is not None and at - known.signed_at >= timedelta(hours=72)
        self._checks.that(Law.L4, waited or fact.tier > f.Tier.CRITICAL, f"{fact.recall} lets go tier 1 at once")
        known.released.append(fact)

    def check(self, recorded: f.Recorded, _: Sequence[f.Fact], /) -> None:
        """Check a lift by a recall before it is noted: it lets go what rests on that alone, and nothing else (L4)."""
        fact = recorded.fact
        if isinstance(fact, f.MeasureLifted) and fact.proposal in self.recalls:
            case = self._witness.cases[fact.case]
            fits = any(self._rests(case, said) for said in self.recalls[fact.proposal].released)
            self._checks.that(Law.L4, fits, f"{fact.proposal} let {case.id} go, which rests on more")

    def _rests(self, case: SeenCase, said: f.SourceRecalled) -> bool:
        signals = [one for name, one in case.signals.items() if name not in case.refuted]
        alone = all(
            (one.fact.source, one.fact.model, one.fact.version) == (said.source, said.model, said.version)
            and said.since <= one.at <= said.until
            for one in signals
        )
        others = self._witness.cases_of(self._witness.holder(case.subject))
        harms_nobody = all(not one.notices and one.person == f.UNKNOWN for one in others)
        machines = all(item.is_default for item in case.items.values()) and not self._is_peoples(case)
        mild = case.tier >= said.tier
        return case.is_open and bool(signals) and alone and harms_nobody and machines and mild

    def at_rest(self) -> None:
        """Check that every case that rests on what was recalled has been let go."""
        for known in self.recalls.values():
            for said in known.released:
                left = [case.id for case in self._witness.cases.values() if self._rests(case, said)]
                self._checks.that(Law.L4, not left, f"{said.recall} left {len(left)} cases that rest on it alone")


def _names(source: str) -> tuple[str, ...]:
    """Return who answers for what a source says: it, and whoever forwards it; webhooks and tenants have no key."""
    key = source.split(":", maxsplit=1)[0]
    return (source,) if key in (source, "webhook", "tenant") else (source, key)


class Noise:
    """A source that goes wrong: it floods, and later somebody finds it meant, or two people take it back."""

    def __init__(self, world: World, chance: Chance) -> None:
        """Take the world that it comes to."""
        self._world = world
        self._chance = chance
        self._count = 0

    def begin(self) -> None:
        """Set the first."""
        self._world.recur(self.come, EVERY, self._chance)

    def come(self) -> None:
        """Let the source say too much within an hour, mostly of people whom nothing else speaks of."""
        world = self._world
        self._count += 1
        since = world.house.now
        # Whoever has a key can call each vendor another name; what it says under all of them counts together.
        names = self._chance.happens(0.3)
        for number in range(FLOOR + 4 + self._chance.below(8)):
            hazard = self._chance.pick((f.Hazard.THREAT, f.Hazard.MASS_CASUALTY, f.Hazard.STALKING))
            user = User(account=f"quiet-{self._count}-{number}", email=f"q{number}@mail.example", harms=None)
            about = self._chance.pick(world.people.harmless) if self._chance.happens(0.2) else user
            came = SignalIn(
                id=f"noise-{self._count}-{number}", source=f"{NOISY}:v{number}" if names else NOISY, model="n",
                version=str(self._count), label="x", hazard=hazard, user=about.account,
            )  # fmt: skip
            world.given.add(came.id)
            world.after(timedelta(seconds=20 * number), partial(world.give_flag, came, about))
        if names or self._chance.happens(0.4):
            world.after(self._chance.span(timedelta(hours=1), timedelta(days=2)), self._confirm)
        else:
            world.after(self._chance.span(timedelta(hours=3), timedelta(days=2)), partial(self._recall, since))

    def _confirm(self) -> None:
        app = self._world.house.app
        self._world.house.act("confirm source", lambda: sources.confirm(app.acts, NOISY, staff=f.StaffId("lead-1")))

    def _recall(self, since: datetime) -> None:
        house, app = self._world.house, self._world.house.app
        said = Said(source=NOISY, model="n", version=str(self._count), since=since, until=house.now)
        wanted = sources.RecallIn(said=said, reason="It says so of everybody.")
        found = house.act("recall", lambda: sources.propose(app.acts, wanted, staff=f.StaffId("lead-1")))
        if not isinstance(found, sources.Proposed):
            return
        signers: Sequence[f.StaffId] = (f.StaffId("lead-1"), found.drawn)
        for person in signers:
            for case in found.sample:
                house.view(case, person)
            house.act("sign recall", partial(sources.sign, app.acts, found.recall, staff=person))
        for wait in (timedelta(0), timedelta(hours=73)):
            self._world.after(wait, partial(self._release, found.recall))

    def _release(self, recall: f.RecallId) -> None:
        app = self._world.house.app
        lead = f.StaffId("lead-1")
        self._world.house.act("release recall", lambda: sources.release(app.acts, recall, staff=lead))
