"""Policy is data.

Law: every shipped policy loads, a policy that breaks any rule does not, and no later version loosens a running case.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest

from answerable.core.facts import DeadlineKind, Grade, Hazard, Tier
from answerable.core.policy import (
    CARE_ONLY,
    Play,
    PolicyError,
    asks_for_referral,
    care_hazards,
    default_standing,
    duration,
    is_night,
    load,
    problems,
    strictest,
)
from answerable_gate import NOTHING, Level, Limit, Standing
from tests.core.builders import STAFFED, hours, of_tier

POLICIES = files("answerable.blobs") / "policies"
TEXT = (POLICIES / "staffed.toml").read_text()
NIGHT, DAY = datetime(2031, 1, 1, 23, tzinfo=UTC), datetime(2031, 1, 1, 12, tzinfo=UTC)
STALKING = frozenset({Hazard.STALKING})


@pytest.mark.parametrize("name", ["startup", "staffed", "platform"])
def test_every_shipped_policy_loads(name: str) -> None:
    """What we ship keeps our own rules."""
    policy = load((POLICIES / f"{name}.toml").read_text())
    assert policy.version.startswith(name)
    assert problems(policy) == ()


# (what is in the file, what is put there, what the refusal says)
BROKEN = [
    ('e0 = "watch"', 'e0 = "guarded"', "ceiling of E0"),
    ('e1 = "guarded"', 'e1 = "paused"', "ceiling of E1"),
    ('e2 = "paused"', 'e2 = "suspended"', "ceiling of E2"),
    ('e3 = "suspended"', 'e3 = "terminated"', "ceiling of E3"),
    ('e0 = "watch"', 'e0 = "none"', "at least watch is needed"),
    ('e3 = "suspended"', 'e3 = "paused"', "at least suspended is needed"),
    ('hazards = ["mass_casualty"', 'hazards = ["other"', "among the gravest"),
    ('redraw_after = "24h"', 'redraw_after = "1m"', "to sign"),
    ('limits = ["care"]', 'limits = ["care", "no_tools"]', "care and nothing more"),
    ('limits = ["care"]', "limits = []", "care and nothing more"),
    ('level = "none"', 'level = "paused"', "care and nothing more"),
    ('self_harm = "care"', 'self_harm = "person"', "self_harm must have the play care"),
    ('crisis = "care"', 'crisis = "public"', "crisis must have the play care"),
    ('psychosis = "care"', 'psychosis = "person"', "psychosis must have the play care"),
    ('stalking = "person"', 'stalking = "care"', "stalking may not have the play care"),
    ('mass_casualty = "public"', 'mass_casualty = "care"', "mass_casualty may not have the play care"),
    ('expiry = "suspended"', 'expiry = "terminated"', "never terminated by itself"),
    ('expiry = "suspended"', 'expiry = "paused"', "tier 1 is at least guarded"),
    ('at_once = "guarded"\nexpiry = "suspended"', 'at_once = "watch"\nexpiry = "suspended"', "tier 1 is at least"),
    ('expiry = "paused"', 'expiry = "guarded"', "tier 2 is at least paused"),
    ('expiry = "watch"', 'expiry = "none"', "tier 3: expiry may not be looser"),
    ('at_once = "none"', 'at_once = "guarded"', "tier 3: expiry may not be looser"),
    ('look = "15m"', 'look = "16m"', "tier 1: look"),
    ('decide = "1h"', 'decide = "2h"', "tier 1: decide"),
    ('answer = "24h"', 'answer = "25h"', "tier 1: answer"),
    ('look = "4h"', 'look = "13h"', "tier 2: look"),
    ('decide = "24h"', 'decide = "24h"\ndecide_at_night = "49h"\n', "tier 2: decide"),
    ('decide = "7d"', 'decide = "15d"', "tier 3: decide"),
    ('refer = "1h"\n', "", "tier 1 must have a referral limit"),
    ('1 = "72h"', '1 = "71h"', "cooling-off of tier 1"),
    ('2 = "24h"', '2 = "23h"', "cooling-off of tier 2"),
    ('3 = "24h"', '3 = "1h"', "cooling-off of tier 3"),
    ('guarded_min = "7d"', 'guarded_min = "6d"', "at least 7 days"),
    ('default = "72h"', 'default = "73h"', "reviewed by a human within 72 h"),
    ('step = "14d"', 'step = "13d"', "after 14 days at the earliest"),
    ('measure_first = "90d"', 'measure_first = "91d"', "within 90 days"),
    ('measure_next = "180d"', 'measure_next = "181d"', "within 180"),
    ('second_within = "30d"', 'second_within = "29d"', "at least 30 days"),
    ('look_back = "10m"', 'look_back = "11m"', "within 10 minutes"),
    ("close_sample = 0.1", "close_sample = 0.0", "sampled"),
    ("close_sample = 0.1", "close_sample = 1.1", "sampled"),
    ("lease_s = 60", "lease_s = 900", "lease must be shorter"),
    ("lease_s = 60", "lease_s = 0", "lease must be shorter"),
    ("effects_floor = 20", "effects_floor = 19", "hourly bound"),
    ("effects_factor = 5", "effects_factor = 4", "hourly bound"),
    ('version = "staffed-1"', "", "'version' is missing"),
    ('e0 = "watch"', 'e0 = "gentle"', "no level is called"),
    ('look = "15m"', 'look = "15 minutes"', "is not a duration"),
    ('look = "15m"', "look = 15", "is not a duration"),
    ('look = "15m"', "look = ", "Invalid value"),
    ("[lowering]", "[lowering_]", "'lowering' is missing"),
]


@pytest.mark.parametrize(("good", "bad", "said"), BROKEN, ids=[f"{good} -> {bad}" for good, bad, _ in BROKEN])
def test_a_policy_that_breaks_a_rule_does_not_load(good: str, bad: str, said: str) -> None:
    """Each rule of the house, broken one by one, is named in the refusal."""
    night = "\n[night]\nfrom_hour = 21\nto_hour = 7\n" if "night" in bad else ""
    assert TEXT.count(good) >= 1
    with pytest.raises(PolicyError, match=re.escape(said)):
        load(TEXT.replace(good, bad, 1) + night)


def test_words_of_care_are_told_in_the_order_of_the_file() -> None:
    """The first are for every other language; a policy may have none, and none may be empty."""
    words, _, care = TEXT.partition("[gate.care]")
    assert care
    told = load(f'{words}[gate.care]\nDE = "Sei freundlich."\nen = "Be kind."').gate.care
    assert told == (("de", "Sei freundlich."), ("en", "Be kind."))
    assert load(words).gate.care == ()
    with pytest.raises(PolicyError, match="care"):
        load(f'{words}[gate.care]\nen = " "')


def test_an_empty_preamble_does_not_load() -> None:
    """Guarded without its words would be guarded in name only."""
    with pytest.raises(PolicyError, match="preamble"):
        load(re.sub(r'preamble = """.*?"""', 'preamble = " "', TEXT, flags=re.DOTALL))


def test_every_broken_rule_is_named_at_once() -> None:
    """Whoever writes a policy mends it in one go."""
    with pytest.raises(PolicyError) as refused:
        load(TEXT.replace('look = "15m"', 'look = "16m"').replace('e0 = "watch"', 'e0 = "paused"'))
    assert len(refused.value.problems) == 2


def test_durations_are_read_strictly() -> None:
    """A number and a unit; no zero, no sign, no space."""
    assert [duration(text) for text in ("30s", "15m", "72h", "90d")] == [
        timedelta(seconds=30), timedelta(minutes=15), hours(72), timedelta(days=90),
    ]
    for text in ("0m", "-1h", "1 h", "h", "1w", ""):
        with pytest.raises(ValueError, match="is not a duration"):
            duration(text)


@pytest.mark.parametrize(
    ("night", "hour", "expected"),
    [((21, 7), 23, True), ((21, 7), 6, True), ((21, 7), 7, False), ((1, 5), 0, False), ((1, 5), 4, True)],
)
def test_a_night_may_wrap_midnight(night: tuple[int, int], hour: int, expected: bool) -> None:
    """From its first hour to before its last."""
    assert is_night(night, hour) is expected


def test_a_small_shop_sleeps_in_tiers_2_and_3_only() -> None:
    """At night the decision may take longer; never in tier 1."""
    policy = load((POLICIES / "startup.toml").read_text())
    assert policy.decide_within(Tier.SERIOUS, now=NIGHT) == hours(36)
    assert policy.decide_within(Tier.SERIOUS, now=DAY) == hours(24)
    assert policy.decide_within(Tier.CRITICAL, now=NIGHT) == hours(1)


def test_a_night_limit_without_a_night_never_becomes_one() -> None:
    """A later policy's night does not lengthen what an earlier one promised by day (L3)."""
    sleepless = load(TEXT.replace('decide = "24h"', 'decide = "24h"\ndecide_at_night = "48h"'))
    startup = load((POLICIES / "startup.toml").read_text())
    assert strictest(sleepless, startup).decide_within(Tier.SERIOUS, now=NIGHT) == hours(24)


@pytest.mark.parametrize("other", ["startup", "platform"])
def test_the_strictest_is_as_strict_as_each(other: str) -> None:
    """Every limit as short and every level as high as in either; the version is the newer one's."""
    new = load((POLICIES / f"{other}.toml").read_text())
    both = strictest(STAFFED, new)
    assert both.version == new.version
    for tier in Tier:
        for now in (DAY, NIGHT):
            least = min(STAFFED.decide_within(tier, now=now), new.decide_within(tier, now=now))
            assert both.decide_within(tier, now=now) <= least
        assert both.tiers[tier].look == min(STAFFED.tiers[tier].look, new.tiers[tier].look)
        assert both.lowering.cooling_off[tier] >= STAFFED.lowering.cooling_off[tier]
    assert problems(both) == ()
    assert strictest(both, new) == both


def test_a_later_policy_cannot_turn_an_act_into_mere_worry() -> None:
    """A hazard that asked for protection in a running case goes on asking for it."""
    milder = replace(STAFFED, plays={**STAFFED.plays, Hazard.OTHER: Play.CARE})
    assert strictest(STAFFED, milder).plays[Hazard.OTHER] is Play.PERSON
    assert strictest(milder, STAFFED).plays[Hazard.OTHER] is Play.PERSON
    assert strictest(milder, milder).plays[Hazard.OTHER] is Play.CARE


def test_a_referral_limit_stays_when_a_later_policy_has_none() -> None:
    """What owed a referral owes it on."""
    without = of_tier(Tier.SERIOUS, refer=None)
    assert strictest(STAFFED, without).tiers[Tier.SERIOUS].refer == hours(24)
    assert strictest(without, without).tiers[Tier.SERIOUS].refer is None


def test_limits_by_kind() -> None:
    """Every kind of deadline has its limit, and tier 3 no referral."""
    limits = {kind: STAFFED.within(Tier.CONCERN, kind, now=DAY) for kind in DeadlineKind}
    assert limits == {
        DeadlineKind.LOOK: timedelta(days=2),
        DeadlineKind.DECIDE: timedelta(days=7),
        DeadlineKind.ANSWER: timedelta(days=14),
        DeadlineKind.TENANT: timedelta(days=14),
        DeadlineKind.REFER: None,
        DeadlineKind.DEFAULT_REVIEW: hours(72),
        DeadlineKind.DEFAULT_STEP: timedelta(days=14),
        DeadlineKind.CALL_BACK: timedelta(days=7),
        DeadlineKind.MEASURE_REVIEW: timedelta(days=90),
    }


@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize("grade", list(Grade))
@pytest.mark.parametrize("at_once", [True, False])
def test_no_default_goes_above_the_ceiling_of_its_evidence(tier: Tier, grade: Grade, at_once: bool) -> None:
    """The level is the tier's, under the grade's ceiling, and never terminated (L13)."""
    got = default_standing(STAFFED, tier, grade, hazards=STALKING, at_once=at_once)
    rule = STAFFED.tiers[tier]
    assert got.level == min(rule.at_once if at_once else rule.expiry, STAFFED.ceilings[grade])
    assert got.level < Level.TERMINATED


def test_worry_is_care_and_mixed_hazards_carry_it_along() -> None:
    """Care alone has no level; beside an act it joins the level, and beside nothing it is nothing."""
    worry, both = frozenset({Hazard.CRISIS}), frozenset({Hazard.CRISIS, Hazard.THREAT})
    assert default_standing(STAFFED, Tier.CRITICAL, Grade.E3, hazards=worry, at_once=False) == CARE_ONLY
    mixed = default_standing(STAFFED, Tier.SERIOUS, Grade.E1, hazards=both, at_once=True)
    assert mixed == Standing(Level.GUARDED, frozenset({Limit.CARE}))
    assert default_standing(STAFFED, Tier.CONCERN, Grade.E1, hazards=STALKING, at_once=True) == NOTHING
    assert care_hazards(STAFFED) == {Hazard.SELF_HARM, Hazard.CRISIS, Hazard.PSYCHOSIS}


def test_the_gravest_and_the_referral_and_the_bound() -> None:
    """Small questions that a policy answers."""
    assert STAFFED.is_gravest(Hazard.MASS_CASUALTY, None)
    assert not STAFFED.is_gravest(Hazard.THREAT, "violence")
    assert asks_for_referral(STAFFED, STALKING)
    assert not asks_for_referral(STAFFED, frozenset({Hazard.OTHER, Hazard.CRISIS}))
    assert (STAFFED.effects_bound(1), STAFFED.effects_bound(9)) == (20, 45)


def test_words_around_an_act_are_kept_from_a_day_to_four_hundred() -> None:
    """Ninety where a policy says nothing; outside the bounds it does not load."""
    assert STAFFED.spans_kept == timedelta(days=90)
    for days in (1, 400):
        assert problems(replace(STAFFED, spans_kept=timedelta(days=days))) == ()
    for kept in (timedelta(hours=23), timedelta(days=401)):
        (problem,) = problems(replace(STAFFED, spans_kept=kept))
        assert "from a day to 400 days" in problem
