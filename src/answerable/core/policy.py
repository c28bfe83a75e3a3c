"""Policy is data: limits, ceilings and plays, versioned; one that breaks a rule of the house does not load."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from answerable.core.facts import DeadlineKind, Grade, Hazard, Tier
from answerable_gate import NOTHING, GatePolicy, Level, Limit, Standing


class PolicyError(ValueError):
    """The policy breaks a rule; every broken rule is listed."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("the policy does not load: " + "; ".join(problems))


class Play(StrEnum):
    """What a hazard asks for: a shield for one person, a referral clock for the public, or only care."""

    PERSON = "person"
    PUBLIC = "public"
    CARE = "care"


CARE_ONLY = Standing(Level.NONE, frozenset({Limit.CARE}))

# The house table (DESIGN section 5): no policy may be slower in tier 1, or weaker anywhere.
CEILING_MAX = {Grade.E0: Level.WATCH, Grade.E1: Level.GUARDED, Grade.E2: Level.PAUSED, Grade.E3: Level.SUSPENDED}
LIMIT_MAX = {
    Tier.CRITICAL: {"look": timedelta(minutes=15), "decide": timedelta(hours=1), "answer": timedelta(hours=24)},
    Tier.SERIOUS: {"look": timedelta(hours=12), "decide": timedelta(hours=48), "answer": timedelta(days=3)},
    Tier.CONCERN: {"look": timedelta(days=4), "decide": timedelta(days=14), "answer": timedelta(days=14)},
}
COOLING_OFF_MIN = {
    Tier.CRITICAL: timedelta(hours=72),
    Tier.SERIOUS: timedelta(hours=24),
    Tier.CONCERN: timedelta(hours=24),
}
REDRAW_MIN = timedelta(hours=12)
STEP_MIN = timedelta(days=14)
SPANS_KEPT, SPANS_KEPT_MAX = "90d", timedelta(days=400)
SOURCE_FLOOR, SOURCE_FLOOR_MIN = 100, 10
CARE_HAZARDS = (Hazard.SELF_HARM, Hazard.CRISIS, Hazard.PSYCHOSIS)
ACT_HAZARDS = (Hazard.STALKING, Hazard.THREAT, Hazard.INTIMATE_IMAGES, Hazard.IMPERSONATION, Hazard.MASS_CASUALTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRule:
    """What one tier owes and does: limits from arming, a level at once and a level at expiry."""

    look: timedelta
    decide: timedelta
    decide_at_night: timedelta
    answer: timedelta
    refer: timedelta | None
    at_once: Level
    expiry: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowering:
    """What the interlock asks (L4)."""

    cooling_off: Mapping[Tier, timedelta]
    guarded_min: timedelta
    redraw_after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One adopted version of the operator's rules."""

    version: str
    tiers: Mapping[Tier, TierRule]
    ceilings: Mapping[Grade, Level]
    plays: Mapping[Hazard, Play]
    care_default: Standing
    gravest_hazards: frozenset[Hazard]
    gravest_labels: frozenset[str]
    lowering: Lowering
    default_review: timedelta
    default_step: timedelta
    measure_review_first: timedelta
    measure_review_next: timedelta
    second_notice_within: timedelta
    look_back_limit: timedelta
    effects_floor: int
    effects_factor: int
    source_floor: int
    spans_kept: timedelta
    close_sample: float
    night: tuple[int, int] | None
    gate: GatePolicy

    def decide_within(self, tier: Tier, *, now: datetime) -> timedelta:
        """Return the time to decide; at night a small shop may have longer, in tiers 2 and 3 only."""
        rule = self.tiers[tier]
        return rule.decide_at_night if self.night and is_night(self.night, now.hour) else rule.decide

    def within(self, tier: Tier, kind: DeadlineKind, *, now: datetime) -> timedelta | None:
        """Return the limit of a deadline set now, or None where this tier owes nothing of the kind."""
        rule = self.tiers[tier]
        match kind:
            case DeadlineKind.LOOK:
                return rule.look
            case DeadlineKind.DECIDE | DeadlineKind.CALL_BACK:
                return self.decide_within(tier, now=now)
            case DeadlineKind.ANSWER | DeadlineKind.TENANT:
                return rule.answer
            case DeadlineKind.REFER:
                return rule.refer
            case DeadlineKind.DEFAULT_REVIEW:
                return self.default_review
            case DeadlineKind.DEFAULT_STEP:
                return self.default_step
        return self.measure_review_first

    def is_gravest(self, hazard: Hazard, label: str | None) -> bool:
        """Tell whether a flag is of the gravest class: by its canonical hazard or by the vendor's own label."""
        return hazard in self.gravest_hazards or (label is not None and label in self.gravest_labels)

    def effects_bound(self, median: int) -> int:
        """Return how many automatic effects notices without E2 may have in an hour (L13)."""
        return max(self.effects_floor, self.effects_factor * median)

    def source_bound(self, median: int) -> int:
        """Return how many signals one source may raise in an hour before it counts as flooding."""
        return max(self.source_floor, self.effects_factor * median)


def is_night(night: tuple[int, int], hour: int) -> bool:
    """Tell whether an hour (0-23, UTC) lies in the night from `night[0]` to `night[1]`, which may wrap midnight."""
    start, end = night
    return start <= hour < end if start <= end else hour >= start or hour < end


def load(text: str) -> Policy:
    """Read a policy from TOML. Raise `PolicyError` with every rule it breaks, missing keys included."""
    try:
        policy = _policy(tomllib.loads(text))
    except KeyError as missing:
        raise PolicyError((f"key {missing.args[0]!r} is missing",)) from missing
    except (tomllib.TOMLDecodeError, ValueError, TypeError, AttributeError) as error:
        raise PolicyError((str(error),)) from error
    broken = problems(policy)
    if broken:
        raise PolicyError(broken)
    return policy


def problems(policy: Policy) -> tuple[str, ...]:
    """List every rule of DESIGN section 5 that the policy breaks."""
    return (*_ceiling_problems(policy), *_tier_problems(policy), *_lowering_problems(policy), *_gate_problems(policy))


def _ceiling_problems(policy: Policy) -> list[str]:
    found = [
        f"ceiling of {grade.name} is {policy.ceilings[grade].word}, at most {CEILING_MAX[grade].word} is allowed"
        for grade in Grade
        if policy.ceilings[grade] > CEILING_MAX[grade]
    ]
    # Below it every default would be nothing, and silence would protect nobody (L1).
    found += [
        f"ceiling of {grade.name} is {policy.ceilings[grade].word}, at least {CEILING_MAX[grade].word} is needed"
        for grade in Grade
        if policy.ceilings[grade] < CEILING_MAX[grade]
    ]
    if Hazard.MASS_CASUALTY not in policy.gravest_hazards:
        found.append("mass_casualty is among the gravest hazards")
    if policy.care_default != CARE_ONLY:
        found.append("the default of self-harm, crisis and psychosis is care and nothing more")
    found += [
        f"hazard {hazard} must have the play care"
        for hazard in CARE_HAZARDS
        if policy.plays[hazard] is not Play.CARE
    ]
    found += [
        f"hazard {hazard} may not have the play care, which would never protect anybody else"
        for hazard in ACT_HAZARDS
        if policy.plays[hazard] is Play.CARE
    ]
    return found


def _tier_problems(policy: Policy) -> list[str]:
    found: list[str] = []
    for tier, rule in policy.tiers.items():
        if max(rule.at_once, rule.expiry) > Level.SUSPENDED:
            found.append(f"tier {tier.value}: an account is never terminated by itself")
        if rule.expiry < max(rule.at_once, Level.WATCH):
            found.append(f"tier {tier.value}: expiry may not be looser than what holds at once, nor than watch")
        longest = LIMIT_MAX[tier]
        limits = {"look": rule.look, "decide": max(rule.decide, rule.decide_at_night), "answer": rule.answer}
        found += [
            f"tier {tier.value}: {name} is {limit}, at most {longest[name]} is allowed"
            for name, limit in limits.items()
            if not timedelta(0) < limit <= longest[name]
        ]
    if policy.tiers[Tier.CRITICAL].at_once < Level.GUARDED or policy.tiers[Tier.CRITICAL].expiry < Level.SUSPENDED:
        found.append("tier 1 is at least guarded at once and suspended at expiry, as far as the evidence allows")
    if policy.tiers[Tier.SERIOUS].expiry < Level.PAUSED:
        found.append("tier 2 is at least paused at expiry, as far as the evidence allows")
    if policy.tiers[Tier.CRITICAL].refer is None:
        found.append("tier 1 must have a referral limit")
    return found


def _lowering_problems(policy: Policy) -> list[str]:
    found = [
        f"cooling-off of tier {tier.value} is {policy.lowering.cooling_off[tier]}, at least {least} is required"
        for tier, least in COOLING_OFF_MIN.items()
        if policy.lowering.cooling_off[tier] < least
    ]
    if policy.lowering.guarded_min < timedelta(days=7):
        found.append("a restored account stays guarded for at least 7 days")
    if policy.lowering.redraw_after < REDRAW_MIN:
        found.append(f"the second person drawn has at least {REDRAW_MIN} to sign: nobody draws until a friend comes")
    if policy.default_review > timedelta(hours=72):
        found.append("a default is reviewed by a human within 72 h")
    if policy.default_step < STEP_MIN:
        found.append(f"a default that nobody reviewed falls one level after {STEP_MIN.days} days at the earliest")
    if policy.measure_review_first > timedelta(days=90) or policy.measure_review_next > timedelta(days=180):
        found.append("a measure is re-decided within 90 days, then within 180")
    if policy.second_notice_within < timedelta(days=30):
        found.append("a second notice counts as such for at least 30 days")
    if policy.look_back_limit > timedelta(minutes=10):
        found.append("a look-back ends within 10 minutes")
    if not 0.0 < policy.close_sample <= 1.0:
        found.append("closes by one person are sampled: a share above 0 and at most 1")
    return found


def _gate_problems(policy: Policy) -> list[str]:
    shortest = min(min(rule.look, rule.decide) for rule in policy.tiers.values())
    found = []
    if not 0 < policy.gate.lease_s < shortest.total_seconds():
        found.append(f"the gate's lease must be shorter than the shortest limit ({shortest})")
    if not policy.gate.preamble.strip():
        found.append("the safety preamble may not be empty")
    if not all(language.strip() and words.strip() for language, words in policy.gate.care):
        found.append("words of care may not be empty")
    if policy.effects_floor < 20 or policy.effects_factor < 5:
        found.append("the hourly bound of automatic effects is at least max(20, 5 x the median)")
    if not timedelta(days=1) <= policy.spans_kept <= SPANS_KEPT_MAX:
        found.append(f"spans are kept for {policy.spans_kept}; from a day to {SPANS_KEPT_MAX.days} days are allowed")
    if policy.source_floor < SOURCE_FLOOR_MIN:
        found.append(f"a source may raise at least {SOURCE_FLOOR_MIN} signals in an hour before it counts as flooding")
    return found


def strictest(one: Policy, other: Policy) -> Policy:
    """Return the newer policy `other` with every limit as short, and every level as high, as in either (L3)."""
    tiers = {tier: _stricter(one.tiers[tier], other.tiers[tier]) for tier in Tier}
    cooling = {tier: max(one.lowering.cooling_off[tier], other.lowering.cooling_off[tier]) for tier in Tier}
    return replace(
        other,
        tiers=tiers,
        ceilings={grade: max(one.ceilings[grade], other.ceilings[grade]) for grade in Grade},
        plays={hazard: _stronger(one.plays[hazard], other.plays[hazard]) for hazard in Hazard},
        close_sample=max(one.close_sample, other.close_sample),
        lowering=replace(
            other.lowering,
            cooling_off=cooling,
            guarded_min=max(one.lowering.guarded_min, other.lowering.guarded_min),
            redraw_after=max(one.lowering.redraw_after, other.lowering.redraw_after),
        ),
        default_review=min(one.default_review, other.default_review),
        default_step=max(one.default_step, other.default_step),
        measure_review_first=min(one.measure_review_first, other.measure_review_first),
        measure_review_next=min(one.measure_review_next, other.measure_review_next),
        look_back_limit=min(one.look_back_limit, other.look_back_limit),
    )


def _stronger(one: Play, other: Play) -> Play:
    return one if other is Play.CARE else other


def _stricter(one: TierRule, other: TierRule) -> TierRule:
    refer = [limit for limit in (one.refer, other.refer) if limit is not None]
    return TierRule(
        look=min(one.look, other.look),
        decide=min(one.decide, other.decide),
        decide_at_night=min(one.decide_at_night, other.decide_at_night),
        answer=min(one.answer, other.answer),
        refer=min(refer, default=None),
        at_once=max(one.at_once, other.at_once),
        expiry=max(one.expiry, other.expiry),
    )


def default_standing(
    policy: Policy, tier: Tier, grade: Grade, *, hazards: frozenset[Hazard], at_once: bool
) -> Standing:
    """Return what a default armed now would put in force: the tier's level under the ceiling of the evidence.

    Where every hazard of the case asks for care only, it is care and never a level (DESIGN section 5, hazards).
    `grade` is the grade of the evidence that speaks of any other hazard: worry about somebody pauses nobody.
    """
    if all(policy.plays[hazard] is Play.CARE for hazard in hazards):
        return policy.care_default
    rule = policy.tiers[tier]
    level = min(rule.at_once if at_once else rule.expiry, policy.ceilings[grade])
    limits = frozenset({Limit.CARE}) if any(policy.plays[hazard] is Play.CARE for hazard in hazards) else frozenset()
    return Standing(level, limits) if level or limits else NOTHING


def care_hazards(policy: Policy) -> frozenset[Hazard]:
    """Return the hazards that ask for care alone."""
    return frozenset(hazard for hazard, play in policy.plays.items() if play is Play.CARE)


def asks_for_referral(policy: Policy, hazards: frozenset[Hazard]) -> bool:
    """Tell whether any hazard of a case asks for a referral decision."""
    return any(policy.plays[hazard] is not Play.CARE and hazard is not Hazard.OTHER for hazard in hazards)


_DURATION = re.compile(r"([1-9][0-9]{0,4})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """Read a duration such as `15m`, `72h` or `90d`. Raise `ValueError` for anything else."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 15m, 72h or 90d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _policy(raw: Mapping[str, Any]) -> Policy:
    lowering, review, bounds, notices = raw["lowering"], raw["review"], raw["bounds"], raw["notices"]
    night = raw.get("night")
    return Policy(
        version=str(raw["version"]),
        tiers={tier: _tier(raw["tiers"][str(tier.value)], has_night=night is not None) for tier in Tier},
        ceilings={grade: Level.of(raw["ceilings"][grade.name.lower()]) for grade in Grade},
        plays={hazard: Play(raw["hazards"][hazard.value]) for hazard in Hazard},
        care_default=_standing(raw["care"]),
        gravest_hazards=frozenset(Hazard(word) for word in raw["gravest"]["hazards"]),
        gravest_labels=frozenset(raw["gravest"]["labels"]),
        lowering=Lowering(
            cooling_off={tier: duration(lowering["cooling_off"][str(tier.value)]) for tier in Tier},
            guarded_min=duration(lowering["guarded_min"]),
            redraw_after=duration(lowering["redraw_after"]),
        ),
        default_review=duration(review["default"]),
        default_step=duration(review["step"]),
        measure_review_first=duration(review["measure_first"]),
        measure_review_next=duration(review["measure_next"]),
        second_notice_within=duration(notices["second_within"]),
        look_back_limit=duration(notices["look_back"]),
        effects_floor=int(bounds["effects_floor"]),
        effects_factor=int(bounds["effects_factor"]),
        source_floor=int(bounds.get("source_floor", SOURCE_FLOOR)),
        spans_kept=duration(raw.get("retention", {}).get("spans", SPANS_KEPT)),
        close_sample=float(review["close_sample"]),
        night=(int(night["from_hour"]), int(night["to_hour"])) if night else None,
        gate=_gate(raw["gate"]),
    )


def _tier(raw: Mapping[str, Any], *, has_night: bool) -> TierRule:
    # A limit for a night that the policy does not have must not become one when a later policy has a night (L3).
    at_night = raw.get("decide_at_night", raw["decide"]) if has_night else raw["decide"]
    return TierRule(
        look=duration(raw["look"]),
        decide=duration(raw["decide"]),
        decide_at_night=duration(at_night),
        answer=duration(raw["answer"]),
        refer=duration(raw["refer"]) if "refer" in raw else None,
        at_once=Level.of(raw["at_once"]),
        expiry=Level.of(raw["expiry"]),
    )


def _standing(raw: Mapping[str, Any]) -> Standing:
    return Standing(Level.of(raw["level"]), frozenset(Limit(word) for word in raw["limits"]))


def _gate(raw: Mapping[str, Any]) -> GatePolicy:
    return GatePolicy(
        version=0,
        preamble=str(raw["preamble"]),
        tools_allowed=tuple(raw["tools_allowed"]),
        on_stale=raw["on_stale"],
        on_cold_start=raw["on_cold_start"],
        on_no_identity=raw["on_no_identity"],
        lease_s=int(raw["lease_s"]),
        care=tuple((str(language).lower(), str(words)) for language, words in raw.get("care", {}).items()),
    )
