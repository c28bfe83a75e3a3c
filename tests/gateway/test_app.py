"""The gateway as its clients meet it, over real connections: the fault matrix."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from answerable.edge import SystemClock, shift_clock
from answerable.gateway.app import keep
from answerable.gateway.stand_in import StandIn
from answerable_gate import Frozen, Level, Limit, alias
from answerable_gate.io.answers import RETRY_AFTER_S
from tests.gate.build import GATE_KEY, a_policy, an_entry
from tests.gateway.world import REVIEW_BY, Store, World, follow_log, held, logged, until


def run(story: Any, world: World | None = None, *, contact: bool = True) -> World:
    """Run a story in a world and give the world back."""
    world = world or World()

    async def told() -> None:
        async with world.running(contact=contact):
            await story(world)

    asyncio.run(told())
    return world


BODY = b'{ "model":"m1" ,\n"messages":[{"role":"user","content":"Hi \\u00e9"}],"x": 1.50e3 }'


class Mirror:
    """An upstream that says back exactly what reached it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes, dict, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        self.seen.append((scope["method"], target, dict(scope["headers"]), body))
        headers = [
            (b"x-request-id", b"r1"),
            (b"content-type", b"application/json"),
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
        ]
        await send({"type": "http.response.start", "status": 418, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def test_a_request_passes_untouched() -> None:
    """Who stands under nothing: the same bytes in both directions, status, headers and cookies; and no cookie kept."""
    mirror = Mirror()

    async def story(world: World) -> None:
        for _ in range(2):
            got = await world.send(BODY, headers={"X-Trace": "t", "Authorization": "Bearer client", "Cookie": "c=1"})
            assert (got.status, got.body, got.headers["x-request-id"]) == (418, BODY, "r1")

    run(story, World(upstream=mirror))
    method, target, headers, body = mirror.seen[1]
    assert (method, target, body) == ("POST", b"/v1/chat/completions", BODY)
    assert headers[b"authorization"] == b"Bearer upstream-key"
    assert headers[b"x-trace"] == b"t"
    assert headers[b"accept-encoding"] == b"identity"
    assert headers.keys() & {b"x-answerable-user", b"cookie", b"transfer-encoding"} == set()


def test_without_a_key_the_callers_own_is_passed_on() -> None:
    """As the configuration says."""
    mirror = Mirror()
    run(
        lambda world: world.send(BODY, headers={"Authorization": "Bearer client"}),
        World(upstream=mirror, changes={"upstream_key": None}),
    )
    assert mirror.seen[0][2][b"authorization"] == b"Bearer client"


def test_other_routes_pass_as_they_come() -> None:
    """Path, query and a body in pieces."""
    mirror = Mirror()

    async def story(world: World) -> None:
        async def pieces() -> Any:
            for _ in range(50):
                yield b"x" * 10_000

        url = URL(world.base + "/v1/files?purpose=a%20b&x=%2F", encoded=True)
        async with world.session.post(url, data=pieces(), headers={"X-Answerable-User": "subject_a"}) as response:
            assert len(await response.read()) == 500_000
        async with world.session.get(URL(world.base + "/v1/files/f%2F1", encoded=True)) as response:
            assert response.status == 418

    run(story, World(upstream=mirror))
    assert [seen[:2] for seen in mirror.seen] == [
        ("POST", b"/v1/files?purpose=a%20b&x=%2F"),
        ("GET", b"/v1/files/f%2F1"),
    ]


@pytest.mark.parametrize("level", [Level.PAUSED, Level.SUSPENDED, Level.TERMINATED])
def test_who_is_refused_never_reaches_the_model(level: Level) -> None:
    """On every route, known by header or by body; neutral words, the reference, when it is looked at again."""

    async def story(world: World) -> None:
        await world.hold(held(level))
        refusals = [
            await world.chat(),
            await world.chat(None, safety_identifier="subject_a"),
            await world.chat(None, user="subject_a"),
            await world.send(b"x", path="/v1/unheard"),
            await world.send(b"x", path="/v1/unheard/of"),
        ]
        for got in refusals:
            assert (got.status, got.code) == (403, "account_restricted")
            message = got.json["error"]["message"]
            assert "subject_a" in message  # the reference, in this world
            assert f"{REVIEW_BY:%Y-%m-%d}" in message
            assert "object" in message
            assert level.word not in message
        assert (await world.chat("somebody else")).status == 200

    world = run(story)
    assert world.upstream.served == 1


def test_watch_is_invisible() -> None:
    """The request is not changed and the answer neither."""
    mirror = Mirror()

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        got = await world.send(BODY)
        assert (got.status, got.body) == (418, BODY)
        assert "x-answerable-not-in-force" not in got.headers

    run(story, World(upstream=mirror))


def test_who_is_only_watched_is_treated_as_everybody() -> None:
    """A request that the gateway cannot read is for the model to refuse, or being refused here would tell (L11)."""
    mirror = Mirror()

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        for body in (b'{"n":1,"n":2}', b"no JSON", b'{"model":5}'):
            for who in ("subject_a", "somebody"):
                got = await world.send(body, who)
                assert (got.status, got.body) == (418, body)

    rows = run(story, World(upstream=mirror)).store.rows()
    assert [row["model"] for row in rows] == [None, None, None]


@pytest.mark.parametrize(
    "body", [b'{"n":1,"n":2}', b"no JSON", b'{"messages":[],"tools":5}', b'{"messages":[],"model":5}']
)
def test_what_must_be_edited_must_be_readable(body: bytes) -> None:
    """Under a limit nothing passes that the gateway and the model could understand in two ways."""

    async def story(world: World) -> None:
        await world.hold(held(Level.GUARDED))
        assert (await world.send(body)).status == 400

    assert run(story).upstream.served == 0


def test_guarded_is_carried_where_it_can_be() -> None:
    """In a conversation by edits; on a route that cannot be edited by a clear refusal; models can still be listed."""

    async def story(world: World) -> None:
        await world.hold(held(Level.GUARDED))
        tools = [{"type": "function", "function": {"name": name}} for name in ("calculator", "mail")]
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
        got = await world.chat(messages=messages, tools=tools, store=True, temperature=0.5)
        assert (
            "I was told: Take care. I was told: Be brief. My tools: calculator. Hi"
            in got.json["choices"][0]["message"]["content"]
        )
        closed = await world.send(b"x", path="/v1/unheard")
        assert (closed.status, closed.code) == (403, "route_not_available")
        async with world.session.get(world.base + "/v1/models", headers={"X-Answerable-User": "subject_a"}) as listed:
            assert listed.status == 200

    world = run(story)
    body = world.upstream.requests[0]["body"]
    assert (body["store"], body["temperature"]) == (False, 0.5)


def test_what_a_route_cannot_carry_below_guarded_is_reported(caplog: Any) -> None:
    """A refusal would go beyond the evidence: it passes, and header and log say NOT IN FORCE."""
    follow_log(caplog)

    async def story(world: World) -> None:
        await world.hold(held(Level.NONE, limits=frozenset({Limit.CARE, Limit.NO_TOOLS})))
        got = await world.send(b"x", path="/v1/unheard")
        assert (got.status, got.headers["x-answerable-not-in-force"]) == (200, "preamble, tools")
        assert "x-answerable-not-in-force" not in (await world.chat()).headers

    run(story)
    assert logged(caplog, "not_in_force")[0]["not_carried"] == ["preamble", "tools"]


def test_models_and_tools_are_frozen() -> None:
    """A model that the account did not have when its case opened is refused, a tool is removed."""

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH), frozen=Frozen(models=("m1",), tools=("calculator",)))
        got = await world.chat(model="m2")
        assert (got.status, got.code, got.json["error"]["param"]) == (403, "model_not_available", "model")
        tools = [{"type": "function", "function": {"name": name}} for name in ("calculator", "mail")]
        said = (await world.chat(tools=tools)).json["choices"][0]["message"]["content"]
        assert "My tools: calculator." in said
        assert "I was told" not in said
        plain = await world.send(BODY)
        assert plain.status == 200

    world = run(story)
    assert world.upstream.served == 2


def test_a_forged_identity_is_refused() -> None:
    """A second header, a key twice or in other letters: none of them reaches the model."""

    async def story(world: World) -> None:
        await world.hold(held(Level.PAUSED))
        doubtful = [
            await world.send(BODY, "somebody", [("X-Answerable-User", "subject_a")]),
            await world.send(BODY, "somebody, subject_a"),
            await world.send(BODY.replace(b"}", b',"user":"x","user":"subject_a"}'), None),
            await world.send(b'{"user":"x","Safety_Identifier":"subject_a","messages":[]}', None),
            await world.send(b'{"user":["x"]}', None),
            await world.send(b'["subject_a"]', None),
            await world.send(b"\x1f\x8b", None, {"Content-Encoding": "gzip"}),
        ]
        assert [got.status for got in doubtful] == [400, 400, 400, 400, 400, 400, 415]
        assert all(got.json["error"]["type"] == "invalid_request_error" for got in doubtful)
        # The trusted header holds against what the body says.
        assert (await world.chat("somebody", user="subject_a")).status == 200

    assert run(story).upstream.served == 1


@pytest.mark.parametrize(("rule", "chat", "other"), [("allow", 200, 200), ("guarded", 200, 403), ("refuse", 403, 403)])
def test_no_identity_gets_what_policy_says(rule: Any, chat: int, other: int) -> None:
    """And guarded really guards."""

    async def story(world: World) -> None:
        got = await world.chat(None)
        assert got.status == chat
        assert (b"I was told: Take care." in got.body) == (rule == "guarded")
        closed = await world.send(b"x", None, path="/v1/unheard")
        assert closed.status == other
        if other == 403:
            assert closed.code == "identity_required"

    run(story, World(store=Store(policy=a_policy(on_no_identity=rule))))


@pytest.mark.parametrize(
    ("rule", "chat", "code"), [("allow", 200, None), ("guarded", 200, "not_ready"), ("refuse", 503, "not_ready")]
)
def test_before_the_first_contact_policy_holds(rule: Any, chat: int, code: str | None) -> None:
    """With the feed down from the start unknown accounts get what `on_cold_start` says, and are told to come again."""
    policy = a_policy(version=0, on_cold_start=rule)

    async def story(world: World) -> None:
        assert not await world.is_in_force()
        got = await world.chat()
        assert got.status == chat
        assert (b"I was told: Take care." in got.body) == (rule == "guarded")
        if chat == 503:
            assert (got.code, got.headers["retry-after"]) == ("not_ready", str(RETRY_AFTER_S))
        if code:
            closed = await world.send(b"x", path="/v1/unheard")
            assert (closed.status, closed.code) == (503, code)

    run(story, World(store=Store(down=True), changes={"policy": policy}), contact=False)


def test_a_gate_cut_off_keeps_what_it_holds(tmp_path: Path) -> None:
    """Beyond the lease the known stay under their measures, what falls due falls due, the unknown get `on_stale`."""
    store = Store(policy=a_policy(on_stale="refuse", lease_s=1))
    offset = tmp_path / "clock.offset"

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH, name="item_w"), held(Level.PAUSED, due_in=3600))
        store.down = True
        await until(lambda: _is(world, "somebody else", 503))
        assert (await world.chat()).status == 200
        shift_clock(offset, Decimal(3600))
        await until(lambda: _is(world, "subject_a", 403))

    run(story, World(store=store, changes={"clock": SystemClock(offset)}))


async def _is(world: World, user: str, status: int) -> bool:
    return (await world.chat(user)).status == status


def test_a_store_that_comes_back_is_followed_again() -> None:
    """Nobody restarts the gateway."""
    store = Store(down=True)

    async def story(world: World) -> None:
        assert not await world.is_in_force()
        store.down = False
        await until(world.is_in_force)

    run(story, World(store=store), contact=False)


def test_a_body_has_a_limit() -> None:
    """Said in advance, sent in pieces or sent whole: 413, and nothing reaches the model."""

    async def story(world: World) -> None:
        async def pieces() -> Any:
            for _ in range(20):
                yield b"x" * 10_000

        whole = await world.send(b"x" * 100_001)
        assert (whole.status, whole.code) == (413, "too_large")
        async with world.session.post(world.base + "/v1/chat/completions", data=pieces()) as response:
            assert response.status == 413

    assert run(story).upstream.served == 0


def test_nothing_but_the_api_is_there() -> None:
    """Other paths, paths that lead elsewhere and web sockets end at the gateway."""

    async def story(world: World) -> None:
        for path in ("/", "/v1", "/admin", "/v1/%2e%2e/admin"):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(world.base.rpartition(":")[2]))
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert b"404" in (await reader.read()).split(b"\r\n")[0]
            writer.close()
            await writer.wait_closed()

    assert run(story).upstream.served == 0


def test_health_says_whether_the_gate_is_in_force() -> None:
    """In force or not, and by which policy."""

    async def story(world: World) -> None:
        async with world.session.get(world.base + "/health") as response:
            told = await response.json()
        assert told == {
            "in_force": True,
            "contact": "fresh",
            "policy": 1,
            "withheld": 0,
            "lowering_refused": 0,
        }

    run(story)


def test_health_tells_nobody_that_he_is_looked_at() -> None:
    """L11: it stands on the clients' own address, and after a request of the watched it is what it was before."""

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        world.store.status = 503
        async with world.session.get(world.base + "/health") as response:
            before = await response.read()
        for _ in range(3):
            await world.chat()
        async with world.session.get(world.base + "/health") as response:
            assert await response.read() == before

    assert run(story).upstream.served == 3


def test_a_lowering_without_proof_is_refused_and_told(caplog: Any) -> None:
    """The store merely says that nothing stands any more: everything stays, and the log asks for a person."""
    follow_log(caplog)

    async def story(world: World) -> None:
        await world.hold(held(Level.PAUSED))
        await world.store.send(an_entry(version=2))
        await until(lambda: logged(caplog, "not_lowered"))
        assert (await world.chat()).status == 403

    run(story)
    assert logged(caplog, "not_lowered")[0]["items"] == ["item_a"]


def test_a_lowering_with_its_proof_is_followed() -> None:
    """The account is served again."""

    async def story(world: World) -> None:
        await world.hold(held(Level.PAUSED))
        await world.store.send(an_entry(version=2), world.store.log.lift("item_a"))
        await until(lambda: _is(world, "subject_a", 200))

    run(story)


def test_a_stream_passes_as_it_comes() -> None:
    """Event by event, while the model still writes."""

    async def story(world: World) -> None:
        asked = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
        url, headers = world.base + "/v1/chat/completions", {"X-Answerable-User": "subject_a"}
        async with world.session.post(url, data=json.dumps(asked), headers=headers) as response:
            first = await response.content.readany()
            assert world.upstream.finished == 0
            body = first + await response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert body.endswith(b"data: [DONE]\n\n")
        assert b"event: error" not in body

    run(story, World(upstream=StandIn(token_s=0.02, words=100)))


def test_what_runs_beside_is_begun_again(caplog: Any, monkeypatch: Any) -> None:
    """A fault that nobody foresaw ends neither the feed nor the cutting of streams; it is told."""
    follow_log(caplog)
    begun: list[None] = []

    async def run() -> None:
        begun.append(None)
        if len(begun) < 3:
            raise ExceptionGroup("unforeseen", [KeyError("x")])
        raise asyncio.CancelledError

    async def told() -> None:
        monkeypatch.setattr("answerable.gateway.app.AGAIN_S", 0)
        with pytest.raises(asyncio.CancelledError):
            await keep("feed", run)

    asyncio.run(told())
    assert [line["task"] for line in logged(caplog, "failed")] == ["feed", "feed"]


def test_accounts_are_named_to_the_model_where_that_is_wanted() -> None:
    """By the alias that the record knows them by; the limited and the others alike; nobody stays nobody."""

    async def story(world: World) -> None:
        for who in ("subject_a", "somebody", None):
            await world.chat(who)
        await world.hold(held(Level.GUARDED))
        await world.chat()
        await world.send(b"x", path="/v1/unheard")

    world = run(story, World(changes={"identifies": True}))
    known = alias(GATE_KEY, "subject_a").hex()
    told = [request["body"].get("safety_identifier") for request in world.upstream.requests]
    assert told == [known, alias(GATE_KEY, "somebody").hex(), None, known]
