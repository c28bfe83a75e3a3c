"""The capability matrix."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from answerable.gateway.routes import ALL, CHAT, MODELS, OTHER, Route, is_closed, needed, route_of, uncarried
from answerable_gate import NOTHING, Entry, Frozen, Level, Limit, Request, Shield, Standing, judge
from tests.gate.build import START, a_policy, an_entry, an_item

ROUTES = (CHAT, MODELS, OTHER)


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", b"/v1/chat/completions", CHAT),
        ("GET", b"/v1/chat/completions", OTHER),
        ("POST", b"/v1/chat/completions/", OTHER),
        ("POST", b"/v1/Chat/Completions", OTHER),
        ("POST", b"/v1/chat/%63ompletions", OTHER),
        ("POST", b"/v1//chat/completions", OTHER),
        ("GET", b"/v1/models", MODELS),
        ("HEAD", b"/v1/models/m-1", MODELS),
        ("DELETE", b"/v1/models/m-1", OTHER),
        ("GET", b"/v1/models/m/1", OTHER),
        ("POST", b"/v1/responses", OTHER),
        ("POST", b"/v2/responses", None),
        ("GET", b"/", None),
        ("GET", b"/v1", None),
        ("GET", b"/v1/../admin", None),
        ("GET", b"/v1/a/%2E%2e/admin", None),
        ("GET", b"/v1/a/.%2e", None),
        ("GET", b"/v1/a%2f..%2fadmin", None),
        ("GET", b"/v1/a%2F%2e%2E%2Fb", None),
        ("GET", b"/v1/a\\..\\b", None),
        ("GET", b"/v1/.hidden", OTHER),
    ],
)
def test_every_request_has_one_route(method: str, path: bytes, route: object) -> None:
    """What only looks like a known one is OTHER, and what could leave the upstream's prefix is none."""
    assert route_of(method, path) is route


SHIELD = frozenset({Shield("person_a", ("Mara",))})
STANDINGS = [
    NOTHING,
    Standing(Level.WATCH),
    *(Standing(Level.WATCH, frozenset({limit})) for limit in Limit),
    Standing(Level.NONE, frozenset(), SHIELD),
    Standing(Level.GUARDED),
]
FREEZES = [None, Frozen(models=("m1",), tools=None), Frozen(models=None, tools=("a",))]


def entry_with(standing: Standing, frozen: Frozen | None) -> Entry:
    """Build an entry under which that is in force."""
    return an_entry(replace(an_item(), standing=standing), frozen=frozen)


@pytest.mark.parametrize(("route", "standing", "frozen"), list(itertools.product(ROUTES, STANDINGS, FREEZES)))
def test_nothing_is_dropped_in_silence(route: Route, standing: Standing, frozen: Frozen | None) -> None:
    """For each route and everything that may apply: carried, refused within the evidence, or reported."""
    model, tools = ("m1", ("b",)) if route is CHAT else (None, None)
    request = Request(identity="subject_a", model=model, tools=tools)
    verdict = judge(entry_with(standing, frozen), request, START, a_policy())
    missing = uncarried(route, verdict)
    if verdict.answer != "limit" or route in (CHAT, MODELS):
        assert missing == ()
    else:
        assert set(missing) == needed(verdict)
        assert missing != ()
    assert is_closed(route, verdict) == (route is OTHER and standing.level >= Level.GUARDED)


@pytest.mark.parametrize(
    ("standing", "needs"),
    [
        (Standing(limits=frozenset({Limit.CARE})), {"preamble"}),
        (Standing(limits=frozenset({Limit.NO_TOOLS})), {"tools"}),
        (Standing(limits=frozenset({Limit.NO_MEMORY})), {"store"}),
        (Standing(limits=frozenset({Limit.NO_DOCUMENTS})), {"preamble"}),
        (Standing(limits=frozenset({Limit.NO_LIKENESS})), {"preamble"}),
        (Standing(shields=SHIELD), {"preamble"}),
        (Standing(Level.GUARDED), {"preamble", "store", "tools"}),
    ],
)
def test_each_limit_has_its_way(standing: Standing, needs: set[str]) -> None:
    """No limit is without one."""
    request = Request(identity="subject_a", model="m1", tools=("b",))
    assert needed(judge(entry_with(standing, None), request, START, a_policy())) == needs
    assert needs <= ALL
