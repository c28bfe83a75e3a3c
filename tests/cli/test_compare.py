"""What one policy changes against another.

Law: whatever differs is named; nobody signs a change that he was not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from enum import Enum
from importlib.resources import files
from typing import Any

import pytest

from answerable.cli.compare import Effect, changes
from answerable.core.facts import Hazard, Tier
from answerable.core.policy import Play, Policy, load
from answerable_gate import Level, Standing

STAFFED = load((files("answerable.blobs") / "policies/staffed.toml").read_text())


def other(value: Any) -> Any:
    """Return another value of the same kind."""
    match value:
        case Standing():
            return Standing(Level.WATCH, value.limits)
        case Enum():
            return next(one for one in type(value) if one != value)
        case timedelta():
            return value + timedelta(seconds=1)
        case int() | float():
            return value + 1
        case "allow":
            return "refuse"
        case str():
            return value + "x"
        case ((str(), str()), *_):  # words by language
            return (*value, ("x", "y"))
        case frozenset() | tuple():
            return type(value)([*value, "x"])
        case None:
            return (1, 2)
    raise AssertionError(value)


def altered(value: Any) -> Iterator[Any]:
    """Yield a value once for each leaf in it, with that leaf changed."""
    if is_dataclass(value) and not isinstance(value, type | Standing):
        for one in fields(value):
            yield from (replace(value, **{one.name: new}) for new in altered(getattr(value, one.name)))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (value | {key: new} for new in altered(inner))
    else:
        yield other(value)


def test_nothing_can_be_changed_unseen() -> None:
    """Every single value of a policy, changed, is one line; its name and the count of adoptions alone are none."""
    refers = replace(STAFFED.tiers[Tier.CONCERN], refer=timedelta(days=9))
    full = replace(STAFFED, tiers={**STAFFED.tiers, Tier.CONCERN: refers})
    unseen = [policy for policy in altered(full) if len(changes(full, policy)) != 1]
    names = (policy.version != full.version or policy.gate.version != full.gate.version for policy in unseen)
    assert all(names)
    assert len(unseen) == 2
    assert changes(STAFFED, STAFFED) == []


def tier(**values: Any) -> Policy:
    """Return the policy with another tier 1."""
    return replace(STAFFED, tiers={**STAFFED.tiers, Tier.CRITICAL: replace(STAFFED.tiers[Tier.CRITICAL], **values)})


@pytest.mark.parametrize(
    ("new", "what", "before", "after", "effect"),
    [
        (tier(look=timedelta(minutes=5)), "tier 1: time to look", "15 min", "5 min", Effect.STRICTER),
        (tier(refer=None), "tier 1: time to refer", "1 h", "never", Effect.WEAKER),
        (tier(expiry=Level.PAUSED), "tier 1: when nobody decides", "suspended", "paused", Effect.WEAKER),
        (
            replace(STAFFED, gravest_labels=frozenset({"b", "a"})),
            "gravest labels", "none", "a, b", Effect.STRICTER,
        ),
        (
            replace(STAFFED, gravest_hazards=frozenset({Hazard.THREAT})),
            "gravest hazards", "mass_casualty", "threat", Effect.OTHER,
        ),
        (
            replace(STAFFED, plays={**STAFFED.plays, Hazard.OTHER: Play.CARE}),
            "play of other", "person", "care", Effect.WEAKER,
        ),
        (replace(STAFFED, night=(20, 8)), "night, hours UTC", "none", "20 to 8", Effect.OTHER),
        (
            replace(STAFFED, gate=replace(STAFFED.gate, tools_allowed=("search",))),
            "tools while guarded", "none", "search", Effect.WEAKER,
        ),
        (
            replace(STAFFED, gate=replace(STAFFED.gate, on_stale="refuse")),
            "gates without contact", "allow", "refuse", Effect.STRICTER,
        ),
        (replace(STAFFED, close_sample=0.05), "share of closes that is sampled", "0.1", "0.05", Effect.WEAKER),
    ],
)
def test_each_change_says_whether_it_protects_more_or_less(
    new: Policy, what: str, before: str, after: str, effect: Effect
) -> None:
    """In plain words, from the side of the person at risk; the way back says the opposite."""
    (found,) = changes(STAFFED, new)
    assert (found.what, found.before, found.after, found.effect) == (what, before, after, effect)
    back = {Effect.STRICTER: Effect.WEAKER, Effect.WEAKER: Effect.STRICTER, Effect.OTHER: Effect.OTHER}
    assert [one.effect for one in changes(new, STAFFED)] == [back[effect]]
