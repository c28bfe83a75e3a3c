"""What one policy changes against another, in plain words, for the two who are asked to sign it.

Law: whatever differs is named; nobody signs a change that he was not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import Any

from answerable.core.facts import Grade, Hazard, Tier
from answerable.core.policy import Play, Policy, TierRule
from answerable_gate import Level, Standing

SHOWN_MAX = 60
_UNITS = (
    ("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1)), ("s", timedelta(seconds=1))
)


class Effect(StrEnum):
    """What a change does to the person at risk: protects sooner or more, later or less, or otherwise."""

    STRICTER = "stricter"
    WEAKER = "weaker"
    OTHER = "different"


class Stricter(IntEnum):
    """In which direction a value is the stricter one."""

    LESS = -1
    MORE = 1
    NEITHER = 0


class Unknown(IntEnum):
    """What a gate does with accounts that it does not know, in order of strictness."""

    ALLOW = 0
    GUARDED = 1
    REFUSE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference."""

    what: str
    before: str
    after: str
    effect: Effect


Row = tuple[str, Any, Stricter]


def changes(old: Policy, new: Policy) -> list[Change]:
    """Return everything in which two policies differ, but for their names."""
    return [
        Change(what=before[0], before=_words(before[1]), after=_words(after[1]), effect=_effect(before, after))
        for before, after in zip(_rows(old), _rows(new), strict=True)
        if before != after
    ]


def _rows(policy: Policy) -> Iterator[Row]:
    for tier, rule in policy.tiers.items():
        yield from ((f"tier {tier.value}: {what}", value, stricter) for what, value, stricter in _tier_rows(rule))
    for grade in Grade:
        yield f"how far evidence {grade.name} goes by itself", policy.ceilings[grade], Stricter.MORE
    for hazard in Hazard:
        yield f"play of {hazard.value}", policy.plays[hazard], Stricter.NEITHER
    yield "default of care", policy.care_default, Stricter.NEITHER
    yield "gravest hazards", policy.gravest_hazards, Stricter.MORE
    yield "gravest labels", policy.gravest_labels, Stricter.MORE
    yield "night, hours UTC", policy.night, Stricter.NEITHER
    yield from _lowering_rows(policy)
    yield from _bound_rows(policy)
    yield from _gate_rows(policy)


def _tier_rows(rule: TierRule) -> Iterator[Row]:
    yield "time to look", rule.look, Stricter.LESS
    yield "time to decide", rule.decide, Stricter.LESS
    yield "time to decide at night", rule.decide_at_night, Stricter.LESS
    yield "time to answer", rule.answer, Stricter.LESS
    yield "time to refer", rule.refer if rule.refer is not None else timedelta.max, Stricter.LESS
    yield "at once", rule.at_once, Stricter.MORE
    yield "when nobody decides", rule.expiry, Stricter.MORE


def _lowering_rows(policy: Policy) -> Iterator[Row]:
    for tier in Tier:
        yield f"tier {tier.value}: cooling-off", policy.lowering.cooling_off[tier], Stricter.MORE
    yield "guarded after a lift, at least", policy.lowering.guarded_min, Stricter.MORE
    yield "another second person is drawn after", policy.lowering.redraw_after, Stricter.MORE
    yield "review of a default", policy.default_review, Stricter.LESS
    yield "an unreviewed default falls after", policy.default_step, Stricter.MORE
    yield "first review of a measure", policy.measure_review_first, Stricter.LESS
    yield "later reviews of a measure", policy.measure_review_next, Stricter.LESS
    yield "share of closes that is sampled", policy.close_sample, Stricter.MORE


def _bound_rows(policy: Policy) -> Iterator[Row]:
    yield "a second notice counts within", policy.second_notice_within, Stricter.MORE
    yield "time for a look-back", policy.look_back_limit, Stricter.LESS
    yield "effects of notices in an hour, at least", policy.effects_floor, Stricter.MORE
    yield "signals of a source in an hour, at least", policy.source_floor, Stricter.MORE
    yield "words around an act are kept for", policy.spans_kept, Stricter.NEITHER
    yield "effects of notices in an hour, times the median", policy.effects_factor, Stricter.MORE


def _gate_rows(policy: Policy) -> Iterator[Row]:
    gate = policy.gate
    yield "gates without contact", Unknown[gate.on_stale.upper()], Stricter.MORE
    yield "gates before contact", Unknown[gate.on_cold_start.upper()], Stricter.MORE
    yield "requests without a name", Unknown[gate.on_no_identity.upper()], Stricter.MORE
    yield "a gate's lease", timedelta(seconds=gate.lease_s), Stricter.LESS
    yield "tools while guarded", frozenset(gate.tools_allowed), Stricter.LESS
    yield "words of the preamble", gate.preamble, Stricter.NEITHER
    yield "words of care", "; ".join(f"{language}: {words}" for language, words in gate.care), Stricter.NEITHER


def _effect(old: Row, new: Row) -> Effect:
    _, before, stricter = old
    after = new[1]
    if isinstance(after, Play) and Play.CARE in (before, after):
        # Care protects nobody but the user himself.
        return Effect.WEAKER if after is Play.CARE else Effect.STRICTER
    if stricter is Stricter.NEITHER:
        return Effect.OTHER
    # Sets compare by inclusion: two of which neither holds the other are only different.
    if after > before:
        return Effect.STRICTER if stricter is Stricter.MORE else Effect.WEAKER
    if after < before:
        return Effect.WEAKER if stricter is Stricter.MORE else Effect.STRICTER
    return Effect.OTHER


def _words(value: object) -> str:
    match value:
        case timedelta():
            return _duration(value)
        case Level():
            return value.word
        case Unknown():
            return value.name.lower()
        case Standing(level=level, limits=limits):
            return ", ".join([level.word, *sorted(one.value for one in limits)])
        case frozenset():
            return ", ".join(sorted(value)) or "none"
        case (int(start), int(end)):
            return f"{start} to {end}"
        case None:
            return "none"
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"


def _duration(value: timedelta) -> str:
    if value == timedelta.max:
        return "never"
    name, unit = next((name, unit) for name, unit in _UNITS if value % unit == timedelta(0))
    return f"{value // unit} {name}"
