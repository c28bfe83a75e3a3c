"""Judging: what one exchange of one subject gets.

Laws: silence protects (L1), and what was not checked never reads as clear (L10).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from answerable_gate import strict
from answerable_gate.clock import NEVER, from_microseconds, microseconds
from answerable_gate.entry import NAMES_MAX, Entry, Frozen
from answerable_gate.measures import Level, Limit, Shield, Standing, join
from answerable_gate.standing import counts, standing
from answerable_gate.strict import Malformed

PREAMBLE_LENGTH_MAX = 16 * 1024
LANGUAGES_MAX = 64
LANGUAGE_LENGTH_MAX = 16

Answer = Literal["allow", "limit", "refuse"]
Unknown = Literal["allow", "guarded", "refuse"]
# fresh: contact within the lease. stale: contact once, but not within the lease. cold: none since this gate started.
Contact = Literal["fresh", "stale", "cold"]
# Why an exchange is refused: by the subject's level, by a model outside the freeze, or by policy for the unknown.
Ground = Literal["level", "model", "policy"]

# What `guarded` withholds besides its preamble and the allow-list of tools (DESIGN section 5).
GUARDED_LIMITS = frozenset({Limit.NO_MEMORY, Limit.NO_DOCUMENTS})
_GUARDED = Standing(Level.GUARDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an inlet knows of an exchange; None is NOT KNOWN. `stream` is for the inlet and its log alone.

    `tenant` is the key or organisation below which an end user is named: what people decided of it holds for him too.
    """

    identity: str | None
    model: str | None
    tools: tuple[str, ...] | None
    stream: bool = False
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """What the gate does beyond standing; the `on_*` are for unknown subjects, a known one always gets his entry.

    `care` are the words for who is cared for, by language (`de`, `pt-br`); the first are for every other language.
    """

    version: int
    preamble: str
    tools_allowed: tuple[str, ...]
    on_stale: Unknown
    on_cold_start: Unknown
    on_no_identity: Unknown
    lease_s: int
    care: tuple[tuple[str, str], ...] = ()


class Verdict(NamedTuple):
    """What an exchange gets. A tuple and no dataclass, because one is made for each exchange.

    `tools` and `models` are the only ones allowed, None where any is; `not_known` says what could not be checked.
    `review` is the first review still ahead of what is in force, in microseconds since 1970; `review_by` reads it.
    """

    answer: Answer
    level: Level
    limits: frozenset[Limit]
    shields: frozenset[Shield]
    tools: tuple[str, ...] | None
    models: tuple[str, ...] | None
    ground: Ground | None
    not_known: tuple[str, ...]
    reason_ref: str | None = None
    review: int = NEVER

    @property
    def review_by(self) -> datetime | None:
        """Give the date by which a person looks at this again, None where none is ahead."""
        return None if self.review == NEVER else from_microseconds(self.review)


def judge(
    entry: Entry | None,
    request: Request,
    now: datetime,
    policy: GatePolicy,
    *,
    contact: Contact = "fresh",
    fallen: Collection[str] = frozenset(),
    withheld: bool = False,
) -> Verdict:
    """Judge an exchange of the subject of `entry`, or of a subject that the gate holds nothing about.

    Where a newer entry is `withheld`, the subject gets besides his own at least what `on_stale` gives to the unknown.
    """
    if entry is None or not (entry.items or entry.open or entry.frozen):
        return _unknown(request, policy, contact, withheld=withheld)
    there = standing(entry.items, now, fallen)
    unheard = (() if contact == "fresh" else ("contact",)) + (("entry",) if withheld else ())
    if withheld and policy.on_stale != "allow":
        there = join(there, _GUARDED)
    verdict = _known(there, entry.frozen, request, policy, unheard)
    if withheld and policy.on_stale == "refuse" and verdict.ground is None:
        verdict = verdict._replace(answer="refuse", ground="policy")
    reviews = [item.review_by for item in entry.items if item.review_by and counts(item, now, fallen)]
    # A date that has passed says nothing of when somebody will look again.
    ahead = min((microseconds(at) for at in reviews if at > now), default=NEVER)
    return verdict._replace(reason_ref=entry.reason_ref, review=ahead)


def decode_policy(value: object, lease_s: int) -> GatePolicy:
    """Read the policy part of a feed's greeting; raise Malformed."""
    read = strict.members(
        value, "version", "preamble", "tools_allowed", "on_stale", "on_cold_start", "on_no_identity", optional=("care",)
    )
    return GatePolicy(
        version=strict.whole(read["version"]),
        preamble=strict.text(read["preamble"], PREAMBLE_LENGTH_MAX),
        tools_allowed=strict.array(read["tools_allowed"], NAMES_MAX, lambda name: strict.text(name, 200)),
        on_stale=_rule(read["on_stale"]),
        on_cold_start=_rule(read["on_cold_start"]),
        on_no_identity=_rule(read["on_no_identity"]),
        lease_s=lease_s,
        care=strict.array(read.get("care", []), LANGUAGES_MAX, _cared),
    )


def encode_policy(policy: GatePolicy) -> dict[str, object]:
    """Write a policy as plain JSON values; the lease travels beside it."""
    written: dict[str, object] = {
        "version": policy.version,
        "preamble": policy.preamble,
        "tools_allowed": list(policy.tools_allowed),
        "on_stale": policy.on_stale,
        "on_cold_start": policy.on_cold_start,
        "on_no_identity": policy.on_no_identity,
    }
    if policy.care:
        written["care"] = [list(one) for one in policy.care]
    return written


def _cared(value: object) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise Malformed("words of care are a language and a text")
    return strict.text(value[0], LANGUAGE_LENGTH_MAX), strict.text(value[1], PREAMBLE_LENGTH_MAX)


def _rule(value: object) -> Unknown:
    if value in ("allow", "guarded", "refuse"):
        return value
    raise Malformed(f"{value!r:.80} is neither allow nor guarded nor refuse")


def _unknown(request: Request, policy: GatePolicy, contact: Contact, *, withheld: bool) -> Verdict:
    rules: list[Unknown] = []
    not_known: list[str] = []
    if not request.identity:
        rules.append(policy.on_no_identity)
        not_known.append("identity")
    if contact != "fresh":
        rules.append(policy.on_stale if contact == "stale" else policy.on_cold_start)
        not_known.append("contact")
    if withheld:
        rules.append(policy.on_stale)
        not_known.append("entry")
    if "refuse" in rules:
        return _plain("refuse", "policy", tuple(not_known))
    if "guarded" in rules:
        return _known(_GUARDED, None, request, policy, tuple(not_known))
    return _plain("allow", None, tuple(not_known))


def _plain(answer: Answer, ground: Ground | None, not_known: tuple[str, ...]) -> Verdict:
    return Verdict(answer, Level.NONE, frozenset(), frozenset(), None, None, ground, not_known)


def _known(
    there: Standing, frozen: Frozen | None, request: Request, policy: GatePolicy, not_known: Iterable[str]
) -> Verdict:
    guarded = there.level >= Level.GUARDED
    limits = there.limits | GUARDED_LIMITS if guarded else there.limits
    models = None if frozen is None else frozen.models
    tools = _tools(limits, policy.tools_allowed if guarded else None, None if frozen is None else frozen.tools)
    unclear = (*not_known, *_unclear(frozen, request, models, tools))
    ground = _ground(there, request, models)
    if ground is not None:
        answer: Answer = "refuse"
    else:
        answer = "limit" if there.limits_anything or _edits(request, models, tools) else "allow"
    return Verdict(answer, there.level, limits, there.shields, tools, models, ground, unclear)


def _tools(
    limits: frozenset[Limit], by_policy: tuple[str, ...] | None, frozen: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    if Limit.NO_TOOLS in limits:
        return ()
    if by_policy is None or frozen is None:
        return frozen if by_policy is None else by_policy
    return tuple(tool for tool in by_policy if tool in frozen)


def _ground(there: Standing, request: Request, models: tuple[str, ...] | None) -> Ground | None:
    if there.refuses:
        return "level"
    outside = models is not None and request.model is not None and request.model not in models
    return "model" if outside else None


def _edits(request: Request, models: tuple[str, ...] | None, tools: tuple[str, ...] | None) -> bool:
    if models is not None and request.model is None:
        return True
    return tools is not None and (request.tools is None or not set(request.tools) <= set(tools))


def _unclear(
    frozen: Frozen | None, request: Request, models: tuple[str, ...] | None, tools: tuple[str, ...] | None
) -> list[str]:
    unclear = []
    if models is not None and request.model is None:
        unclear.append("model")
    if tools is not None and request.tools is None:
        unclear.append("tools")
    if frozen is not None and (frozen.models is None or frozen.tools is None):
        unclear.append("entitlements")
    return unclear
