"""Which inlet can carry which limit: the capability matrix of the gateway, as data.

Law (DESIGN section 6): what cannot be carried is replaced by something stronger, or reported as NOT IN FORCE.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from answerable_gate import Level, Limit, Verdict

Carried = Literal["preamble", "tools", "store", "model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One kind of request: whether its body is read, what it can carry, and whether a model answers it."""

    name: str
    reads_body: bool
    carries: frozenset[Carried]
    is_exchange: bool


ALL: frozenset[Carried] = frozenset(("preamble", "tools", "store", "model"))

CHAT = Route(name="chat", reads_body=True, carries=ALL, is_exchange=True)
# A list of models contains no answer of one: there is nothing in it to limit.
MODELS = Route(name="models", reads_body=False, carries=ALL, is_exchange=False)
OTHER = Route(name="other", reads_body=False, carries=frozenset(), is_exchange=True)

PREFIX = b"/v1/"
_MODELS = re.compile(rb"/v1/models(/[A-Za-z0-9._:-]+)?")
# A dot segment could lead out of the upstream's own prefix once somebody resolves it.
_DOTS = re.compile(rb"(?i)/(\.|%2e){1,2}(/|%2f|\\|%5c|$)|\\|%5c|%2f\.|%2f%2e")


def route_of(method: str, path: bytes) -> Route | None:
    """Give the route of a request, None where the gateway has none."""
    if method == "POST" and path == b"/v1/chat/completions":
        return CHAT
    if not path.startswith(PREFIX) or not path.isascii() or _DOTS.search(path):
        return None
    if method in ("GET", "HEAD") and _MODELS.fullmatch(path):
        return MODELS
    return OTHER


def needed(verdict: Verdict) -> frozenset[Carried]:
    """Say what must be carried for a verdict that limits."""
    needs: set[Carried] = set()
    # What is neither in the tools nor in `store` is said to the model; for now in the words of guarded.
    if verdict.level >= Level.GUARDED or verdict.shields or verdict.limits - {Limit.NO_TOOLS, Limit.NO_MEMORY}:
        needs.add("preamble")
    if Limit.NO_MEMORY in verdict.limits:
        needs.add("store")
    if verdict.tools is not None:
        needs.add("tools")
    if verdict.models is not None:
        needs.add("model")
    return frozenset(needs)


def uncarried(route: Route, verdict: Verdict) -> tuple[Carried, ...]:
    """Give what a route cannot carry of a verdict, sorted."""
    return tuple(sorted(needed(verdict) - route.carries)) if verdict.answer == "limit" else ()


def is_closed(route: Route, verdict: Verdict) -> bool:
    """Say whether a route is refused because it cannot carry what applies.

    From `guarded` on the next stronger step is within the evidence; below it (care alone, a freeze) a refusal would
    go beyond, and what is not in force is reported instead.
    """
    return verdict.answer == "limit" and verdict.level >= Level.GUARDED and bool(uncarried(route, verdict))
