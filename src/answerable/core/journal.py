"""The journal of one act: who, when, under which policies, the files it reads and the facts it has written so far.

Every fact is folded as it is written, so each step reads what the steps before it wrote; nothing is stored here (L16).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from answerable.core import fold
from answerable.core.cases import Case, Files
from answerable.core.facts import ActId, ActorId, Fact, Recorded, SubjectFact, SubjectId, SystemFact, stream_of
from answerable.core.policy import Policy, strictest
from answerable.core.roster import Roster
from answerable.core.roster import evolve as evolve_roster


class Mint(Protocol):
    """Where tokens and chance come from; recorded in the facts, so that a replay mints the same (L16)."""

    def token(self, prefix: str, /) -> str:
        """Return a fresh token that begins with the prefix."""
        ...

    def fraction(self) -> float:
        """Return a number in [0, 1)."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What an account may use now, as the operator's entitlements say; None is not known."""

    models: tuple[str, ...] | None
    tools: tuple[str, ...] | None


@dataclass(slots=True, kw_only=True)
class Journal:
    """One act under way. `sealed` is the newest signed tree size, `effects_left` the rest of the hourly bound."""

    act: ActId
    by: ActorId
    now: datetime
    files: Files
    roster: Roster
    policies: Mapping[str, Policy]
    mint: Mint
    sealed: int
    effects_left: int
    plans: Mapping[SubjectId, Plan] = field(default_factory=dict)
    written: list[Recorded] = field(default_factory=list)

    def write(self, *facts: Fact) -> None:
        """Record facts in their streams, in order, and fold each at once."""
        for fact in facts:
            recorded = Recorded(
                stream=stream_of(fact), seq=self._next(fact), at=self.now, by=self.by, act=self.act, fact=fact
            )
            if isinstance(fact, SystemFact):
                # Others read it too, and few acts write to the system stream.
                self.roster = self.roster.copied()
                evolve_roster(self.roster, recorded)
            else:
                fold.evolve(self.files, recorded)
            self.written.append(recorded)

    def _next(self, fact: Fact) -> int:
        if isinstance(fact, SystemFact):
            return self.roster.seq + 1
        subject = self.files.subject(fact.subject)
        if isinstance(fact, SubjectFact):
            return subject.seq + 1
        case = subject.cases.get(fact.case)
        return case.seq + 1 if case else 1

    @property
    def policy(self) -> Policy:
        """The policy version in force."""
        return self.policies[self.roster.policy]

    def policy_of(self, case: Case) -> Policy:
        """Return the rules of a running case: the strictest of every version that ever applied to it (L3)."""
        policy = self.policies[case.policies[0]]
        for version in case.policies[1:]:
            policy = strictest(policy, self.policies[version])
        return policy
