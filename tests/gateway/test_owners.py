"""Ids are bound to whoever had them made, and what runs on is ended when a measure arrives."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest

from answerable.errors import NotFound
from answerable.gateway import later, owners
from answerable.gateway.callers import Callers, Key
from answerable.gateway.owners import Made, Owners, made_by
from answerable.gateway.stand_in import StandIn
from answerable_gate import Level, Limit
from tests.gateway.test_app import run
from tests.gateway.world import HEADER, World, follow_log, held, logged, until


def bound(**made: str) -> Owners:
    """Build a table."""
    table = Owners()
    for name, identity in made.items():
        table.bind(name, identity)
    return table


TABLE = bound(resp_00001="a", file_00001="a", file_00002="b")


@pytest.mark.parametrize(
    ("identity", "path", "body", "judged"),
    [
        ("a", b"/responses/resp_00001", None, "a"),
        (None, b"/responses/resp_00001/input_items", None, "a"),
        (None, b"/responses/resp_unknown", None, None),
        ("b", b"/responses/resp_unknown", None, "b"),
        ("b", b"/responses", b'{"input":"resp_00001 and file_00001"}', "b"),
        (None, b"/responses", b'{"previous_response_id":"resp_00001"}', "a"),
        ("a", b"/responses", b'{"conversation":{"id":"resp_00001"},"input":[{"file_id": "file_00001"}]}', "a"),
    ],
)
def test_an_id_is_judged_as_its_makers(identity: str | None, path: bytes, body: bytes | None, judged: str) -> None:
    """Where it is known; else as its user's."""
    assert TABLE.judged_as(identity, path, body) == judged


@pytest.mark.parametrize(
    ("identity", "path", "body"),
    [
        ("b", b"/responses/resp_00001", None),
        ("b", b"/responses/resp%5F00001/cancel", None),
        ("b", b"/responses", b'{"previous_response_id": "resp_00001"}'),
        ("b", b"/responses", b'{"previous_response_id":"\\u0072esp_00001"}'),
        ("b", b"/batches", b'{"input_file_id":"file_00001"}'),
        (None, b"/responses", b'{"input":["file_00001","file_00002"]}'),
        ("b", b"/responses", b'\\u00 {"input":["file_00001"]}'),
    ],
)
def test_anothers_id_is_unknown(identity: str | None, path: bytes, body: bytes | None) -> None:
    """However it is written; and two accounts' ids are nobody's."""
    with pytest.raises(NotFound):
        TABLE.judged_as(identity, path, body)


def test_the_first_maker_holds_and_the_oldest_goes(monkeypatch: Any) -> None:
    """The table has a bound."""
    monkeypatch.setattr(owners, "OWNED_MAX", 2)
    table = bound(resp_1="a")
    table.bind("resp_1", "b")
    assert table.judged_as(None, b"/responses/resp_1", None) == "a"
    table.bind("resp_2", "b")
    table.bind("resp_3", "b")
    assert len(table) == 2
    assert table.judged_as("b", b"/responses/resp_1", None) == "b"


@pytest.mark.parametrize(
    ("path", "said", "made"),
    [
        (b"/responses", {"id": "resp_1"}, Made("resp_1", False)),
        (b"/responses", {"id": "resp_1", "background": True}, Made("resp_1", True)),
        (b"/responses", {"type": "response.created", "response": {"id": "r", "background": True}}, Made("r", True)),
        (b"/batches", {"id": "batch_1"}, Made("batch_1", True)),
        (b"/files", {"id": "file_1"}, Made("file_1", False)),
        (b"/files", {"object": "list"}, None),
        (b"/files", {"id": 7}, None),
        (b"/files", {"id": "x" * 129}, None),
    ],
)
def test_an_answer_says_what_it_made(path: bytes, said: dict, made: Made | None) -> None:
    """Whole or in its first event."""
    assert made_by(path, json.dumps(said).encode()) == made
    assert made_by(path, b"[DONE]") is None


async def made(world: World, path: str, who: str | None = "subject_a", body: bytes = b"{}") -> str:
    """Have something made."""
    got = await world.send(body, who, path=path)
    assert got.status == 200
    return got.json["id"]


@pytest.mark.parametrize("kind", ["files", "threads", "conversations", "uploads", "batches", "responses"])
def test_what_one_account_made_another_cannot_use(kind: str) -> None:
    """404 as for any unknown; without an identity its maker's measures hold."""

    async def story(world: World) -> None:
        mine = await made(world, f"/v1/{kind}")

        async def get(who: str | None) -> int:
            named = {HEADER: who} if who else {}
            async with world.session.get(f"{world.base}/v1/{kind}/{mine}", headers=named) as response:
                return response.status

        assert [await get("subject_a"), await get("somebody"), await get(None)] == [200, 404, 200]
        asked = json.dumps({"input": "Hi", "previous_response_id": mine}).encode()
        assert (await world.send(asked, "somebody", path="/v1/responses")).code == "not_found"
        await world.hold(held(Level.PAUSED))
        assert [await get(None), await get("somebody")] == [403, 404]

    run(story)


def test_what_nobody_made_is_nobodys() -> None:
    """A second gateway, or this one after a restart, knows as little: its user is judged as himself."""

    async def story(world: World) -> None:
        its = await made(world, "/v1/files", None)
        for who in ("subject_a", "somebody"):
            async with world.session.get(f"{world.base}/v1/files/{its}", headers={HEADER: who}) as response:
                assert response.status == 200

    run(story)


def test_the_id_of_a_stream_is_known_with_its_first_event() -> None:
    """Before it has ended."""

    async def story(world: World) -> None:
        url, named = f"{world.base}/v1/responses", {HEADER: "subject_a"}
        asked = {"input": "Hi", "stream": True}
        async with world.session.post(url, data=json.dumps(asked), headers=named) as response:
            first = await response.content.readuntil(b"\n\n")
            its = json.loads(first.partition(b"data: ")[2])["response"]["id"]
            async with world.session.get(f"{url}/{its}", headers={HEADER: "somebody"}) as got:
                assert got.status == 404

    run(story, World(upstream=StandIn(token_s=0.02, words=50)))


BACKGROUND = json.dumps({"model": "m1", "input": "Hi", "background": True}).encode()


def paths(world: World) -> list:
    """Give where the model was asked."""
    return [request["path"] for request in world.upstream.requests]


@pytest.mark.parametrize("level", [Level.GUARDED, Level.PAUSED])
@pytest.mark.parametrize(
    ("path", "body"), [("/v1/responses", BACKGROUND), ("/v1/batches", b"{}"), ("/v1/messages/batches", b"{}")]
)
def test_what_runs_on_is_ended_within_a_second(level: Level, path: str, body: bytes, caplog: Any) -> None:
    """With the operator's key; what others run goes on."""
    follow_log(caplog)

    async def story(world: World) -> None:
        mine = await made(world, path, body=body)
        await made(world, path, "somebody", body=body)
        await world.hold(held(level))
        await until(lambda: f"{path}/{mine}/cancel" in paths(world))
        assert world.upstream.requests[-1]["headers"]["x-api-key" if "messages" in path else "authorization"]
        await until(lambda: logged(caplog, "run_ended"))

    assert len([path for path in paths(run(story)) if path.endswith("/cancel")]) == 1


def test_what_is_decided_of_a_tenant_ends_its_end_users_runs() -> None:
    """As it cuts their streams; what another tenant's run goes on."""
    keys = {hashlib.sha256(f"sk-{name}".encode()).digest(): Key("tenant", name) for name in ("acme", "other")}
    callers = Callers(header=b"x-answerable-user", keys=keys)

    async def story(world: World) -> None:
        for name in ("other", "acme"):
            named = {"Authorization": f"Bearer sk-{name}", "OpenAI-Safety-Identifier": "u-7"}
            got = await world.send(BACKGROUND, None, path="/v1/responses", headers=named)
            mine = json.loads(got.body)["id"]
        await world.hold(held(Level.PAUSED, subject="acme"), subject="acme")
        await until(lambda: f"/v1/responses/{mine}/cancel" in paths(world))

    world = World(changes={"callers": callers})
    assert len([path for path in paths(run(story, world)) if path.endswith("/cancel")]) == 1


def test_below_guarded_runs_go_on() -> None:
    """And an answer that somebody waited for is none that could be ended."""

    async def story(world: World) -> None:
        await made(world, "/v1/responses", body=BACKGROUND)
        await made(world, "/v1/responses", body=b'{"input":"Hi"}')
        await world.hold(held(Level.WATCH, limits=frozenset({Limit.CARE})))
        await asyncio.sleep(0.2)

    assert not [path for path in paths(run(story)) if path.endswith("/cancel")]


def test_a_model_that_does_not_take_it_is_asked_again(caplog: Any, monkeypatch: Any) -> None:
    """A bounded number of times; then somebody is told."""
    follow_log(caplog)
    monkeypatch.setattr(later, "AGAIN_S", 0.01)
    monkeypatch.setattr(later, "TRIES", 3)

    class Busy(StandIn):
        """A stand-in that fails to cancel."""

        tried = 0

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["path"].endswith("/cancel"):
                type(self).tried += 1
                await send({"type": "http.response.start", "status": 500, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return
            await super().__call__(scope, receive, send)

    async def story(world: World) -> None:
        mine = await made(world, "/v1/batches")
        await world.hold(held(Level.PAUSED))
        await until(lambda: logged(caplog, "run_not_ended"))
        assert logged(caplog, "run_not_ended")[0]["run"] == mine

    run(story, World(upstream=Busy(token_s=0)))
    assert Busy.tried == 3


def test_the_oldest_run_is_forgotten_where_there_is_no_room(monkeypatch: Any) -> None:
    """And not watched any more."""
    monkeypatch.setattr(later, "RUNS_MAX", 1)

    async def story(world: World) -> None:
        first, second = await made(world, "/v1/batches"), await made(world, "/v1/batches")
        await world.hold(held(Level.PAUSED))
        await until(lambda: f"/v1/batches/{second}/cancel" in paths(world))
        assert f"/v1/batches/{first}/cancel" not in paths(world)

    run(story)
