"""Levels, limits, shields and their join: what a standing is.

Law L2: a standing is a join, so more knowledge only tightens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import reduce


class Level(IntEnum):
    """How far a measure goes, weakest first (DESIGN section 5)."""

    NONE = 0
    WATCH = 1
    GUARDED = 2
    PAUSED = 3
    SUSPENDED = 4
    TERMINATED = 5

    @property
    def word(self) -> str:
        """Give the level as it is written in facts, feeds and policies."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Level:
        """Read a level from its word; raise ValueError where there is none of that name."""
        level = _LEVELS.get(word)
        if level is None:
            raise ValueError(f"no level is called {word!r}")
        return level


_LEVELS = {level.word: level for level in Level}


class Limit(StrEnum):
    """What is withheld beside the level; each stands alone and limits only ever add up."""

    CARE = "care"
    NO_DOCUMENTS = "no_documents"
    NO_MEMORY = "no_memory"
    NO_TOOLS = "no_tools"
    NO_LIKENESS = "no_likeness"


@dataclass(frozen=True, slots=True)
class Shield:
    """A protected person whom no answer may concern; `terms` are only names the subject used himself (L11)."""

    person: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What applies to a subject: one level, and the limits and shields beside it."""

    level: Level = Level.NONE
    limits: frozenset[Limit] = frozenset()
    shields: frozenset[Shield] = frozenset()

    @property
    def refuses(self) -> bool:
        """Say whether every exchange is refused."""
        return self.level >= Level.PAUSED

    @property
    def limits_anything(self) -> bool:
        """Say whether an exchange is changed or refused at all; `watch` alone is invisible."""
        return self.level >= Level.GUARDED or bool(self.limits) or bool(self.shields)


NOTHING = Standing()


def join(*standings: Standing) -> Standing:
    """Join standings: the highest level, the union of limits and shields; of none it is NOTHING."""
    return reduce(_join, standings, NOTHING)


def _join(a: Standing, b: Standing) -> Standing:
    if covers(a, b):
        return a
    if covers(b, a):
        return b
    return Standing(max(a.level, b.level), a.limits | b.limits, a.shields | b.shields)


def covers(a: Standing, b: Standing) -> bool:
    """Say whether `a` is at least as strict as `b` in every respect, so that join(a, b) == a."""
    return a.level >= b.level and a.limits >= b.limits and a.shields >= b.shields


def cap(standing: Standing, level: Level) -> Standing:
    """Bound the level of a standing; limits and shields stay, since they bound nothing but themselves."""
    return standing if standing.level <= level else Standing(level, standing.limits, standing.shields)
