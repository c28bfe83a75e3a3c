"""The capability matrix."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from answerable.gateway.routes import (
    BATCHES,
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    FILES,
    IMAGE_EDITS,
    IMAGES,
    MESSAGE_BATCHES,
    MESSAGES,
    MESSAGES_OTHER,
    MESSAGES_SIDE,
    MODELS,
    OTHER,
    REALTIME,
    RESPONSES,
    ROUTES,
    SIDE,
    SPEECH,
    STORED,
    THREADS,
    TRANSCRIPTS,
    Route,
    is_closed,
    route_of,
    uncarried,
)
from answerable_gate import NOTHING, Entry, Frozen, Level, Limit, Request, Shield, Standing, judge
from answerable_gate.carrying import ALL, needed
from tests.gate.build import START, a_policy, an_entry, an_item


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", b"/v1/chat/completions", CHAT),
        ("GET", b"/v1/chat/completions", STORED),
        ("PUT", b"/v1/chat/completions", OTHER),
        ("POST", b"/v1/chat/completions/", None),
        ("POST", b"/v1/Chat/Completions", None),
        ("POST", b"/v1/chat/%63ompletions", None),
        ("POST", b"/v1/chat%2Fcompletions", None),
        ("POST", b"/v1//chat/completions", None),
        ("POST", b"/v1/%2Fchat/completions%20", None),
        ("POST", b"/v1/chat/completions;a=b", None),
        ("POST", b"/v1/chat;a=b/completions", None),
        ("POST", b"/v1/chat/completions#a", None),
        ("POST", b"/v1/chat/completions%23a", None),
        ("POST", b"/v1/Messages", None),
        ("POST", b"/v1/Responses/", None),
        ("GET", b"/v1/responses/resp%5f1", None),
        ("GET", b"/v1/models", MODELS),
        ("HEAD", b"/v1/models/m-1", MODELS),
        ("DELETE", b"/v1/models/m-1", OTHER),
        ("GET", b"/v1/models/m/1", OTHER),
        ("POST", b"/v1/responses", RESPONSES),
        ("GET", b"/v1/responses/resp_1", STORED),
        ("DELETE", b"/v1/responses/resp_1", STORED),
        ("GET", b"/v1/responses/resp_1/input_items", STORED),
        ("POST", b"/v1/responses/resp_1/cancel", SIDE),
        ("POST", b"/v1/responses/a%2fb/cancel", OTHER),
        ("POST", b"/v1/responses/resp_1", OTHER),
        ("POST", b"/v1/completions", COMPLETIONS),
        ("POST", b"/v1/embeddings", EMBEDDINGS),
        ("POST", b"/v1/moderations", SIDE),
        ("POST", b"/v1/images/generations", IMAGES),
        ("POST", b"/v1/images/edits", IMAGE_EDITS),
        ("POST", b"/v1/audio/speech", SPEECH),
        ("POST", b"/v1/audio/transcriptions", TRANSCRIPTS),
        ("POST", b"/v1/files", FILES),
        ("HEAD", b"/v1/files/file-1/content", FILES),
        ("POST", b"/v1/vector_stores/vs_1/files", FILES),
        ("GET", b"/v1/filesystem", OTHER),
        ("POST", b"/v1/batches", BATCHES),
        ("GET", b"/v1/batches/batch_1", SIDE),
        ("POST", b"/v1/threads/thread_1/runs", THREADS),
        ("POST", b"/v1/threads/thread_1/runs/run_1/cancel", SIDE),
        ("POST", b"/v1/conversations", THREADS),
        ("GET", b"/v1/realtime", REALTIME),
        ("POST", b"/v1/realtime/client_secrets", OTHER),
        ("POST", b"/v1/messages", MESSAGES),
        ("POST", b"/v1/messages/count_tokens", MESSAGES_SIDE),
        ("POST", b"/v1/messages/batches", MESSAGE_BATCHES),
        ("GET", b"/v1/messages/batches/b_1/results", MESSAGE_BATCHES),
        ("POST", b"/v1/messages/unheard", MESSAGES_OTHER),
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
    """What could leave the upstream's prefix is none, and neither is another spelling of a known one."""
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


@pytest.mark.parametrize(("standing", "frozen"), list(itertools.product(STANDINGS, FREEZES)))
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_nothing_is_dropped_in_silence(route: Route, standing: Standing, frozen: Frozen | None) -> None:
    """For each route and everything that may apply: carried, refused within the evidence, or reported."""
    model, tools = ("m1", ("b",)) if route.talk is not None and route.reads_body else (None, None)
    request = Request(identity="subject_a", model=model, tools=tools)
    verdict = judge(entry_with(standing, frozen), request, START, a_policy())
    missing = uncarried(route, verdict)
    if verdict.answer != "limit":
        assert missing == ()
        assert not is_closed(route, verdict)
        return
    assert set(missing) == needed(verdict) - route.carries
    is_its_object = bool(route.withheld_by & verdict.limits)
    assert is_closed(route, verdict) == (is_its_object or (standing.level >= Level.GUARDED and missing != ()))


def test_only_a_conversation_carries_by_edits() -> None:
    """Whoever says that he carries everything edits it, or is answered by no model, or is the limit's own object."""
    carrying = {route for route in ROUTES if route.carries == ALL}
    assert {route for route in carrying if route.is_exchange and not route.withheld_by} == {CHAT, RESPONSES, MESSAGES}


@pytest.mark.parametrize(
    ("standing", "needs"),
    [
        (Standing(limits=frozenset({Limit.CARE})), {"preamble"}),
        (Standing(limits=frozenset({Limit.NO_TOOLS})), {"tools"}),
        (Standing(limits=frozenset({Limit.NO_MEMORY})), {"store"}),
        (Standing(limits=frozenset({Limit.NO_DOCUMENTS})), {"documents", "preamble"}),
        (Standing(limits=frozenset({Limit.NO_LIKENESS})), {"preamble"}),
        (Standing(shields=SHIELD), {"names", "preamble"}),
        (Standing(Level.GUARDED), {"documents", "preamble", "store", "tools"}),
    ],
)
def test_each_limit_has_its_way(standing: Standing, needs: set[str]) -> None:
    """No limit is without one."""
    request = Request(identity="subject_a", model="m1", tools=("b",))
    assert needed(judge(entry_with(standing, None), request, START, a_policy())) == needs
    assert needs <= ALL
